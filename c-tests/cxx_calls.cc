/*
 * C++: typed calls, what types stand for what, several results, symbols, pointers, and calls that fail.
 */
#include "check.hh"

#include <cmath>
#include <limits>

enum class Colour : std::uint8_t { red, green = 200 };
enum class Wide : std::int64_t { least = INT64_MIN };

/* A type of the host's own. */
struct Metres {
    double value;
};
template <> struct wasmdyld::ValueTraits<Metres> {
    static constexpr wasm_valkind_t kind = WASM_F64;
    static void to(Metres length, wasm_val_t &to) noexcept { to.of.f64 = length.value; }
    static Metres from(const wasm_val_t &from) noexcept { return {from.of.f64}; }
};

/* Functions that give their arguments back, one of them in the other order. */
static Library load_echo(const NamespaceRef &in)
{
    struct module *m = module_new();
    m->memory_size = 8;
    module_function(m, "i32", "i", "i", CODE(LOCAL_GET, 0));
    module_function(m, "i64", "I", "I", CODE(LOCAL_GET, 0));
    module_function(m, "f32", "f", "f", CODE(LOCAL_GET, 0));
    module_function(m, "f64", "F", "F", CODE(LOCAL_GET, 0));
    module_function(m, "nothing", "", "", CODE(RETURN));
    module_function(m, "vector", "v", "iv", CODE(I32_CONST, 1, LOCAL_GET, 0));
    module_function(m, "turn", "iIfF", "FfIi", CODE(LOCAL_GET, 3, LOCAL_GET, 2, LOCAL_GET, 1, LOCAL_GET, 0));
    module_function(m, "add", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    module_function(m, "div", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_DIV_S));
    module_datum(m, "datum", 4);
    return load(in, "echo.so", m);
}

template <class T> static void same_back(const Library &echo, const char *name, std::initializer_list<T> values)
{
    auto function = VALUE(echo.try_function<T(T)>(name));
    for (T value : values)
        CHECK(VALUE(function.try_call(value)) == value);
}

static void types()
{
    Namespace in = make_namespace();
    Library echo = load_echo(in);
    same_back<std::int32_t>(echo, "i32", {0, 1, -1, INT32_MIN, INT32_MAX});
    same_back<std::uint32_t>(echo, "i32", {0, 1, UINT32_MAX});
    same_back<bool>(echo, "i32", {true, false});
    same_back<char>(echo, "i32", {'a', '\xff'});
    same_back<std::int8_t>(echo, "i32", {-128, 127});
    same_back<std::uint16_t>(echo, "i32", {0, 65535});
    same_back<Colour>(echo, "i32", {Colour::red, Colour::green});
    same_back<Ptr<double>>(echo, "i32", {nullptr, Ptr<double>(8), Ptr<double>(UINT32_MAX)});
    same_back<std::int64_t>(echo, "i64", {0, -1, INT64_MIN, INT64_MAX});
    same_back<std::uint64_t>(echo, "i64", {0, UINT64_MAX});
    same_back<Wide>(echo, "i64", {Wide::least});
    same_back<float>(echo, "f32", {0.5f, -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::denorm_min()});
    same_back<double>(echo, "f64", {0.1, -0.0, std::numeric_limits<double>::max()});
    CHECK(VALUE(VALUE(echo.try_function<Metres(Metres)>("f64")).try_call({2.5})).value == 2.5);
    CHECK(std::isnan(VALUE(VALUE(echo.try_function<double(double)>("f64")).try_call(std::nan("")))));
    /* As clang passes them: bytes with their sign. */
    CHECK(VALUE(VALUE(echo.try_function<std::int32_t(std::int8_t)>("i32")).try_call(std::int8_t{-2})) == -2);
    CHECK(VALUE(VALUE(echo.try_function<std::int32_t(std::uint8_t)>("i32")).try_call(std::uint8_t{254})) == 254);
    CHECK(VALUE(VALUE(echo.try_function<bool(int)>("i32")).try_call(256)));
    VALUE(VALUE(echo.try_function<void()>("nothing")).try_call());
    auto turned = VALUE(VALUE(echo.try_function<std::tuple<double, float, std::int64_t, int>(int, const std::int64_t &, float, double)>("turn"))
                            .try_call(1, -2, 0.5f, 8.0));
    CHECK(turned == std::make_tuple(8.0, 0.5f, std::int64_t{-2}, 1));
    ok("types");
}

