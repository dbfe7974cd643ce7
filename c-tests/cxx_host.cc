/*
 * C++: functions of the host: what callables there may be, what they get, how they fail, and when they go.
 */
#include "check.hh"

#include <functional>
#include <stdexcept>

/* A library that calls host.f with its arguments and gives what that gives. */
static std::vector<std::uint8_t> caller(const char *params, const char *results)
{
    struct module *m = module_new();
    std::vector<std::uint8_t> code;
    module_import(m, "host", "f", params, results);
    for (std::size_t i = 0; i < std::strlen(params); i++)
        code.insert(code.end(), {LOCAL_GET, static_cast<std::uint8_t>(i)});
    code.insert(code.end(), {CALL, 0});
    module_function(m, "call", params, results, code.data(), code.size());
    return finish(m);
}

/* What a callable gives for arguments, through the guest. */
template <class Sig, class F, class... A> static auto through(F callable, const char *params, const char *results, A... arguments)
{
    Namespace in = make_namespace();
    VALUE(in.try_define("host", "f", std::move(callable)));
    Library library = VALUE(in.try_load_bytes("caller.so", caller(params, results)));
    return VALUE(VALUE(library.try_function<Sig>("call")).try_call(arguments...));
}

static int plus_one(int n) { return n + 1; }
static double halve(double n) noexcept { return n / 2; }

struct Counter {
    int count = 0;
    int operator()(int by) { return count += by; }
};

struct Overloaded {
    int operator()(int n) const { return n; }
    double operator()(double n) const { return n * 2; }
};

static void callables()
{
    CHECK(through<int(int)>(plus_one, "i", "i", 4) == 5);
    CHECK(through<double(double)>(halve, "F", "F", 5.0) == 2.5);
    CHECK(through<int(int)>(Counter{7}, "i", "i", 3) == 10);
    CHECK(through<int(int)>(std::function<int(int)>(plus_one), "i", "i", 1) == 2);
    /* What can only be moved. */
    auto owned = std::make_unique<int>(40);
    CHECK(through<int(int)>([number = std::move(owned)](int n) { return *number + n; }, "i", "i", 2) == 42);
    CHECK(through<int(int)>([n = 0](int by) mutable noexcept { return n += by; }, "i", "i", 6) == 6);
    CHECK(through<std::int64_t(std::int64_t, float)>([](const std::int64_t &n, float x) { return n + static_cast<std::int64_t>(x); }, "If", "I",
                                                     std::int64_t{1} << 40, 2.0f) == (std::int64_t{1} << 40) + 2);
    int seen = 0;
    through<void()>([&] { seen++; }, "", "");
    through<void(int)>([&](std::uint8_t n) { seen += n; }, "i", "", 256 + 5);
    CHECK(seen == 6);
    CHECK((through<std::tuple<int, double>(int)>([](int n) { return std::make_tuple(n, n * 0.5); }, "i", "iF", 3) == std::tuple(3, 1.5)));
    CHECK(through<int(int)>([](int n) -> Result<int> { return n * 2; }, "i", "i", 4) == 8);
    through<void()>([]() -> Result<void> { return {}; }, "", "");

    Namespace in = make_namespace();
    VALUE(in.try_define<double(double)>("host", "f", Overloaded{}));
    Library library = VALUE(in.try_load_bytes("caller.so", caller("F", "F")));
    CHECK(VALUE(VALUE(library.try_function<double(double)>("call")).try_call(1.5)) == 3);
    VALUE(in.try_define<int(int)>("host", "f", [](auto n) { return n + n; }));
    library = VALUE(in.try_load_bytes("generic.so", caller("i", "i")));
    CHECK(VALUE(VALUE(library.try_function<int(int)>("call")).try_call(21)) == 42);
    ERROR(in.try_load_bytes("caller.so", caller("F", "F")), Code::type_mismatch, {"host.f", "func (f64) -> f64", "func (i32) -> i32"});
    ok("callables");
}

