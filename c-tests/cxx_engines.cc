/*
 * C++: engines: the linked one, and those of WASMDYLD_TEST_ENGINES ("name=path:name=path") opened at run time beside it.
 */
#include "check.hh"

#include <map>
#include <mutex>

static struct module *sample()
{
    struct module *m = module_new();
    m->memory_size = 8;
    module_import(m, "host", "f", "i", "i");
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 0, I32_CONST, 40, I32_STORE, 2, 0));
    module_function(m, "sum", "i", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 0, LOCAL_GET, 0, CALL, 0, I32_ADD));
    return m;
}

/* All that goes through functions of the engine: a host function, its trap, a typed call, the memory in place. */
static void serves(const Namespace &in)
{
    VALUE(in.try_define("host", "f", [](NamespaceRef ns, int n) -> Result<int> {
        if (n < 0)
            return Error(Code::io, "below zero");
        return VALUE(ns.memory().try_size()) >= 65536 ? 2 * n : 0;
    }));
    Library library = load(in, "sample.so", sample());
    auto sum = VALUE(library.try_function<int(int)>("sum"));
    CHECK(VALUE(sum.try_call(1)) == 42);
    ERROR(sum.try_call(-1), Code::trap, {"host.f: below zero"});
    ERROR(library.try_function<void()>("sum"), Code::type_mismatch, {"func (i32) -> i32"});
    Ptr<int> datum(static_cast<std::uint32_t>(VALUE(library.try_place()).memory_base));
    CHECK(VALUE(in.memory().try_span(datum, 1))[0] == 40);
    VALUE(in.memory().try_write(datum, 50));
    CHECK(VALUE(sum.try_call(1)) == 52);
}

static void linked()
{
    Engine engine = VALUE(Engine::try_create());
    Store store = VALUE(Store::try_create(engine));
    serves(VALUE(Namespace::try_create(store)));
    /* Made with wasm.h, and borrowed. */
    Engine adopted = Engine::adopt(wasm_engine_new());
    wasm_store_t *raw = wasm_store_new(adopted.raw());
    {
        Namespace in = VALUE(Namespace::try_create(Store::borrow(raw)));
        serves(in);
        wasm_func_t *function = nullptr;
        Library library = load(in, "late.so", sample());
        VALUE(library.try_function<int(int)>("sum"));
        function = VALUE(library.try_function<int(int)>("sum")).raw();
        CHECK(function != nullptr);
        static_cast<void>(library.release());
    }
    wasm_store_delete(raw);
    ERROR(EngineLibrary::try_describe_linked({}), Code::busy);
    ok("the linked engine");
}

static void kept_elsewhere()
{
    std::map<std::string, std::vector<std::uint8_t>> shelf;
    std::mutex mutex;
    int found = 0;
    CodeStore store;
    store.get = [&](const std::string &name) -> std::optional<std::vector<std::uint8_t>> {
        std::lock_guard<std::mutex> lock(mutex);
        auto file = shelf.find(name);
        if (file == shelf.end())
            return std::nullopt;
        found++;
        return file->second;
    };
    store.put = [&](const std::string &name, const std::uint8_t *bytes, std::size_t size) {
        std::lock_guard<std::mutex> lock(mutex);
        shelf[name].assign(bytes, bytes + size);
    };
    store.secret.assign(16, 7);
    std::size_t kept = 0;
    for (int round = 0; round < 2; round++) {
        Engine engine = VALUE(Engine::try_create(EngineOptions().code_store(store).prebuilt("nowhere")));
        serves(VALUE(Namespace::try_create(VALUE(Store::try_create(engine)))));
        CHECK(!shelf.empty() && (round == 0 || shelf.size() == kept));
        kept = shelf.size();
    }
    CHECK(found > 0);
    store.secret.resize(3);
    ERROR(Engine::try_create(EngineOptions().code_store(store)), Code::invalid_argument, {"16 bytes"});
    ERROR(Engine::try_create(EngineOptions().code_store({})), Code::invalid_argument, {"NULL"});
    ERROR(Engine::try_create(EngineOptions().prebuilt("")), Code::invalid_argument, {"empty"});
    ok("code in a place of the host's");
}

