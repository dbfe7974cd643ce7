"""Functions of the guest by wasmdyld.ctypes: types, structures by value, `...`, flags of parameters, errors, callbacks, data."""

from typing import Any, Callable, List

import pytest

import wasmdyld
from support import wat
from wasmdyld import Namespace
from wasmdyld import ctypes as C


@pytest.fixture
def kinds(space: Namespace) -> Any:
    return C.CDLL("libtypes.so")


class Small(C.Structure):
    _fields_ = [("x", C.c_int), ("y", C.c_int)]


class Big(C.Structure):
    _fields_ = [("squares", C.c_int * 8)]


def test_without_types_the_module_tells_them(kinds: Any) -> None:
    assert kinds.add64(1 << 40, 1) == (1 << 40) + 1
    assert kinds.half(3.0) == 1.5 and kinds.negate(C.c_double(2)) == -2
    assert kinds.minus_one() == -1 and kinds.all_ones() == 0xFFFF
    # Numbers wrap, as in C.
    assert kinds.add64(0, 0xFFFFFFFF) == -1 and kinds.add64(1 << 64, 5) == 5
    with pytest.raises(C.ArgumentError, match="argument 1 of half"):
        kinds.half("x")
    assert kinds.add20(*range(20)) == 190


def test_results_have_the_types_that_they_are_given(kinds: Any) -> None:
    kinds.minus_one.restype = C.c_ubyte
    kinds.all_ones.restype = C.c_short
    kinds.is_odd.restype = C.c_bool
    assert kinds.minus_one() == 255 and kinds.all_ones() == -1 and kinds.is_odd(3) is True and kinds.is_odd(4) is False
    kinds.minus_one.restype = C.c_byte
    assert kinds.minus_one() == -1

    class Own(C.c_int):
        """What is derived from a simple type is an object, not its value."""

    kinds.next_color.restype = Own
    color = kinds.next_color(1)
    assert type(color) is Own and color.value == 2
    kinds.next_color.restype = lambda number: f"color {number}"
    assert kinds.next_color(1) == "color 2"
    kinds.next_color.restype = None
    assert kinds.next_color(1) is None
    # A function of the library has its types as an attribute, and none as an item.
    assert kinds["next_color"](1) == 2 and kinds.next_color is kinds.next_color
    kinds.add64.argtypes = [C.c_longlong, C.c_int]
    kinds.add64.restype = C.c_ulonglong
    assert kinds.add64(-1, 0) == (1 << 64) - 1


def test_structures_by_value(kinds: Any, libc: Any) -> None:
    kinds.swap.argtypes = [Small]
    kinds.swap.restype = Small
    given = Small(1, 2)
    swapped = kinds.swap(given)
    assert (swapped.x, swapped.y, given.x, given.y) == (2, 1, 1, 2)
    assert kinds.swap((5, 6)).x == 6
    kinds.squares.restype = Big
    assert list(kinds.squares().squares) == [n * n for n in range(8)]
    by_pointer = C.CFUNCTYPE(Small, Small)(C.cast(kinds.swap, C.c_void_p).value)
    assert by_pointer(Small(8, 9)).x == 9
    with pytest.raises(TypeError, match="by value"):
        C.CFUNCTYPE(Small, C.c_int)(lambda n: Small(n, n))
    for name, part in (("div", C.c_int), ("lldiv", C.c_longlong)):
        Result: Any = type("Result", (C.Structure,), {"_fields_": [("quotient", part), ("remainder", part)]})
        function = libc[name]
        function.restype = Result
        function.argtypes = [part, part]
        result = function(-17, 5)
        assert (result.quotient, result.remainder) == (-3, -2)