static void precedence()
{
    for (bool overriding : {false, true}) {
        Namespace in = make_namespace();
        struct module *giver = module_new(), *taker = module_new();
        module_function(giver, "value", "", "i", CODE(I32_CONST, 1));
        module_import(taker, "env", "value", "", "i");
        module_function(taker, "take", "", "i", CODE(CALL, 0));
        Library first = load(in, "giver.so", giver, Load::global);
        VALUE(in.try_define("env", "value", [] { return 2; }, overriding ? Precedence::overriding : Precedence::behind_objects));
        Library second = load(in, "taker.so", taker);
        CHECK(VALUE(VALUE(second.try_function<int()>("take")).try_call()) == (overriding ? 2 : 1));
    }
    ok("precedence");
}

/* The callable sees the memory, and calls back. */
static void contexts()
{
    Namespace in = make_namespace();
    struct module *m = module_new();
    m->memory_size = 16;
    module_import(m, "host", "f", "i", "i");
    module_data(m, 0, "hello", 6);
    module_datum(m, "text", 0);
    module_function(m, "go", "i", "i", CODE(LOCAL_GET, 0, CALL, 0));
    module_function(m, "twice", "i", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 0, I32_ADD));
    std::string seen;
    VALUE(in.try_define("host", "f", [&](NamespaceRef ns, Ptr<char> text) -> Result<int> {
        auto view = ns.memory().try_c_string(text);
        if (!view)
            return view.error();
        seen = *view;
        auto twice = ns.objects().at(0).try_function<int(int)>("twice");
        return twice ? twice->try_call(static_cast<int>(seen.size())) : twice.error();
    }));
    Library library = load(in, "context.so", m);
    Ptr<char> text = VALUE(library.try_pointer<char>("text"));
    auto go = VALUE(library.try_function<int(Ptr<char>)>("go"));
    CHECK(VALUE(go.try_call(text)) == 10 && seen == "hello");
    ERROR(go.try_call(nullptr), Code::trap, {"host.f", "null"});
    /* The namespace may move meanwhile. */
    Namespace moved = std::move(in);
    CHECK(VALUE(go.try_call(text + 1)) == 8 && seen == "ello");
    ok("the namespace of the caller");
}

static void errors_trap()
{
    Namespace in = make_namespace();
    VALUE(in.try_define("host", "f", [](int n) -> Result<int> {
        /* Any text there may be, for engines that take UTF-8 alone. */
        const char *texts[] = {"plain", "", "with \"quotes\" and\nlines", "\xff\xfe", "gr\xc3\xbc\xc3\x9f", "\xed\xa0\x80", "cut \xe2\x82"};
        return Error(Code::not_found, texts[n]);
    }));
    Library library = VALUE(in.try_load_bytes("caller.so", caller("i", "i")));
    auto call = VALUE(library.try_function<int(int)>("call"));
    ERROR(call.try_call(0), Code::trap, {"host.f: plain"});
    ERROR(call.try_call(1), Code::trap, {"host.f"});
    ERROR(call.try_call(2), Code::trap, {"quotes", "lines"});
    ERROR(call.try_call(3), Code::trap, {"\xef\xbf\xbd\xef\xbf\xbd"});
    ERROR(call.try_call(4), Code::trap, {"gr\xc3\xbc\xc3\x9f"});
    ERROR(call.try_call(5), Code::trap, {"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"});
    ERROR(call.try_call(6), Code::trap, {"cut \xef\xbf\xbd\xef\xbf\xbd"});
    ok("errors are traps");
}

#ifndef WASMDYLD_NO_EXCEPTIONS
struct Special : std::runtime_error {
    Special(int n) : std::runtime_error("special"), number(n) {}
    int number;
};

static void exceptions_trap()
{
    Namespace in = make_namespace();
    VALUE(in.try_define("host", "f", [](int n) -> int {
        if (n == 1)
            throw Special(77);
        if (n == 2)
            throw 5;
        if (n == 4)
            throw std::runtime_error("two\nlines\n");
        if (n == 5)
            throw std::runtime_error("");
        return n;
    }));
    Library library = VALUE(in.try_load_bytes("caller.so", caller("i", "i")));
    auto call = library.function<int(int)>("call");
    Error error = ERROR(call.try_call(1), Code::trap, {"host.f: special"});
    CHECK(error.cause() != nullptr);
    try {
        call(1);
        CHECK(false);
    } catch (const Special &special) {
        CHECK(special.number == 77);
    }
    ERROR(call.try_call(2), Code::trap, {"host.f: an exception"});
    try {
        call(2);
        CHECK(false);
    } catch (int number) {
        CHECK(number == 5);
    }
    CHECK(call(3) == 3);
    CHECK(ERROR(call.try_call(4), Code::trap, {"host.f: two", "lines"}).cause() != nullptr);
    CHECK(ERROR(call.try_call(5), Code::trap, {"host.f:"}).cause() != nullptr);
    ok("exceptions are traps, and come out as they were");
}