static void mismatches()
{
    Namespace in = make_namespace();
    Library echo = load_echo(in);
    ERROR(echo.try_function<int(int)>("add"), Code::type_mismatch, {"add is func (i32, i32) -> i32, the host asks for func (i32) -> i32"});
    ERROR(echo.try_function<std::int64_t(int, int)>("add"), Code::type_mismatch, {"asks for func (i32, i32) -> i64"});
    ERROR(echo.try_function<void(int, int)>("add"), Code::type_mismatch, {"asks for func (i32, i32) -> ()"});
    ERROR(echo.try_function<std::tuple<double, float>(int)>("turn"), Code::type_mismatch,
          {"turn is func (i32, i64, f32, f64) -> (f64, f32, i64, i32)", "func (i32) -> (f64, f32)"});
    // Types that wasm.h has no number for.
    ERROR(echo.try_function<int(int)>("vector"), Code::type_mismatch, {"vector is func (?) -> (i32, ?)"});
    ERROR(echo.try_function<int()>("datum"), Code::type_mismatch, {"datum is a variable, the host asks for a function"});
    ERROR(echo.try_pointer<int>("add"), Code::type_mismatch, {"add is a function, the host asks for a variable"});
    ERROR(echo.try_pointer<void(int)>("add"), Code::type_mismatch, {"add is func"});
    ERROR(echo.try_function<int()>("absent"), Code::not_found, {"absent", "echo.so"});
    Function<int(int)> none;
    CHECK(!none && none.name().empty());
    ERROR(none.try_call(1), Code::invalid_argument, {"no function"});
    std::vector<wasm_dyld_cell_t> cells(2);
    cells[0].i32 = 40;
    cells[1].i32 = 2;
    VALUE(echo.try_call_args("add", "(i32 i32) -> i32", cells));
    CHECK(cells[0].i32 == 42);
    ERROR(echo.try_call_args("add", "(i32 i32) -> f32", cells), Code::type_mismatch, {"add is (i32, i32) -> i32"});
    ERROR(echo.try_call_args("add", "(i32 i32) -> int", cells), Code::invalid_argument, {"at character 14, int"});
    ERROR(in.try_call_args("add", "(i32 i32) -> i32", cells), Code::not_found);
    auto type = VALUE(try_parse_type("(i32, f64) -> i64"));
    CHECK(type.params == (std::vector<wasm_valkind_t>{WASM_I32, WASM_F64}) && type.results == std::vector<wasm_valkind_t>{WASM_I64});
    ERROR(try_parse_type("(i32"), Code::invalid_argument, {"at character 5"});
#ifndef WASMDYLD_NO_EXCEPTIONS
    echo.call_args("i64", "(i64) -> i64", cells);
#endif
    ok("types that do not match");
}

static void symbols()
{
    Namespace in = make_namespace();
    Library echo = load_echo(in);
    Symbol datum = VALUE(echo.try_symbol("datum")), add = VALUE(echo.try_symbol("add"));
    CHECK(datum.kind() == SymbolKind::data && datum.name() == "datum");
    CHECK(VALUE(datum.try_value()) == VALUE(echo.try_place()).memory_base + 4);
    CHECK(VALUE(datum.try_pointer<int>()).address() == VALUE(datum.try_value()));
    CHECK(add.kind() == SymbolKind::function);
    Ptr<int(int, int)> pointer = VALUE(add.try_pointer<int(int, int)>());
    CHECK(pointer && pointer.address() == VALUE(add.try_value()));
    Located located = VALUE(in.try_locate(pointer));
    CHECK(located.object == echo && located.symbol == "add" && located.value == pointer.address());
    located = VALUE(in.try_locate(VALUE(datum.try_pointer<char>()) + 2));
    CHECK(located.object == echo && located.symbol == "datum" && located.value == VALUE(datum.try_value()));
    ERROR(in.try_locate(Ptr<void()>(0)), Code::not_found);
    bool has_datum = false, has_add = false;
    for (const Object::Defined &defined : VALUE(echo.try_symbols())) {
        has_datum |= defined.name == "datum" && defined.kind == SymbolKind::data;
        has_add |= defined.name == "add" && defined.kind == SymbolKind::function;
    }
    CHECK(has_datum && has_add);
    /* Local symbols are not in the global scope; promoted, they are. */
    ERROR(in.try_symbol("add"), Code::not_found);
    Library again = VALUE(in.try_load("echo.so", Load::global));
    CHECK(again == echo && VALUE(VALUE(in.try_function<int(int, int)>("add")).try_call(3, 4)) == 7);
    ok("symbols");
}

