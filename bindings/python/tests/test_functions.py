"""Calling functions: numbers, strings, buffers, argtypes and restype."""

import ctypes
import gc
import math
from array import array
from pathlib import Path
from typing import Any, Callable

import pytest

import wasmdyld
from support import wat
from wasmdyld import FuncType, Library, Namespace, c_char_p, c_int, c_longlong, c_size_t, c_uint, c_void_p


def test_a_library_feels_like_ctypes(sqlite: Library) -> None:
    assert sqlite.sqlite3_libversion_number() // 1000000 == 3
    assert sqlite.sqlite3_libversion is sqlite.sqlite3_libversion is sqlite["sqlite3_libversion"]
    assert isinstance(sqlite.sqlite3_libversion(), int)
    sqlite.sqlite3_libversion.restype = str
    assert sqlite.sqlite3_libversion().startswith("3.")
    sqlite.sqlite3_libversion.restype = c_char_p
    assert sqlite["sqlite3_libversion"]().startswith(b"3.")
    assert str(sqlite.sqlite3_open) == "sqlite3_open(i32, i32) -> i32"
    assert repr(sqlite.sqlite3_open) == "<wasmdyld function sqlite3_open(i32, i32) -> i32 of libsqlite3.so>"


def test_signatures_come_from_the_module(calc: Library) -> None:
    assert calc.calc_factorial.type == FuncType(("i64",), ("i64",)) == FuncType.parse("(i64) -> i64")
    assert calc.calc_evaluate.type == FuncType.parse("(i32)->f64")
    assert calc.calc_print.type == FuncType() == FuncType.parse(" () -> () ")
    assert str(FuncType.parse("(i32,f32) -> (i64, f64)")) == "(i32, f32) -> (i64, f64)"
    for text in ("", "i32", "(i32)", "(i33) -> ()", "(i32 -> i32)", "(i32,) -> ()", "(externref) -> ()"):
        with pytest.raises(ValueError, match="at character"):
            FuncType.parse(text)
    assert FuncType.parse("(i32 i64)->f32") == FuncType(("i32", "i64"), ("f32",))
    with pytest.raises(ValueError, match="at character 6, int is none of"):
        FuncType.parse("(i32 int) -> ()")


def test_numbers(ns: Namespace, calc: Library) -> None:
    assert calc.calc_factorial(20) == 2432902008176640000
    assert calc.calc_evaluate("1 2 + 3 * 4 /") == 2.25
    assert math.isnan(calc.calc_evaluate(b"1 +"))
    types = ns.load("libtypes.so")
    assert types.add64(2**62, -5) == 2**62 - 5
    assert types.half(3) == 1.5
    assert types.negate(True) == -1.0
    assert types.is_odd(3) == 1
    types.is_odd.restype = bool
    assert types.is_odd(3) is True and types.is_odd(4) is False
    assert types.minus_one() == -1
    assert types.add20(*range(20)) == sum(range(20))


def test_arity_and_types_are_checked(calc: Library) -> None:
    with pytest.raises(TypeError, match=r"calc_factorial\(i64\) -> i64 takes 1 argument, 0 given"):
        calc.calc_factorial()
    with pytest.raises(TypeError, match=r"calc_crash\(\) -> \(\) takes 0 arguments, 1 given"):
        calc.calc_crash(1)
    with pytest.raises(TypeError, match=r"argument 1 of calc_factorial\(i64\) -> i64: expected an int, got float"):
        calc.calc_factorial(1.0)
    with pytest.raises(TypeError, match="argument 1 of calc_push.*expected a float, got str"):
        calc.calc_push("1")
    with pytest.raises(TypeError, match="argument 1 of calc_recurse.*expected an int, got list"):
        calc.calc_recurse([])
    with pytest.raises(TypeError, match="CFUNCTYPE"):
        calc.calc_define(1, lambda x: x)
    with pytest.raises(ValueError, match="NUL"):
        calc.calc_evaluate("1\0")


MIRROR = """
    (func (export "i32") (param i32) (result i32) local.get 0)
    (func (export "i64") (param i64) (result i64) local.get 0)
    (func (export "f32") (param f32) (result f32) local.get 0)
    (func (export "f64") (param f64) (result f64) local.get 0)
    (func (export "three") (param i64) (result i32 i64 f64) i32.const -1 local.get 0 f64.const 0.5)
    (func (export "opaque") (param externref))
    (func (export "vector") (result i32 v128) i32.const 1 v128.const i64x2 1 2)
"""