static void failing()
{
    ERROR(EngineLibrary::try_open("/nowhere/libengine.so"), Code::not_found, {"/nowhere/libengine.so"});
    ERROR(EngineLibrary::try_open(std::string("a\0b", 3)), Code::invalid_argument, {"NUL"});
    EngineDescription cut;
    cut.name = std::string("a\0b", 3);
    ERROR(EngineLibrary::try_describe_linked(cut), Code::invalid_argument, {"NUL"});
    /* A file is no folder for compiled code. */
    FILE *file = std::fopen("file", "w");
    CHECK(file && std::fclose(file) == 0);
    ERROR(Engine::try_create(EngineOptions().cache("file")), Code::io, {"file"});
    Engine engine = VALUE(Engine::try_create()), moved = std::move(engine);
    ERROR(Store::try_create(engine), Code::invalid_argument, {"moved from"}); // NOLINT: moved from
    ERROR(Namespace::try_create(Store::borrow(nullptr)), Code::invalid_argument, {"null"});
    ok("engines that cannot be had");
}

static void compiled()
{
    Engine engine = VALUE(Engine::try_create());
    Store store = VALUE(Store::try_create(engine));
    Namespace in = VALUE(Namespace::try_create(store));
    VALUE(in.try_define("host", "f", [](int n) { return n; }));
    std::vector<std::uint8_t> bytes = finish(sample());
    wasm_byte_vec_t binary{bytes.size(), reinterpret_cast<char *>(bytes.data())};
    wasm_module_t *module = wasm_module_new(store.raw(), &binary);
    CHECK(module != nullptr);
    Library library = VALUE(in.try_load_compiled("compiled.so", module, bytes));
    CHECK(VALUE(VALUE(library.try_function<int(int)>("sum")).try_call(2)) == 42);
    /* And by the functions of wasm.h: the guest's exit is told apart from a trap. */
    CHECK(!in.take_exit());
    wasm_val_t argument{}, result{};
    argument.kind = WASM_I32;
    argument.of.i32 = 3;
    wasm_val_vec_t arguments{1, &argument}, results{1, &result};
    VALUE(in.try_call(VALUE(library.try_function<int(int)>("sum")).raw(), &arguments, &results));
    CHECK(result.of.i32 == 43 && VALUE(in.try_table()) != nullptr && in.raw() != nullptr);
    ok("modules that the host has compiled");
}

/* Each beside the linked engine; handles go in any order. */
static void opened(const char *name, const char *path)
{
    std::optional<EngineLibrary> library = VALUE(EngineLibrary::try_open(path));
    CHECK(library->name() == name);
    CHECK(library->function<decltype(wasm_store_new)>("wasm_store_new") != nullptr);
    CHECK(library->function<decltype(wasm_store_new)>("wasm_no_such_function") == nullptr);
    ERROR(library->try_describe({}), Code::busy);
    std::optional<Engine> engine = VALUE(Engine::try_create(EngineOptions().library(*library)));
    Namespace in = VALUE(Namespace::try_create(*engine));
    Namespace beside = VALUE(Namespace::try_create(VALUE(Engine::try_create())));
    for (int round = 0; round < 2; round++) {
        serves(in);
        serves(beside);
    }
    /* A store of its own functions, borrowed. */
    auto store_new = library->function<decltype(wasm_store_new)>("wasm_store_new");
    auto store_delete = library->function<decltype(wasm_store_delete)>("wasm_store_delete");
    wasm_store_t *store = store_new(engine->raw());
    serves(VALUE(Namespace::try_create(Store::borrow(store, *library))));
    store_delete(store);
    library.reset();
    engine.reset();
    serves(in);
    ok(name);
}

int main()
{
    linked();
    kept_elsewhere();
    failing();
    compiled();
    const char *engines = std::getenv("WASMDYLD_TEST_ENGINES");
    std::string list = engines ? engines : "";
    while (!list.empty()) {
        std::size_t end = std::min(list.find(':'), list.size()), name = list.find('=');
        opened(list.substr(0, name).c_str(), list.substr(name + 1, end - name - 1).c_str());
        list.erase(0, end + 1);
    }
    return 0;
}