/* Two libraries with a function of the same name, in the global scope. */
static void next()
{
    Namespace in = make_namespace();
    struct module *first = module_new(), *second = module_new();
    module_function(first, "which", "", "i", CODE(I32_CONST, 1));
    module_function(second, "which", "", "i", CODE(I32_CONST, 2));
    Library one = load(in, "one.so", first, Load::global), two = load(in, "two.so", second, Load::global);
    CHECK(VALUE(VALUE(in.try_function<int()>("which")).try_call()) == 1);
    Symbol behind = VALUE(one.try_next_symbol("which"));
    auto which = VALUE(behind.try_function<int()>());
    CHECK(VALUE(which.try_call()) == 2);
    ERROR(two.try_next_symbol("which"), Code::not_found);
    /* It was found in the second, and goes with that. */
    VALUE(one.try_unload());
    CHECK(VALUE(which.try_call()) == 2);
    VALUE(two.try_unload());
    ERROR(which.try_call(), Code::invalid_argument, {"which", "unloaded"});
    ok("the next definition");
}

static void failing()
{
    Namespace in = make_namespace();
    Library echo = load_echo(in);
    auto div = VALUE(echo.try_function<int(int, int)>("div"));
    CHECK(VALUE(div.try_call(7, 2)) == 3);
    Error error = ERROR(div.try_call(1, 0), Code::trap, {"div"});
    CHECK(!error.exit_code() && error.raw());
    CHECK(VALUE(div.try_call(-8, 2)) == -4);
#ifndef WASMDYLD_NO_EXCEPTIONS
    CHECK(div(9, 3) == 3 && echo.function<int(int, int)>("add")(1, 2) == 3);
    THROWS(div(1, 0), Code::trap);
    CHECK(error.cause() == nullptr);
#endif
    VALUE(echo.try_unload());
    ERROR(div.try_call(7, 2), Code::invalid_argument, {"div", "unloaded"});
    ok("calls that fail");
}

static void pointers_to_functions()
{
    Namespace in = make_namespace();
    Library echo = load_echo(in);
    Ptr<int(int, int)> pointer = VALUE(echo.try_pointer<int(int, int)>("add"));
    auto add = VALUE(in.try_function_at(pointer));
    CHECK(add && VALUE(add.try_call(30, 12)) == 42 && !add.raw());
    ERROR(in.try_function_at(Ptr<int(int, int)>()), Code::invalid_argument, {"slot 0"});
    ERROR(in.try_function_at(Ptr<double(int)>(pointer.address())), Code::type_mismatch, {"add", "(i32) -> f64"});
#ifndef WASMDYLD_NO_EXCEPTIONS
    CHECK(in.function_at(pointer)(1, 2) == 3);
#endif
    VALUE(echo.try_unload());
    ERROR(add.try_call(1, 2), Code::invalid_argument, {"unloaded"});
    ok("pointers to functions");
}

/* A structure as the guest has it. */
struct Pair {
    std::int32_t a, b, sum;
};