def test_integers_of_either_sign_and_none_that_wraps(ns: Namespace) -> None:
    lib = ns.load_bytes("mirror.so", wat(MIRROR))
    for bits, function in ((32, lib.i32), (64, lib.i64)):
        top = 1 << bits
        for value in (0, 1, -1, top // 2 - 1, -top // 2):
            assert function(value) == value
        assert function(top - 1) == -1
        assert function(top // 2) == -top // 2
        for value in (top, -top // 2 - 1, 10**30):
            with pytest.raises(OverflowError, match=f"argument 1 of i{bits}.* does not fit into {bits} bits"):
                function(value)
    lib.i32.restype = c_uint
    assert lib.i32(-1) == 2**32 - 1
    lib.i32.restype = c_void_p
    assert lib.i32(None) is None and lib.i32(-16) == 2**32 - 16
    assert lib.f32(0.1) == ctypes.c_float(0.1).value
    assert lib.f64(0.1) == 0.1
    assert lib.f64(float("-inf")) == float("-inf")


def test_several_results_are_a_tuple(ns: Namespace) -> None:
    lib = ns.load_bytes("mirror.so", wat(MIRROR))
    assert lib.three(7) == (-1, 7, 0.5)
    lib.three.restype = (c_size_t, c_longlong, float)
    assert lib.three(7) == (2**32 - 1, 7, 0.5)
    lib.three.restype = lambda values: sum(values)
    assert lib.three(7) == 6.5
    lib.three.restype = None
    assert lib.three(7) is None
    lib.three.restype = wasmdyld.UNSET
    assert lib.three(8)[1] == 8
    with pytest.raises(TypeError, match="restype"):
        lib.three.restype = c_int


def test_what_python_has_no_values_for(ns: Namespace) -> None:
    lib = ns.load_bytes("mirror.so", wat(MIRROR))
    assert lib.opaque.type.params == ("externref",)
    with pytest.raises(TypeError, match=r"opaque\(externref\) -> \(\) cannot be called"):
        lib.opaque(1)
    assert lib.vector.type.results == ("i32", "a type that wasm.h has not")
    with pytest.raises(TypeError, match=r"vector.* cannot be called"):
        lib.vector()


def test_argtypes(ns: Namespace, calc: Library) -> None:
    calc.calc_shout.argtypes = [str]
    calc.calc_shout.restype = c_void_p
    address = calc.calc_shout("grüße")
    assert ns.memory.string(address) == "GRüßE"
    calc.free(address)
    with pytest.raises(TypeError, match=r"argument 1 of calc_shout.*float"):
        calc.calc_shout(1.5)
    with pytest.raises(TypeError, match="argtypes"):
        calc.calc_shout.argtypes = [c_int, c_int]
    with pytest.raises(TypeError, match="argtypes"):
        calc.calc_shout.argtypes = [float]
    with pytest.raises(TypeError, match="no type that a function of the guest can have"):
        calc.calc_shout.argtypes = [ctypes.c_int]
    calc.calc_shout.argtypes = None
    calc.calc_evaluate.argtypes = (bytes,)
    assert calc.calc_evaluate(b"2 3 *") == 6
    calc.calc_evaluate.restype = round
    assert calc.calc_evaluate(b"2.6") == 3


def test_errcheck(calc: Library) -> None:
    def check(result: Any, function: wasmdyld.Function, arguments: Any) -> Any:
        assert function is calc.calc_pop
        if result < 0:
            raise IndexError(arguments)
        return "popped"

    calc.calc_pop.errcheck = check
    with pytest.raises(IndexError):
        calc.calc_pop(None)


def test_buffers_in_and_out(ns: Namespace) -> None:
    z = ns.load("libz.so")
    data = b"hello " * 1000
    z.crc32.restype = c_uint
    assert z.crc32(0, b"123456789", 9) == 0xCBF43926
    with ns.alloc(z.compressBound(len(data))) as packed, ns.alloc(4) as size, ns.buffer(data) as plain:
        size.pack("I", len(packed))
        assert z.compress(packed, size, plain, len(data)) == 0
        compressed = packed.read(size.unpack("I")[0])
    assert len(compressed) < 100

    # A bytearray goes in and comes back.
    out = bytearray(len(data))
    length = bytearray(len(out).to_bytes(4, "little"))
    assert z.uncompress(out, length, compressed, len(compressed)) == 0
    assert out == data and int.from_bytes(length, "little") == len(data)
    part = memoryview(bytearray(10))
    assert z.uncompress(part, bytearray(b"\x0a\0\0\0"), compressed, len(compressed)) != 0
    assert part.tobytes() == data[:10]


def test_arguments_do_not_stay_in_the_guest(ns: Namespace) -> None:
    z = ns.load("libz.so")
    text = "x" * 100_000
    z.crc32(0, text, 1)
    size = len(ns.memory)
    for _ in range(100):
        z.crc32(0, text, len(text))
        with pytest.raises(TypeError, match="argument 3"):
            z.crc32(0, text, 2.5)
    assert len(ns.memory) == size


def test_attributes_that_are_no_symbols(calc: Library) -> None:
    assert not hasattr(calc, "no_such_function")
    assert getattr(calc, "no_such_function", None) is None
    with pytest.raises(AttributeError, match="no_such_function.*libcalc.so"):
        calc.no_such_function
    with pytest.raises(KeyError):
        calc["no_such_function"]
    with pytest.raises(wasmdyld.SymbolNotFound) as caught:
        calc.function("no_such_function")
    assert caught.value.code is wasmdyld.Code.NOT_FOUND
    assert not hasattr(calc, "__wrapped__") and not hasattr(calc, "_repr_html_")
    with pytest.raises(AttributeError, match=r"calc_version in libcalc.so is no function but data: see address"):
        calc.calc_version


def test_functions_of_objects_that_are_gone(ns: Namespace) -> None:
    library = ns.load_bytes("mirror.so", wat(MIRROR))
    function, object = library.i32, library.object
    assert function(5) == 5 and object.loaded
    library.unload()
    assert not object.loaded
    for use in (lambda: function(5), lambda: library.i64, lambda: library.address("x"), lambda: function.slot, lambda: object.name):
        with pytest.raises(wasmdyld.Closed):
            use()
    library.unload()
    assert repr(function) == "<wasmdyld function i32 of mirror.so>"
    with pytest.raises(wasmdyld.InvalidArgument):
        object.opens

    # Gone although nobody told the library that the function was found by.
    first, second = ns.load_bytes("mirror.so", wat(MIRROR)), ns.load("mirror.so")
    function = second.i64
    first.unload()
    assert function(6) == 6
    second.unload()
    with pytest.raises(wasmdyld.Closed):
        function(6)


def test_global_functions_follow_what_is_loaded(ns: Namespace) -> None:
    def constant(number: int) -> bytes:
        return wat(f'(func (export "f") (result i32) i32.const {number})')

    library = ns.load_bytes("one.so", constant(1), wasmdyld.RTLD_GLOBAL)
    function = ns.function("f")
    assert function() == 1
    library.unload()
    with pytest.raises(wasmdyld.SymbolNotFound):
        function()
    ns.load_bytes("other.so", wat('(func (export "f") (param i32) (result i32) local.get 0)'), wasmdyld.RTLD_GLOBAL)
    assert function.type == FuncType.parse("(i32) -> i32") and function(9) == 9


@pytest.mark.parametrize("convert", [int, float, bool, str, bytes])
def test_python_types_stand_for_c_types(convert: Callable[..., Any], guests: Path) -> None:
    assert repr(wasmdyld.CFUNCTYPE(None, convert)).startswith("<wasmdyld type CFUNCTYPE")


def test_a_function_calls_itself_through_python(ns: Namespace) -> None:
    def back(value: c_int) -> c_int:
        return value if value <= 0 else value + int(lib.through(value - 1))

    ns.define("env", "back", back)
    lib = ns.load_bytes("through.so", wat('(import "env" "back" (func $back (param i32) (result i32))) (func (export "through") (param i32) (result i32) local.get 0 call $back)'))
    assert lib.through(0) == 0
    assert lib.through(10) == 55

    def fails(value: c_int) -> c_int:
        raise OverflowError("mine")

    ns.define("env", "back", fails)
    other = ns.load_bytes("other.so", wat('(import "env" "back" (func $back (param i32) (result i32))) (func (export "through") (param i32) (result i32) local.get 0 call $back)'))
    with pytest.raises(OverflowError, match="mine"):
        other.through(1)
    assert lib.through(3) == 6


def test_prepared_functions_do_not_stay(ns: Namespace) -> None:
    handles = ns._core.state.handles
    before = len(handles.owned)
    for number in range(20):
        library = ns.load_bytes("mirror.so", wat(MIRROR))
        assert library.i32(number) == number
        library.unload()
        del library
        gc.collect()
    assert len(handles.owned) <= before + 3


ROWS = """
    (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
    (func (export "div") (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
    (func (export "mix") (param i64 f32 f64) (result f64 i64) local.get 2 local.get 1 f64.promote_f32 f64.add local.get 0)
    (func (export "none") (param i32))
"""


@pytest.fixture
def table(ns: Namespace) -> Library:
    ns.load("libcalc.so", wasmdyld.RTLD_GLOBAL)  # With a libc, which has malloc.
    return ns.load_bytes("rows.so", wat(ROWS))


def test_rows(ns: Namespace, table: Library) -> None:
    one, two = array("i", range(1000)), array("i", range(0, 10_000, 10))
    sums = table.add.rows(one, two)
    assert isinstance(sums, array) and sums.typecode == "i" and list(sums) == [11 * n for n in range(1000)]
    assert list(table.add.rows(one, 5)[:3]) == [5, 6, 7]
    assert list(table.add.rows(-1, 2**32 - 1, rows=2)) == [-2, -2]
    assert list(table.add.rows(memoryview(one)[::2], memoryview(two)[1::2])[:2]) == [10, 32]
    assert list(table.add.rows(one, two, rows=3)) == [0, 11, 22]
    assert list(table.add.rows(array("i"), array("i"))) == []
    reals, wide = table.mix.rows(array("q", [1, -(2**40)]), array("f", [0.5, 1.5]), 2)
    assert list(reals) == [2.5, 3.5] and list(wide) == [1, -(2**40)]
    assert table.none.rows(one) is None
    # Into what is there already, and where the guest has it.
    out = array("I", bytes(4000))
    assert table.add.rows(one, one, out=out) is out and out[999] == 1998
    with ns.alloc(16) as guest:
        guest.pack("4i", 1, 2, 3, 4)
        assert table.add.rows(guest, guest, out=guest) is guest
        assert guest.unpack("4i") == (2, 4, 6, 8)


def test_rows_that_do_not_fit(table: Library) -> None:
    one = array("i", [1, 2, 3])
    with pytest.raises(TypeError, match="takes 2 columns, 1 given"):
        table.add.rows(one)
    with pytest.raises(TypeError, match="column 2 of add.* 4 bytes"):
        table.add.rows(one, array("q", [1, 2, 3]))
    with pytest.raises(TypeError, match="column 1 of add"):
        table.add.rows(array("f", [1]), one)
    with pytest.raises(TypeError, match="column 1 of add"):
        table.add.rows(1.5, one)
    with pytest.raises(OverflowError, match="column 1 of add"):
        table.add.rows(2**32, one)
    with pytest.raises(ValueError, match="one length"):
        table.add.rows(one, one[:2])
    with pytest.raises(ValueError, match="one length"):
        table.add.rows(1, 2)
    with pytest.raises(ValueError, match="4 rows"):
        table.add.rows(one, one, rows=4)
    with pytest.raises(ValueError, match="do not fit"):
        table.add.rows(one, one, out=array("i", [0]))
    with pytest.raises(TypeError, match="written to"):
        table.add.rows(one, one, out=memoryview(bytes(12)).cast("i"))


def test_rows_that_trap(table: Library) -> None:
    out = array("i", [-1] * 5)
    with pytest.raises(wasmdyld.Trap) as caught:
        table.div.rows(100, array("i", [1, 2, 0, 4, 5]), out=out)
    assert caught.value.rows_done == 2 and list(out) == [100, 50, -1, -1, -1]
    assert list(table.div.rows(100, array("i", [4]))) == [25]
    with pytest.raises(wasmdyld.Trap) as caught:
        table.div(1, 0)
    assert caught.value.rows_done is None
    table.unload()
    with pytest.raises(wasmdyld.Closed):
        table.div.rows(1, 1, rows=1)
