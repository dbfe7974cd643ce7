/*
 * C++: errors and results, what throws, and what does not.
 */
#include "check.hh"

static_assert(static_cast<std::uint32_t>(Code::out_of_budget) == WASM_DYLD_OUT_OF_BUDGET && WASM_DYLD_OUT_OF_BUDGET == 16, "a code is new: has Code got it?");
static_assert(std::is_nothrow_copy_constructible_v<Error> && std::is_nothrow_move_assignable_v<Error>);

struct MoveOnly {
    std::unique_ptr<int> number;
};

static void results()
{
    Result<MoveOnly> good = MoveOnly{std::make_unique<int>(5)};
    CHECK(good && good.has_value() && *good->number == 5 && *(*good).number == 5);
    MoveOnly moved = std::move(good).value();
    CHECK(*moved.number == 5);
    Result<MoveOnly> bad = Error(Code::io, "no luck");
    CHECK(!bad && bad.error().code() == Code::io);
    SAME_TEXT(bad.error().message(), "no luck");
    CHECK(std::move(bad).value_or(MoveOnly{}).number == nullptr);
    Result<std::optional<int>> nothing = std::nullopt, something = 7;
    CHECK(nothing && !*nothing && **something == 7);
    Result<void> done, failed = Error(Code::busy, "later");
    CHECK(done && !failed && failed.error().code() == Code::busy);
    done.value();
    CHECK(Result<int>(3).value_or(4) == 3 && Result<int>(failed.error()).value_or(4) == 4);
    ok("results");
}

static void errors()
{
    Error own(Code::limit, "own"), copy = own, moved = std::move(copy);
    /* A move leaves nothing empty. */
    SAME_TEXT(copy.message(), "own");
    SAME_TEXT(moved.message(), "own");
    CHECK(!own.raw() && own.undefined().empty() && !own.exit_code());
    own = Error(Code::trap, "other");
    SAME_TEXT(moved.message(), "own");
    SAME_TEXT(own.with_note("and more").message(), "other\nand more");
    SAME_TEXT(own.message(), "other");
    SAME_TEXT(version(), wasm_dyld_version());
    ok("errors are values");
}

static void undefined_symbols()
{
    Namespace in = make_namespace();
    struct module *m = module_new();
    module_import(m, "env", "first", "i", "i");
    module_import(m, "env", "second", "", "F");
    module_import_global(m, "GOT.mem", "third", true);
    Error error = ERROR(in.try_load_bytes("needy.so", finish(m)), Code::undefined_symbol, {"first", "second", "third", "needy.so"});
    CHECK(error.raw() && !error.exit_code());
    std::vector<Undefined> all = error.undefined();
    SAME(all.size(), 3);
    bool seen = false;
    for (const Undefined &symbol : all) {
        CHECK(symbol.importer == "needy.so");
        seen = seen || (symbol.symbol == "second" && symbol.wanted == "func () -> f64");
    }
    CHECK(seen);
    SAME(in.objects().size(), 0);
    ok("all undefined symbols at once");
}

static void bad_arguments()
{
    using namespace std::string_literals;
    Namespace in = make_namespace();
    ERROR(in.try_load("absent.so"), Code::not_found, {"absent.so"});
    ERROR(in.try_load("cut\0short.so"s), Code::invalid_argument, {"NUL"});
    ERROR(in.try_load("bad.so", Load::now | Load::lazy), Code::invalid_argument);
    ERROR(in.try_load_bytes("bad.so", Span<const std::uint8_t>()), Code::malformed);
    ERROR(in.try_define("env", "a\0b"s, [] {}), Code::invalid_argument, {"NUL"});
    ERROR(in.try_symbol("absent"), Code::not_found, {"absent"});
    ERROR(in.try_symbol("a\0b"s), Code::invalid_argument, {"NUL"});
    ERROR(in.try_run(), Code::busy);
    ERROR(in.try_table(), Code::busy);
    ERROR(in.memory().try_size(), Code::busy);
    ERROR(in.try_define_extern("env", "value", nullptr), Code::invalid_argument, {"NULL"});
    ERROR(in.try_call(nullptr, nullptr, nullptr), Code::invalid_argument, {"NULL"});
    Library none = VALUE(in.try_load("absent.so", Load::noload));
    CHECK(!none);
    ERROR(none.try_symbol("absent"), Code::invalid_argument);
    VALUE(none.try_unload());
    ok("bad arguments");
}

