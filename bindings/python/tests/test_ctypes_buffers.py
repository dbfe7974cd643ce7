"""Buffers of Python's as arguments, and views of the guest's memory."""

import sys
from array import array
from typing import Any, Callable, Dict

import numpy
import pytest

import wasmdyld
from support import Make
from wasmdyld import Namespace
from wasmdyld import ctypes as C


BUFFERS: Dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(b"0123456789"),
    "memoryview": lambda: memoryview(bytearray(b"0123456789")),
    "array": lambda: array("B", b"0123456789"),
    "numpy": lambda: numpy.frombuffer(bytearray(b"0123456789"), dtype=numpy.uint8),
    "from_buffer": lambda: (C.c_char * 10).from_buffer(bytearray(b"0123456789")),
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_what_can_be_written_to_is_copied_in_and_back(libc: Any, kind: str) -> None:
    libc.memset.argtypes = [C.c_void_p, C.c_int, C.c_size_t]
    libc.memset.restype = None
    buffer: Any = BUFFERS[kind]()
    libc.memset(buffer, ord("x"), 3)
    assert bytes(buffer) == b"xxx3456789"
    # Without argtypes as well, and as typed pointers.
    assert libc.strlen(bytes(buffer)) == 10
    libc.memset.argtypes = [C.POINTER(C.c_char), C.c_int, C.c_size_t]
    libc.memset(buffer, ord("y"), 1)
    assert bytes(buffer) == b"yxx3456789"
    libc["memset"](buffer, ord("z"), 2)
    assert bytes(buffer) == b"zzx3456789"


@pytest.mark.parametrize("kind", BUFFERS)
def test_the_functions_of_the_package_take_them_as_well(space: Namespace, kind: str) -> None:
    memset = space.load("libc.so").memset
    buffer: Any = BUFFERS[kind]()
    memset(buffer, ord("x"), 3)
    assert bytes(buffer) == b"xxx3456789"


def test_what_cannot_be_written_to_is_copied_in(libc: Any) -> None:
    libc.memchr.argtypes = [C.c_void_p, C.c_int, C.c_size_t]
    libc.memchr.restype = C.c_void_p
    for buffer in (b"0123456789", memoryview(b"0123456789"), numpy.frombuffer(b"0123456789", dtype=numpy.uint8)):
        assert libc.memchr(buffer, ord("5"), 10) and not libc.memchr(buffer, ord("x"), 10)
    libc.memset.argtypes = [C.c_void_p, C.c_int, C.c_size_t]
    frozen = numpy.zeros(4, dtype=numpy.uint8)
    frozen.flags.writeable = False
    libc.memset(frozen, 1, 4)
    assert frozen.tolist() == [0, 0, 0, 0]


def test_numbers_of_an_array(libc: Any) -> None:
    Compare = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_double), C.POINTER(C.c_double))
    compare = Compare(lambda a, b: (a[0] > b[0]) - (a[0] < b[0]))
    libc.qsort.argtypes = [C.POINTER(C.c_double), C.c_size_t, C.c_size_t, Compare]
    libc.qsort.restype = None
    numbers = numpy.array([3.5, -1.0, 2.25])
    libc.qsort(numbers, len(numbers), numbers.itemsize, compare)
    assert numbers.tolist() == [-1.0, 2.25, 3.5]
    plain = array("d", [2, 1])
    libc.qsort(plain, 2, 8, compare)
    assert plain.tolist() == [1, 2]
    with pytest.raises(C.ArgumentError, match="items of 8 bytes"):
        libc.qsort(numpy.array([1, 2], dtype=numpy.float32), 2, 4, compare)
    with pytest.raises(C.ArgumentError, match="gaps"):
        libc.qsort(numpy.array([1.0, 2, 3, 4])[::2], 2, 8, compare)
    # A number of numpy's is a number.
    assert libc.abs(numpy.int32(-5)) == 5