static void rows()
{
    Namespace in = make_namespace();
    struct module *m = module_new();
    m->memory_size = 4096;
    Library room = load(in, "room.so", m), echo = load_echo(in);
    auto base = static_cast<std::uint32_t>(VALUE(room.try_place()).memory_base);
    Memory memory = in.memory();
    Ptr<Pair> pairs(base);
    for (std::int32_t i = 0; i < 10; i++)
        VALUE(memory.try_write(pairs + i, Pair{i, 10 * i, 0}));
    auto add = VALUE(echo.try_function<int(int, int)>("add"));
    std::uint64_t done = 0;
    auto member = [&](std::uint32_t n) { return Column<int>(Ptr<const int>(base + 4 * n), sizeof(Pair)); };
    VALUE(add.try_rows(10, member(0), member(1), member(2), &done));
    CHECK(done == 10 && VALUE(memory.try_read(pairs + 9)).sum == 99);
    /* One value for all; arrays; results where arguments were. */
    Ptr<int> numbers(base + 1024);
    for (std::int32_t i = 0; i < 4; i++)
        VALUE(memory.try_write(numbers + i, i));
    VALUE(add.try_rows(4, numbers, Column<int>(Ptr<const int>(base + 16), 0), numbers));
    CHECK(VALUE(memory.try_read(numbers + 3)) == 3 + VALUE(memory.try_read(Ptr<int>(base + 16))));
    ERROR(add.try_rows(4, numbers, Ptr<int>(), numbers), Code::invalid_argument, {"argument 1", "null"});
    ERROR(add.try_rows(UINT64_MAX, numbers, numbers, numbers), Code::invalid_argument, {"not within"});
    /* Several results; none. */
    auto turn = VALUE(echo.try_function<std::tuple<double, float, std::int64_t, int>(int, std::int64_t, float, double)>("turn"));
    Ptr<double> real(base + 2048);
    Ptr<std::int64_t> wide(base + 2056);
    VALUE(memory.try_write(real, 2.5));
    VALUE(memory.try_write(wide, std::int64_t{1} << 40));
    VALUE(turn.try_rows(1, numbers, wide, Ptr<float>(base + 1024), real, {Ptr<double>(base + 2080), Ptr<float>(base + 2088), Ptr<std::int64_t>(base + 2096), Ptr<int>(base + 2104)}));
    CHECK(VALUE(memory.try_read(Ptr<double>(base + 2080))) == 2.5 && VALUE(memory.try_read(Ptr<std::int64_t>(base + 2096))) == std::int64_t{1} << 40);
    VALUE(VALUE(echo.try_function<void()>("nothing")).try_rows(3, {}, &done));
    CHECK(done == 3);
    /* What trips half way. */
    auto div = VALUE(echo.try_function<int(int, int)>("div"));
    for (std::int32_t i = 0; i < 4; i++)
        VALUE(memory.try_write(numbers + i, 2 - i));
    ERROR(div.try_rows(4, numbers, numbers, numbers, &done), Code::trap);
    CHECK(done == 2 && VALUE(memory.try_read(numbers + 1)) == 1);
#ifndef WASMDYLD_NO_EXCEPTIONS
    add.rows(2, numbers, numbers, numbers);
    CHECK(VALUE(memory.try_read(numbers)) == 2);
    THROWS(div.rows(1, numbers + 2, numbers + 2, numbers, &done), Code::trap);
    CHECK(done == 0);
#endif
    ERROR(Function<int(int)>().try_rows(1, numbers, numbers), Code::invalid_argument, {"no function"});
    ok("rows");
}

/* A real library with its libc. */
static void real_libraries()
{
    Namespace in = make_guest_namespace();
    Library calc = VALUE(in.try_load("libcalc.so"));
    auto evaluate = VALUE(calc.try_function<double(Ptr<const char>)>("calc_evaluate"));
    CHECK(VALUE(evaluate.try_call(VALUE(in.try_copy_string("1 2 + 3 * 4 /")))) == 2.25);
    CHECK(VALUE(VALUE(calc.try_function<std::int64_t(std::int64_t)>("calc_factorial")).try_call(20)) == 2432902008176640000);
    Error crash = ERROR(VALUE(calc.try_function<void()>("calc_crash")).try_call(), Code::trap);
    std::vector<TraceFrame> frames = crash.frames();
    CHECK(frames.size() >= 2 || std::getenv("WASMDYLD_TEST_ENGINE")); /* not every engine tells */
    if (frames.size() >= 2)
        CHECK(frames[0].object == "libc.so" && frames[1].object == "libcalc.so" && frames[1].function == "calc_crash");
    CHECK(in.link_map().find("libhistory.so") != std::string::npos && NamespaceRef(in).link_map().find("libc.so") != std::string::npos);
    Error exits = ERROR(VALUE(calc.try_function<void(int)>("exit")).try_call(42), Code::exit);
    CHECK(exits.exit_code() == 42);
    ok("real libraries");
}

int main()
{
    types();
    mismatches();
    symbols();
    next();
    failing();
    pointers_to_functions();
    rows();
    real_libraries();
    return 0;
}
