/*
 * C++: configurations as values, open callbacks and how they fail, debug output, objects and what they tell.
 */
#include "check.hh"

static std::vector<std::uint8_t> value_library(std::uint8_t value)
{
    struct module *m = module_new();
    module_function(m, "value", "", "i", CODE(I32_CONST, value));
    return finish(m);
}

static std::vector<std::uint8_t> needs(const char *name)
{
    struct module *m = module_new();
    module_needs(m, name);
    module_import(m, "env", "value", "", "i");
    module_function(m, "take", "", "i", CODE(CALL, 0));
    return finish(m);
}

static int value_of(const Scope &scope, const char *name = "value")
{
    return VALUE(VALUE(scope.try_function<int()>(name)).try_call());
}

static void open_callback()
{
    auto alive = std::make_shared<int>(0);
    std::string asked;
    Config config;
    config.open([&asked, alive](std::string_view name, std::string_view needed_by) -> Result<std::optional<Opened>> {
        asked += std::string(name) + " for " + std::string(needed_by) + "; ";
        if (name == "low.so" || name == "alias.so")
            return Opened{value_library(5), "low"};
        if (name == "high.so")
            return Opened{needs("low.so"), {}};
        if (name == "bad.so")
            return Error(Code::io, "the disk is on fire");
        return std::nullopt;
    });
    {
        /* Each namespace has the callback for itself. */
        Namespace one = make_namespace(config), two = make_namespace(config);
        CHECK(alive.use_count() == 4);
        Library high = VALUE(one.try_load("high.so")), low = VALUE(one.try_load("low.so")), alias = VALUE(one.try_load("alias.so"));
        CHECK(value_of(high, "take") == 5 && low == alias && low != high);
        SAME_TEXT(asked.c_str(), "high.so for ; low.so for high.so; alias.so for ; ");
        CHECK(high.needed() == std::vector<Object>{low} && low.needed().empty());
        CHECK(value_of(VALUE(two.try_load("alias.so"))) == 5);

        ERROR(two.try_load("absent.so"), Code::not_found, {"absent.so"});
        Error error = ERROR(two.try_load("bad.so"), Code::io, {"bad.so", "the disk is on fire"});
        error = ERROR(two.try_load_bytes("above.so", needs("bad.so")), Code::io, {"bad.so", "above.so", "the disk is on fire"});
        ERROR(two.try_load("absent.so"), Code::not_found);
    }
    CHECK(alive.use_count() == 2);
    config = Config();
    CHECK(alive.use_count() == 1);
    ERROR(Namespace::try_create(VALUE(Engine::try_create()), Config().open(nullptr)), Code::invalid_argument, {"callback is NULL"});
#ifndef WASMDYLD_NO_EXCEPTIONS
    Namespace in = make_namespace(Config().open([](std::string_view, std::string_view) -> std::optional<Opened> { throw 99; }));
    Error error = ERROR(in.try_load("any.so"), Code::io, {"any.so", "an exception"});
    try {
        static_cast<void>(in.load("any.so"));
        CHECK(false);
    } catch (int number) {
        CHECK(number == 99);
    }
#endif
    ok("open callbacks");
}

static void what_is_wrong()
{
    using namespace std::string_literals;
    Engine engine = VALUE(Engine::try_create(engine_options()));
    ERROR(Namespace::try_create(engine, Config().stack_size(5)), Code::invalid_argument, {"stack of 5 bytes"});
    ERROR(Namespace::try_create(engine, Config().library_path("")), Code::invalid_argument, {"library path"});
    ERROR(Namespace::try_create(engine, Config().library_path("a\0b"s)), Code::invalid_argument, {"library path", "NUL"});
    ERROR(Namespace::try_create(engine, Config().default_path("")), Code::invalid_argument, {"default path"});
    ERROR(Namespace::try_create(engine, Config().preload("a\0b"s)), Code::invalid_argument, {"library name", "NUL"});
    ERROR(Namespace::try_create(engine, Config().trace("libs\0nonsense"s)), Code::invalid_argument, {"categories", "NUL"});
    ERROR(Namespace::try_create(engine, Config().trace("libs\0nonsense"s, [](auto, auto) {})), Code::invalid_argument, {"categories", "NUL"});
    ERROR(Namespace::try_create(engine, Config().preload("\xff")), Code::invalid_argument, {"UTF-8"});
    ERROR(Namespace::try_create(engine, Config().trace("nonsense")), Code::invalid_argument, {"nonsense"});
    ERROR(Namespace::try_create(engine, Config().bind(static_cast<Bind>(9))), Code::invalid_argument);
    ERROR(Namespace::try_create(engine, Config().plt(static_cast<Plt>(9))), Code::invalid_argument);
    ERROR(Namespace::try_create(engine, Config().runtime_path(static_cast<RuntimePath>(9))), Code::invalid_argument);
    ERROR(Namespace::try_create(engine, Config().limit(Limit::nesting, UINT64_MAX)), Code::invalid_argument, {"too large"});
    ok("what is wrong with a configuration");
}