def test_views_as_numpy_arrays(space: Namespace, libc: Any) -> None:
    numbers = (C.c_double * 4)(1, 2, 3, 4)
    C.addressof(numbers)
    seen = numpy.frombuffer(C.view(numbers), dtype=numpy.float64)
    seen *= 2
    assert list(numbers) == [2, 4, 6, 8]
    numbers[0] = -1
    assert seen[0] == -1
    grid = numpy.asarray((C.c_short * 3 * 2)((1, 2, 3), (4, 5, 6)))
    assert grid.shape == (2, 3) and grid.dtype == numpy.int16 and grid.sum() == 21
    object_ = (C.c_ubyte * 3)(1, 2, 3)
    other = numpy.asarray(object_)
    other[1] = 77
    assert list(object_) == [1, 77, 3] and other.dtype == numpy.uint8
    with pytest.raises(BufferError, match="views"):
        space.close()
    del seen, grid, other


def test_a_view_is_of_what_the_guest_writes(space: Namespace, libc: Any) -> None:
    buffer = C.create_string_buffer(4)
    view = C.view(buffer)
    libc.memset(buffer, 7, 4)
    assert view.tolist() == [7, 7, 7, 7]
    view.release()


def test_a_view_from_before_the_namespace_is_copied_in_and_back(make: Make) -> None:
    before = C.use(None)
    try:
        buffer = C.create_string_buffer(4)
        view = C.view(buffer)
        libc = C.CDLL("libc.so", namespace=make())
        libc.memset(buffer, 7, 4)
        assert view.tolist() == [7, 7, 7, 7] and buffer.raw == b"\7\7\7\7"
        holder = type("Holder", (C.Structure,), {"_fields_": [("at", C.POINTER(C.c_char))]})(buffer)
        with pytest.raises(wasmdyld.InvalidArgument, match="no lasting address"):
            libc.strlen(C.byref(holder))
    finally:
        C.use(before)


def test_the_buffer_protocol(space: Namespace, libc: Any) -> None:
    """Python asks objects that are written in Python for buffers from 3.12 on."""
    numbers: Any = (C.c_int * 3)(1, 2, 3)
    view = memoryview(numbers) if sys.version_info >= (3, 12) else numbers.__buffer__(0)
    assert view.tolist() == [1, 2, 3]


def test_objects_of_pythons_own_ctypes_are_refused_with_a_hint(libc: Any) -> None:
    import ctypes

    for wrong in (ctypes.c_int(5), ctypes.create_string_buffer(5), ctypes.byref(ctypes.c_int())):
        for types in (None, [C.c_char_p], [C.c_void_p], [C.POINTER(C.c_char)]):
            libc.strlen.argtypes = types
            with pytest.raises(TypeError, match="import it from wasmdyld.ctypes"):
                libc.strlen(wrong)
    libc.strlen.argtypes = [C.c_char_p]
    with pytest.raises(TypeError, match="bytes, a buffer, None or an address"):
        libc.strlen(5.5)
    with pytest.raises(TypeError, match=r"encode\(\) makes bytes of a str"):
        libc.strlen("text")


def test_what_errors_say(libc: Any) -> None:
    with pytest.raises(TypeError, match=r"strlen\(i32\) takes 1 argument \(2 given\)"):
        libc.strlen(b"a", 1)
    with pytest.raises(C.ArgumentError, match=r"argument 1 of strlen\(i32\): TypeError: Don't know how to convert a list"):
        libc.strlen([])
    with pytest.raises(TypeError, match="no from_param"):
        libc.strlen.argtypes = [5]
    with pytest.raises(TypeError, match="c_longlong and c_int64 have 64"):
        libc.llabs.argtypes = [C.c_long]
    with pytest.raises(TypeError, match="restype of abs"):
        libc.abs.restype = C.c_double
    libc.qsort.argtypes = [C.c_void_p, C.c_size_t, C.c_size_t, C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_void_p)]
    with pytest.raises(TypeError, match="keep it as long as"):
        libc.qsort(b"", 0, 1, lambda a, b: 0)
    with pytest.raises(AttributeError, match="did you mean strlen"):
        libc.strlenn
    assert "strlen" in dir(libc) and "malloc" in dir(C.CDLL("libc.so")) and "address" in dir(libc)
    with pytest.raises(wasmdyld.Trap):
        libc.strlen.argtypes = None
        libc.strlen(0xFFFFFFF0)