/* host -> guest -> host -> guest -> host: through all of them, or caught between. */
static void nested_exceptions()
{
    Namespace in = make_namespace();
    Function<int(int)> call;
    bool caught = false;
    in.define("host", "f", [&](int n) -> int {
        if (n == 0)
            throw Special(1);
        if (n < 10)
            return call(n - 1);
        try {
            call(0);
        } catch (const Special &) {
            caught = true;
        }
        if (n == 11)
            throw std::logic_error("another");
        return 12;
    });
    Library library = in.load_bytes("caller.so", caller("i", "i"));
    call = library.function<int(int)>("call");
    try {
        call(5);
        CHECK(false);
    } catch (const Special &special) {
        CHECK(special.number == 1);
    }
    CHECK(call(10) == 12 && caught);
    try {
        call(11);
        CHECK(false);
    } catch (const std::logic_error &another) {
        SAME_TEXT(another.what(), "another");
    }
    ok("exceptions through several calls");
}

/* A trap of the guest's further in goes out as it was, too, although its text has many lines. */
static void nested_traps()
{
    Namespace in = make_namespace();
    struct module *m = module_new();
    module_import(m, "host", "f", "", "");
    module_function(m, "go", "", "", CODE(CALL, 0));
    module_function(m, "trap", "", "", CODE(UNREACHABLE));
    in.define("host", "f", [](NamespaceRef ns) { ns.objects().at(0).function<void()>("trap")(); });
    Library library = load(in, "trapping.so", m);
    Error error = ERROR(library.function<void()>("go").try_call(), Code::trap, {"host.f: ", "unreachable"});
    CHECK(error.cause() != nullptr);
    Error inner = THROWS(library.function<void()>("go")(), Code::trap, {"unreachable"});
    CHECK(!std::strstr(inner.message(), "host.f: ") && inner.cause() == nullptr);
    ok("traps through several calls");
}

/* A constructor that fails, exit handlers that throw, and a failure that the guest lived with. */
static void exceptions_elsewhere()
{
    Namespace in = make_namespace();
    in.define("host", "f", [] { throw Special(3); });
    auto constructor = [] {
        struct module *m = module_new();
        module_import(m, "host", "f", "", "");
        module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 0));
        return finish(m);
    };
    try {
        static_cast<void>(in.load_bytes("constructed.so", constructor()));
        CHECK(false);
    } catch (const Special &special) {
        CHECK(special.number == 3);
    }
    CHECK(in.objects().empty());
    /* What was thrown in a call that had its error does not turn up in another. */
    struct module *m = module_new();
    module_function(m, "trap", "", "", CODE(UNREACHABLE));
    Library trapping = load(in, "trapping.so", m);
    Error error = ERROR(trapping.try_function<void()>("trap").value().try_call(), Code::trap);
    CHECK(error.cause() == nullptr);
    /* A failure that the host's own function has seen, too. */
    in.define("host", "g", [&](NamespaceRef ns) {
        CHECK(!ns.try_load_bytes("constructed.so", constructor()));
        throw std::logic_error("mine");
    });
    struct module *other = module_new();
    module_import(other, "host", "g", "", "");
    module_function(other, "go", "", "", CODE(CALL, 0));
    Library going = load(in, "going.so", other);
    try {
        going.function<void()>("go")();
        CHECK(false);
    } catch (const std::logic_error &mine) {
        SAME_TEXT(mine.what(), "mine");
    }
    ok("exceptions in constructors, and others' exceptions");
}
#endif