def test_a_structure_of_one_scalar_is_passed_as_it(space: Namespace) -> None:
    lib = C.CDLL(
        space.load_bytes(
            "one.so",
            wat(
                """(func (export "more") (param f64) (result f64) local.get 0 f64.const 1 f64.add)
                (func (export "next") (param i32) (result i32) local.get 0 i32.const 1 i32.add)"""
            ),
        )
    )
    Inner = type("Inner", (C.Structure,), {"_fields_": [("value", C.c_double * 1)]})
    Outer: Any = type("Outer", (C.Structure,), {"_fields_": [("inner", Inner)]})
    lib.more.argtypes = [Outer]
    lib.more.restype = Outer
    given = Outer()
    given.inner.value[0] = 2.5
    assert lib.more(given).inner.value[0] == 3.5
    Char: Any = type("Char", (C.Union,), {"_fields_": [("c", C.c_ubyte)]})
    lib.next.argtypes, lib.next.restype = [Char], Char
    assert lib.next(Char(255)).c == 0
    with pytest.raises(TypeError, match="does not fit"):
        lib.next.argtypes = [Outer]


def test_functions_with_a_variable_number_of_arguments(libc: Any) -> None:
    libc.snprintf.argtypes = [C.c_char_p, C.c_size_t, C.c_char_p]
    buffer = C.create_string_buffer(100)
    arguments: List[Any] = [b"text", 5, -1, 2.5, C.c_longlong(1 << 40), C.c_float(0.5), C.c_char(b"x"), C.c_uint(-1), C.c_ubyte(200)]
    size = libc.snprintf(buffer, 100, b"%s %d %d %.2f %lld %.1f %c %u %d", *arguments)
    assert buffer.value == b"text 5 -1 2.50 1099511627776 0.5 x 4294967295 200" and size == len(buffer.value)
    assert libc.snprintf(buffer, 100, b"plain") == 5
    value, text = C.c_int(), C.create_string_buffer(10)
    libc.sscanf.argtypes = [C.c_char_p, C.c_char_p]
    assert libc.sscanf(b"42 word", b"%d %9s", C.byref(value), text) == 2
    assert (value.value, text.value) == (42, b"word")
    # Numbers alone, which could be passed as they are: after a call that has prepared the function.
    for function in (libc.snprintf, libc["snprintf"]):
        function.argtypes = [C.c_void_p, C.c_size_t, C.c_void_p]
        form = C.create_string_buffer(b"%d-%d")
        for number in (5, 6):
            function(C.addressof(buffer), 100, C.addressof(form), number, 7)
            assert buffer.value == b"%d-7" % number
            form.value = b"%d-7"
            function(C.addressof(buffer), 100, C.addressof(form), number)
            assert buffer.value == b"%d-7" % number
            form.value = b"%d-%d"
    with pytest.raises(TypeError, match="at least 3 arguments"):
        libc.snprintf(buffer, 100)


def test_out_parameters(libc: Any) -> None:
    rest = C.POINTER(C.c_char)()
    libc.strtol.argtypes = [C.c_char_p, C.POINTER(C.POINTER(C.c_char)), C.c_int]
    buffer = C.create_string_buffer(b"123 rest")
    assert libc.strtol(C.cast(buffer, C.c_char_p), C.byref(rest), 10) == 123
    assert C.cast(rest, C.c_char_p).value == b" rest"
    rest[1] = b"R"
    assert buffer.value == b"123 Rest"
    exponent = C.c_int()
    libc.frexp.argtypes, libc.frexp.restype = [C.c_double, C.POINTER(C.c_int)], C.c_double
    assert libc.frexp(48.0, exponent) == 0.75 and exponent.value == 6
    assert libc.frexp(0.5, C.pointer(exponent)) == 0.5 and exponent.value == 0