static void what_throws()
{
#ifndef WASMDYLD_NO_EXCEPTIONS
    Namespace in = make_namespace();
    THROWS(in.load("absent.so"), Code::not_found, {"absent.so"});
    THROWS(in.symbol("absent"), Code::not_found, {"absent"});
    THROWS(in.function<void()>("absent"), Code::not_found, {"absent"});
    THROWS(in.pointer<int>("absent"), Code::not_found, {"absent"});
    THROWS(in.run(), Code::busy);
    THROWS(in.table(), Code::busy);
    THROWS(in.memory().size(), Code::busy);
    THROWS(in.allocate<int>(1), Code::not_found, {"malloc"});
    THROWS(in.load_bytes("bad.so", std::vector<std::uint8_t>{1, 2, 3}), Code::malformed);
    THROWS(in.locate(Ptr<>(5)), Code::not_found);
    THROWS(EngineLibrary::open("/nowhere/libengine.so"), Code::not_found, {"/nowhere/libengine.so"});
    THROWS(Engine(EngineOptions().cache(std::string("a\0b", 3))), Code::invalid_argument, {"NUL"});
    THROWS(Namespace(VALUE(Engine::try_create()), Config().stack_size(3)), Code::invalid_argument, {"stack"});
    THROWS(Error(Code::io, "raised").raise(), Code::io, {"raised"});
    THROWS(Result<int>(Error(Code::io, "no value")).value(), Code::io, {"no value"});
    try {
        static_cast<void>(in.load("absent.so"));
        CHECK(false);
    } catch (const std::exception &exception) {
        CONTAINS(exception.what(), "absent.so");
    }
    ok("what throws");
#endif
}

static void uncaught_exceptions()
{
    if (std::getenv("WASMDYLD_TEST_ENGINE"))
        return; /* which may have no exceptions */
    Config config;
    config.library_path(guest_path("lib")).library_path(guest_path("sysroot/lib/wasm32-wasip1")).library_path(guest_path("cases/cxx-uncaught"));
    Namespace in = make_guest_namespace(config);
    ERROR(in.try_load("libconstructor.so"), Code::trap, {"libconstructor.so", "uncaught C++ exception std::invalid_argument: no configuration"});
    Library library = VALUE(in.try_load("libtoss.so", Load::global));
    auto toss = VALUE(library.try_function<void(Ptr<const char>)>("toss"));
    ERROR(toss.try_call(VALUE(in.try_copy_string("several-bases"))), Code::trap, {"uncaught C++ exception game::Error: the level has no exit"});
    ERROR(toss.try_call(VALUE(in.try_copy_string("int"))), Code::trap, {"uncaught C++ exception int"});
#ifndef WASMDYLD_NO_EXCEPTIONS
    THROWS(toss(in.copy_string("text")), Code::trap, {"uncaught C++ exception char const*: just a text"});
#endif
    Namespace with_program = make_guest_namespace(config, Wasi().args(std::initializer_list<const char *>{"main", "again"}));
    Library program = VALUE(with_program.try_load(guest_path("cases/cxx-uncaught/main-pie.wasm"), Load::program));
    ERROR(with_program.try_run(), Code::trap, {"uncaught C++ exception std::logic_error: kept"});
    ok("what nobody catches in the guest");
}

int main()
{
    results();
    errors();
    undefined_symbols();
    bad_arguments();
    what_throws();
    uncaught_exceptions();
    return 0;
}