/* Callables as function pointers of the guest. */
static void callbacks()
{
    Namespace in = make_guest_namespace();
    Library libc = VALUE(in.try_load("libc.so"));
    int compared = 0;
    Ptr<int(Ptr<const int>, Ptr<const int>)> compare = VALUE(in.try_callback([&](NamespaceRef ns, Ptr<const int> a, Ptr<const int> b) -> Result<int> {
        compared++;
        auto first = ns.memory().try_read(a), second = ns.memory().try_read(b);
        if (!first || !second)
            return first ? second.error() : first.error();
        if (*first == 13)
            return Error(Code::io, "unlucky");
        return *first < *second ? -1 : *first > *second;
    }));
    CHECK(compare);
    auto sort = VALUE(libc.try_function<void(Ptr<>, std::uint32_t, std::uint32_t, decltype(compare))>("qsort"));
    int numbers[] = {5, 3, 9, 1};
    auto array = VALUE(in.try_copy(Span<int>(numbers)));
    VALUE(sort.try_call(array, 4, 4, compare));
    Span<int> sorted = VALUE(array.try_span());
    CHECK(compared > 0 && sorted[0] == 1 && sorted[1] == 3 && sorted[2] == 5 && sorted[3] == 9);
    VALUE(array.try_write(0, 13));
    VALUE(array.try_write(1, 13));
    ERROR(sort.try_call(array, 4, 4, compare), Code::trap, {"unlucky"});
    Ptr<double(double)> other = VALUE(in.try_callback<double(double)>([](auto x) { return x; })), third = VALUE(in.try_callback(halve));
    CHECK(other != third && other.address() != compare.address());
    /* Also as the first object of all. */
    Namespace empty = make_namespace();
    CHECK(VALUE(empty.try_callback(plus_one)) && empty.objects().size() == 1);
#ifndef WASMDYLD_NO_EXCEPTIONS
    CHECK(in.callback(plus_one) && in.callback<int(int)>([](auto n) { return n; }));
#endif
    ok("callbacks");
}

/* The callable goes with the namespace, once, whatever it holds. */
static void lifetimes()
{
    auto alive = std::make_shared<int>(1);
    {
        Namespace in = make_namespace();
        Function<int(int)> call;
        VALUE(in.try_define("host", "f", [alive, in = NamespaceRef(in), &call](int n) { return in.raw() && call ? *alive + n : -1; }));
        Library library = VALUE(in.try_load_bytes("caller.so", caller("i", "i")));
        call = VALUE(library.try_function<int(int)>("call"));
        CHECK(VALUE(call.try_call(4)) == 5 && alive.use_count() == 2);
        /* One that holds a function of its own namespace. */
        VALUE(in.try_define("host", "h", [alive, call] { return VALUE(call.try_call(*alive)); }));
        CHECK(alive.use_count() == 3);
        VALUE(library.try_unload());
        CHECK(alive.use_count() == 3);
    }
    CHECK(alive.use_count() == 1);
    ok("callables go with the namespace");
}

static void globals()
{
    if (std::getenv("WASMDYLD_TEST_ENGINE"))
        return; /* made with the linked functions of wasm.h */
    Engine engine = VALUE(Engine::try_create());
    Store store = VALUE(Store::try_create(engine));
    Namespace in = VALUE(Namespace::try_create(store));
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(WASM_I32), WASM_VAR);
    wasm_val_t value{};
    value.kind = WASM_I32;
    value.of.i32 = 5;
    wasm_global_t *global = wasm_global_new(store.raw(), type, &value);
    wasm_globaltype_delete(type);
    VALUE(in.try_define_extern("host", "counter", wasm_global_as_extern(global)));
    struct module *m = module_new();
    std::uint8_t counter = static_cast<std::uint8_t>(module_import_global(m, "host", "counter", true));
    module_function(m, "next", "", "", CODE(GLOBAL_GET, counter, I32_CONST, 1, I32_ADD, GLOBAL_SET, counter));
    Library library = load(in, "counter.so", m);
    VALUE(VALUE(library.try_function<void()>("next")).try_call());
    wasm_global_get(global, &value);
    CHECK(value.of.i32 == 6);
    wasm_global_delete(global);
    ok("globals of the host, by the functions of wasm.h");
}

int main()
{
    callables();
    precedence();
    contexts();
    errors_trap();
    callbacks();
#ifndef WASMDYLD_NO_EXCEPTIONS
    exceptions_trap();
    nested_exceptions();
    nested_traps();
    exceptions_elsewhere();
#endif
    lifetimes();
    globals();
    return 0;
}