def test_flags_of_parameters(libc: Any) -> None:
    prototype = C.CFUNCTYPE(C.c_double, C.c_double, C.POINTER(C.c_int))
    frexp: Any = prototype(("frexp", libc), ((1, "x", 8.0), (2, "exponent")))
    assert frexp(48.0) == 6 and frexp(x=3.0) == 2 and frexp() == 4
    frexp.errcheck = lambda result, function, arguments: (result, arguments[1].value)
    assert frexp(48.0) == (0.75, 6)
    frexp.errcheck = lambda result, function, arguments: arguments
    assert frexp(48.0) == 6
    power: Any = C.CFUNCTYPE(C.c_double, C.c_double, C.c_double)(("pow", libc), ((1, "base"), (1, "exponent", 2)))
    assert power(3.0) == 9 and power(2.0, 3.0) == 8 and power(exponent=1.0, base=5.0) == 5
    wrongs: List[Callable[[], Any]] = [power, lambda: power(1.0, 2.0, 3.0), lambda: power(1.0, other=2.0), lambda: libc.abs(x=1)]
    for wrong in wrongs:
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="same length"):
        prototype(("frexp", libc), ((1, "x"),))
    with pytest.raises(TypeError, match="must be a pointer type"):
        prototype(("frexp", libc), ((2, "x"), (2, "e")))
    with pytest.raises(AttributeError):
        prototype(("no_such_function", libc))


def test_errcheck(libc: Any) -> None:
    seen: List[Any] = []

    def check(result: int, function: Any, arguments: Any) -> Any:
        seen.append((result, function, arguments))
        if result < 0:
            raise OSError(C.get_errno(), "failed")
        return -result

    libc.abs.errcheck = check
    assert libc.abs(-3) == -3 and seen == [(3, libc.abs, (-3,))]
    libc.open.argtypes = [C.c_char_p, C.c_int]
    libc.open.errcheck = check
    with pytest.raises(OSError) as caught:
        libc.open(b"/nowhere", 0)
    assert caught.value.errno != 0
    assert C.set_errno(7) == caught.value.errno and C.get_errno() == 7
    with pytest.raises(TypeError):
        libc.abs.errcheck = 5