static void settings()
{
    Config config;
    config.library_path("one").library_path("two").stack_size(65536).runtime_path(RuntimePath::off).guest_dlopen(false).guest_paths(true);
    Namespace in = make_namespace(config.limit(Limit::objects, 1).limit(Limit::memory_pages, 10).limit(Limit::table_slots, 100).plt(Plt::wasm));
    CHECK((in.library_paths() == std::vector<std::string>{"one", "two"}));
    Library first = VALUE(in.try_load_bytes("first.so", value_library(1)));
    ERROR(in.try_load_bytes("second.so", value_library(2)), Code::limit);
    CHECK(in.instance_count() >= 1 && in.objects().size() == 1);

    /* Undefined functions, bound late. */
    struct module *m = module_new();
    module_import(m, "env", "absent", "", "");
    module_function(m, "call", "", "", CODE(CALL, 0));
    std::vector<std::uint8_t> lacking = finish(m);
    Namespace late = make_namespace(Config().bind(Bind::lazy));
    Library lazy = VALUE(late.try_load_bytes("lacking.so", lacking));
    ERROR(VALUE(lazy.try_function<void()>("call")).try_call(), Code::trap, {"absent"});
    ERROR(late.try_load_bytes("lacking.so", lacking, Load::now), Code::undefined_symbol, {"absent"});

    setenv("WASMDYLD_LIBRARY_PATH", "/from/environment", 1);
    Namespace from_environment = make_namespace(Config().read_env());
    unsetenv("WASMDYLD_LIBRARY_PATH");
    CHECK(from_environment.library_paths() == std::vector<std::string>{"/from/environment"});
    CHECK(make_namespace().library_paths().empty());
    ERROR(make_namespace(Config().default_path("/nowhere/default")).try_load("libx.so"), Code::not_found, {"/nowhere/default/libx.so (default folder)"});
    ok("settings");
}

static void preloads_and_trace()
{
    auto alive = std::make_shared<std::string>();
    {
        Config config;
        config.preload("pre.so").open([](std::string_view name, std::string_view) -> std::optional<Opened> {
            if (name == "pre.so")
                return Opened{value_library(9), {}};
            return std::nullopt;
        });
        config.trace("libs,bindings", [alive](std::string_view category, std::string_view text) {
            *alive += std::string(category) + ": " + std::string(text) + "\n";
#ifndef WASMDYLD_NO_EXCEPTIONS
            throw 1; /* is dropped */
#endif
        });
        Namespace in = make_namespace(config);
        struct module *m = module_new();
        module_import(m, "env", "value", "", "i");
        module_function(m, "take", "", "i", CODE(CALL, 0));
        Library taker = load(in, "taker.so", m);
        CHECK(value_of(taker, "take") == 9);
        CHECK(alive->find("bindings: ") != std::string::npos && alive->find("pre.so") != std::string::npos);
        CHECK(in.objects().size() == 2 && alive.use_count() == 3);
    }
    CHECK(alive.use_count() == 1);
    ok("preloads and debug output");
}

static void objects()
{
    Namespace in = make_guest_namespace();
    Library calc = VALUE(in.try_load(guest_path("cases/library-only/libcalc.so"), Load::now | Load::nodelete));
    CHECK(calc.name() == "libcalc.so" && calc.path() == guest_path("cases/library-only/libcalc.so"));
    CHECK(calc.origin() == guest_path("cases/library-only"));
    CHECK(calc.is_nodelete() && !calc.is_global() && !calc.is_program() && calc.loaded());
    Opens opens = VALUE(calc.try_opens());
    CHECK(opens.host == 1 && opens.guest == 0);
    Place place = VALUE(calc.try_place());
    CHECK(place.memory_base >= 1024 && place.memory_size > 0 && place.table_size > 0);
    std::vector<Object> all = in.objects();
    CHECK(all.size() == 3 && all[0] == calc);
    Object history = all[1].name() == "libhistory.so" ? all[1] : all[2];
    CHECK(VALUE(history.try_opens()).host == 0 && history.try_function<int()>("history_count").has_value());
    Library bytes = VALUE(in.try_load_bytes("bytes.so", value_library(1), Load::global));
    CHECK(!bytes.path() && !bytes.origin() && bytes.is_global());
    VALUE(calc.try_unload());
    CHECK(all[0].loaded());
    ok("objects");
}

static void programs()
{
    Output output;
    Namespace in = make_guest_namespace({}, Wasi().output(output));
    Library hello = VALUE(in.try_load(guest_path("cases/hello/main-pie.wasm"), Load::program));
    CHECK(hello.is_program() && VALUE(in.try_run()) == 0);
    CHECK(VALUE(output.try_take()) == "Hello from a program with a shared libc.\n" && VALUE(output.try_take()).empty());
    /* How it ends. */
    Namespace other = make_guest_namespace({}, Wasi().args(std::initializer_list<const char *>{"main", "exit", "42"}));
    Library program = VALUE(other.try_load(guest_path("cases/arguments/main-nonpie.wasm"), Load::program));
    CHECK(VALUE(other.try_run()) == 42);
    ok("programs");
}

int main()
{
    open_callback();
    what_is_wrong();
    settings();
    preloads_and_trace();
    objects();
    programs();
    return 0;
}