def test_callbacks(libc: Any, space: Namespace) -> None:
    Compare = C.CFUNCTYPE(C.c_int, C.POINTER(Small), C.POINTER(Small))
    items: Any = (Small * 4)((3, 1), (1, 2), (2, 3), (0, 4))

    def by_x(a: Any, b: Any) -> int:
        a.contents.y += 10
        return a[0].x - b[0].x  # type: ignore[no-any-return]

    compare = Compare(by_x)
    libc.qsort.argtypes = [C.POINTER(Small), C.c_size_t, C.c_size_t, Compare]
    libc.qsort.restype = None
    libc.qsort(items, len(items), C.sizeof(Small), compare)
    assert [item.x for item in items] == [0, 1, 2, 3] and max(item.y for item in items) > 10
    libc.bsearch.argtypes = [C.POINTER(Small), C.POINTER(Small), C.c_size_t, C.c_size_t, Compare]
    libc.bsearch.restype = C.POINTER(Small)
    found = libc.bsearch(Small(2), items, 4, 8, compare)
    assert found.contents.x == 2 and not libc.bsearch(Small(9), items, 4, 8, compare)
    found.contents.x = 77
    assert items[2].x == 77
    # What it raises is raised here.
    failing = Compare(lambda a, b: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        libc.qsort(items, 4, 8, failing)
    with pytest.raises(TypeError, match="expected c_int instance instead of NoneType"):
        libc.qsort(items, 4, 8, Compare(lambda a, b: None))
    # A function of the guest where a pointer is wanted, and one that is called by its pointer.
    Number = C.CFUNCTYPE(C.c_int, C.c_int)
    pointer = C.cast(libc.abs, Number)
    assert pointer(-5) == 5
    assert Number(C.cast(libc.abs, C.c_void_p).value)(-6) == 6
    with pytest.raises(ValueError, match="NULL function pointer"):
        Number()(1)


def test_callbacks_with_strings_and_structures(space: Namespace) -> None:
    """What the guest passes: text by its address, a structure of several scalars by that of a copy, one of a single scalar as it."""
    ns = space
    ns.load("libc.so")
    lib = C.CDLL(
        ns.load_bytes(
            "calls.so",
            wat(
                """(import "env" "__indirect_function_table" (table 0 funcref)) (type $f (func (param i32 f64 i32) (result i64)))
                (func (export "call") (param i32 i32 f64 i32) (result i64)
                local.get 1 local.get 2 local.get 3 local.get 0 call_indirect (type $f))"""
            ),
        )
    )
    One: Any = type("One", (C.Structure,), {"_fields_": [("value", C.c_double)]})
    Callback = C.CFUNCTYPE(C.c_longlong, C.c_char_p, One, Small)
    seen: List[Any] = []

    def call(text: bytes, one: Any, small: Any) -> int:
        seen.append((text, one.value, small.x, small.y))
        small.x = 99
        return 1 << 40

    small = Small(3, 4)
    lib.call.argtypes = [Callback, C.c_char_p, C.c_double, C.POINTER(Small)]
    callback = Callback(call)
    assert lib.call(callback, b"text", 2.5, small) == 1 << 40
    assert seen == [(b"text", 2.5, 3, 4)] and small.x == 3


def test_data_of_a_library(space: Namespace) -> None:
    calc = C.CDLL("libcalc.so")
    version = C.c_int.in_dll(calc, "calc_version")
    assert version.value == 3
    version.value = 4
    assert C.c_int.in_dll(calc, "calc_version").value == 4
    assert C.c_char_p.in_dll(calc, "calc_name").value == b"calc"
    assert (C.c_double * 4).in_dll(calc, "calc_constants")[3] == 3.141592653589793
    with pytest.raises(wasmdyld.SymbolNotFound):
        C.c_int.in_dll(calc, "nothing")


def test_ways_to_a_library(space: Namespace) -> None:
    library = space.load("libz.so", wasmdyld.RTLD_GLOBAL)
    for lib in (C.CDLL(library), C.CDLL("libz.so"), C.CDLL(C.util.find_library("z")), C.cdll.LoadLibrary("libz.so"), C.cdll["libz.so"], C.CDLL(None)):
        lib.crc32.restype = C.c_ulong
        assert lib.crc32(0, b"123456789", 9) == 0xCBF43926
    assert repr(C.CDLL("libz.so")) == "<CDLL 'libz.so'>"
    with pytest.raises(OSError, match="libnothing"):
        C.CDLL("libnothing.so")
    with pytest.raises(TypeError, match="handle"):
        C.CDLL("libz.so", handle=5)


def test_the_types_stand_in_the_package_as_well(space: Namespace, kinds: Any) -> None:
    """Functions of wasmdyld itself take these types and objects: there is one way to convert."""
    library = space.load("libc.so")
    library.strlen.argtypes = [C.c_char_p]
    library.strlen.restype = C.c_size_t
    assert library.strlen(b"abc") == 3 and library.strlen(C.create_string_buffer(b"abcd")) == 4
    numbers = (C.c_int * 3)(3, 1, 2)
    compare = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_int), C.POINTER(C.c_int))(lambda a, b: a[0] - b[0])
    library.qsort(numbers, 3, 4, compare)
    assert list(numbers) == [1, 2, 3]
    out = C.c_int()
    library.frexp.argtypes = None
    assert library.frexp(48.0, C.byref(out)) == 0.75 and out.value == 6
    small = C.CFUNCTYPE(C.c_int, C.POINTER(Small))
    called = wasmdyld.CFUNCTYPE(wasmdyld.c_int, C.POINTER(Small))
    with space.callback(lambda p: p.contents.x, called) as callback:
        given = Small(42)
        assert small(callback.slot)(given) == 42


def test_a_default_namespace_takes_what_the_environment_says(guests: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMDYLD_LIBRARY_PATH", str(guests / "lib"))
    before = C.use(None)
    try:
        assert C.CDLL(C.util.find_library("c")).abs(-5) == 5
        made = C.namespace()
        assert C.use(None) is made
        made.close()
    finally:
        C.use(before)
