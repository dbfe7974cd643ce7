"""What objects of wasmdyld.ctypes keep alive, when their memory goes back, and what becomes of them when the namespace closes or memory grows."""

import gc
import mmap
import tracemalloc
import weakref
from array import array
from pathlib import Path
from typing import Any, Callable, List

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import Namespace
from wasmdyld import ctypes as C


class Node(C.Structure):
    pass


Node._fields_ = [("value", C.c_int), ("next", C.POINTER(Node)), ("text", C.c_char_p)]


def test_memory_goes_back(space: Namespace, libc: Any) -> None:
    def once() -> None:
        buffer = C.create_string_buffer(100_000)
        address = C.addressof(buffer)
        assert libc.strlen(buffer) == 0 and address % 8 == 0

    once()
    gc.collect()
    size = len(space.memory)
    for _ in range(100):
        once()
    assert len(space.memory) == size


def test_what_is_pointed_to_lives_as_long_as_the_pointer(space: Namespace, libc: Any) -> None:
    for place in (lambda thing: None, C.addressof):
        head: Any = Node(0)
        place(head)
        last = head
        seen: List[Any] = []
        for value in range(1, 50):
            one = Node(value, None, b"text %d" % value)
            seen.append(weakref.ref(one._block))
            last.next = C.pointer(one)
            last = one
        del last, one
        gc.collect()
        C.addressof(head)
        # What is freed would be given out again.
        spoiled = [C.create_string_buffer(b"\xff" * size) for size in range(1, 64)]
        for block in spoiled:
            C.addressof(block)
        node, values = head, []
        while node.next:
            node = node.next.contents
            values.append((node.value, node.text))
        assert values == [(value, b"text %d" % value) for value in range(1, 50)]
        del node
        assert all(ref() is not None for ref in seen)
        head.next = None
        gc.collect()
        assert all(ref() is None for ref in seen)
        assert head._objects is None


def test_what_is_assigned_through_a_pointer_lives_as_long_as_it(space: Namespace, libc: Any) -> None:
    libc.malloc.restype = C.POINTER(Node)
    made = libc.malloc(C.sizeof(Node))
    C.memset(made, 0, C.sizeof(Node))
    made.contents.text = b"kept by the pointer"
    gc.collect()
    spoil = [C.create_string_buffer(b"\xff" * 20) for _ in range(20)]
    assert all(C.addressof(one) for one in spoil)
    assert made.contents.text == b"kept by the pointer"
    libc.free(made)


def test_part_of_an_object_keeps_the_whole(space: Namespace, libc: Any) -> None:
    grid = (C.c_int * 3 * 3)()
    row = grid[1]
    row[2] = 5
    address = C.addressof(row)
    whole = weakref.ref(grid._block)
    del grid
    gc.collect()
    assert whole() is not None and C.addressof(row) == address and row[2] == 5
    del row
    gc.collect()
    assert whole() is None


def test_use_after_the_namespace_is_closed(make: Make) -> None:
    ns = make("library-only")
    before = C.use(ns)
    try:
        libc = C.CDLL("libc.so")
        number, text, unplaced = C.c_int(5), C.c_char_p(b"text"), C.c_int(7)
        node = Node(1)
        p = C.pointer(node)
        buffer = C.create_string_buffer(b"abc")
        for thing in (number, text, node, p, buffer):
            C.addressof(thing)
        libc.malloc.restype = C.POINTER(C.c_int)
        raw = libc.malloc(4)
        compare = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_void_p)(lambda a, b: 0)
        address = C.cast(compare, C.c_void_p).value
        ns.close()
        uses: List[Callable[[], Any]] = [
            lambda: number.value,
            lambda: setattr(number, "value", 1),
            lambda: text.value,
            lambda: node.value,
            lambda: p.contents.value,
            lambda: p[0],
            lambda: bytes(buffer),
            lambda: buffer.value,
            lambda: C.view(buffer),
            lambda: raw[0],
            lambda: libc.strlen(buffer),
            lambda: libc.other,
            lambda: C.string_at(buffer),
            lambda: C.string_at(1024),
            lambda: C.memset(buffer, 0, 1),
            lambda: C.c_int.from_address(1024).value,
            lambda: C.addressof(C.c_int(1)),
            lambda: C.CFUNCTYPE(C.c_int)(address)(),
        ]
        for use in uses:
            with pytest.raises(wasmdyld.Closed):
                use()
        assert repr(libc) and repr(node) and repr(buffer)
        # What was never there is as it was.
        assert unplaced.value == 7 and compare(1, 2) == 0
        del number, text, node, p, buffer, raw
        gc.collect()
    finally:
        C.use(before)


def test_the_memory_of_a_heap_that_is_gone_is_not_freed_in_the_next_one(make: Make) -> None:
    ns = make("library-only")
    before = C.use(ns)
    try:
        kept: List[Any] = []
        for _ in range(3):
            with ns.load("libc.so") as library:
                libc = C.CDLL(library)
                number = C.c_int(5)
                other = C.c_int(6)
                assert C.addressof(number) and libc.abs(-3) == 3 and C.addressof(other)
                assert number.value == 5
                kept.append(number)
        kept.clear()
        del number, other, libc
        gc.collect()
        with ns.load("libc.so"):
            blocks = [C.create_string_buffer(b"%d" % n) for n in range(50)]
            assert len({C.addressof(block) for block in blocks}) == 50
            assert [block.value for block in blocks] == [b"%d" % n for n in range(50)]
    finally:
        C.use(before)


def test_objects_of_two_namespaces(make: Make) -> None:
    one, two = make(), make()
    before = C.use(None)
    try:
        libs = [C.CDLL("libc.so", namespace=ns) for ns in (one, two)]
        buffer = C.create_string_buffer(b"abc")
        assert libs[0].strlen(buffer) == 3
        with pytest.raises(wasmdyld.InvalidArgument, match="another"):
            libs[1].strlen(buffer)
        again = C.create_string_buffer(buffer.raw)
        assert libs[1].strlen(again) == 3
        libs[0].malloc.restype = C.POINTER(C.c_int)
        p = libs[0].malloc(4)
        with pytest.raises(wasmdyld.InvalidArgument, match="another"):
            libs[1].free(p)
        libs[0].free(p)
        # A callback is a pointer in each.
        call = C.CFUNCTYPE(None)(lambda: None)
        for lib in libs:
            assert lib.atexit(call) == 0
        # A number is nobody's.
        with pytest.raises(wasmdyld.InvalidArgument, match="use"):
            C.string_at(1024)
    finally:
        C.use(before)


def test_callbacks_and_namespaces_are_collected() -> None:
    """A namespace whose callbacks refer to it, and objects in it."""

    class Host:
        def __init__(self) -> None:
            self.ns = Namespace()
            self.library = C.CDLL(self.ns.load_bytes("f.so", wat('(import "env" "__indirect_function_table" (table 0 funcref))')))
            self.callback = C.CFUNCTYPE(C.c_int, C.c_int)(self.call)
            Holder = type("Holder", (C.Structure,), {"_fields_": [("call", type(self.callback))]})
            self.holder = Holder(self.callback)
            self.slot = self.callback._block.target(0).attach(self.ns._core)  # type: ignore[union-attr]

        def call(self, n: int) -> int:
            return n + 1

    host = Host()
    seen, handles = weakref.ref(host), host.ns._state.handles
    assert host.ns.function_at(host.slot, "(i32) -> i32")(5) == 6
    del host
    gc.collect()
    assert seen() is None and handles.closed


def test_a_callback_that_is_gone(space: Namespace, libc: Any) -> None:
    Compare = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_int), C.POINTER(C.c_int))
    numbers = (C.c_int * 5)(3, 1, 2, 5, 4)
    compare = Compare(lambda a, b: a[0] - b[0])
    libc.qsort.argtypes = [C.c_void_p, C.c_size_t, C.c_size_t, Compare]
    libc.qsort.restype = None
    libc.qsort(numbers, 5, 4, compare)
    assert list(numbers) == [1, 2, 3, 4, 5]
    slot = C.cast(compare, C.c_void_p).value
    del compare
    gc.collect()
    with pytest.raises(wasmdyld.Closed, match="callback that is closed"):
        Compare(slot)(numbers, numbers)


def test_growth(space: Namespace, libc: Any) -> None:
    numbers = (C.c_int * 4)(1, 2, 3, 4)
    with C.view(numbers) as view:
        assert view.tolist() == [1, 2, 3, 4]
    size = len(space.memory)
    space.memory.grow(100)
    assert len(space.memory) > size and list(numbers) == [1, 2, 3, 4]
    numbers[0] = 9
    assert C.view(numbers)[0] == 9


def test_views_keep_a_namespace_from_closing(make: Make, tmp_path: Path) -> None:
    ns = make()
    before = C.use(ns)
    try:
        C.CDLL("libc.so")
        buffer = C.create_string_buffer(b"abcd")
        view = C.view(buffer)
        with pytest.raises(BufferError):
            ns.close()
        view[0] = ord("X")
        assert buffer.value == b"Xbcd"
        view.release()
        ns.close()
    finally:
        C.use(before)


def test_a_view_before_there_is_a_namespace() -> None:
    before = C.use(None)
    try:
        numbers = (C.c_int * 3)(1, 2, 3)
        view = C.view(numbers)
        view[1] = 20
        assert list(numbers) == [1, 20, 3] and view.format == "i" and view.shape == (3,)
    finally:
        C.use(before)
    assert array("i", [1, 20, 3]).tobytes() == bytes(numbers)


GIB = 1 << 30


def test_lengths_beyond_all_memory_are_refused_before_there_are_bytes(space: Namespace, libc: Any, tmp_path: Path) -> None:
    placed, free = C.create_string_buffer(16), C.create_string_buffer(16)
    address = C.addressof(placed)
    numbers = C.cast(placed, C.POINTER(C.c_int))
    stops = C.cast(placed, C.POINTER(Node))
    pages = C.c_char * (4 * GIB - 1)
    # A file with nothing in it but a length.
    with open(tmp_path / "zeros", "w+b") as file:
        file.truncate(8 * GIB)
        zeros = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    uses: List[Callable[[], Any]] = [
        lambda: C.memset(placed, 0, 8 * GIB),
        lambda: C.memset(free, 0, 8 * GIB),
        lambda: C.memset(address, 0, 3 * GIB),
        lambda: C.memset(address, 0, 1 << 70),
        lambda: C.memmove(placed, free, 8 * GIB),
        lambda: C.memmove(address, placed, 3 * GIB),
        lambda: C.memmove(free, b"abc", 8 * GIB),
        lambda: C.memmove(free, 0x400, len(space.memory) - 0x400),
        lambda: C.string_at(placed, 8 * GIB),
        lambda: C.string_at(free, 8 * GIB),
        lambda: C.string_at(address, 3 * GIB),
        lambda: C.string_at(1 << 70, 4),
        lambda: C.wstring_at(placed, 2 * GIB),
        lambda: C.wstring_at(free, 2 * GIB),
        lambda: C.wstring_at(address, 1 << 70),
        lambda: C.create_string_buffer(8 * GIB),
        lambda: C.create_string_buffer(b"abc", 1 << 70),
        lambda: C.create_unicode_buffer(2 * GIB),
        lambda: C.c_longlong * GIB,
        lambda: (C.c_int * 5) * (1 << 62),
        lambda: pages.from_address(address).raw,
        lambda: pages.from_buffer(bytearray(5)),
        lambda: numbers[: 1 << 40],
        lambda: numbers[0 : 1 << 40 : 7],
        lambda: stops[: 1 << 40],
        lambda: stops[: -(1 << 40) : -1],
        lambda: stops[: 1 << 70],
        lambda: space.memory.write(address, zeros),
        lambda: space.memory.write(address, 8 * GIB),  # type: ignore[arg-type]
        lambda: space.buffer(zeros),
        lambda: space.buffer(8 * GIB),  # type: ignore[arg-type]
        lambda: space.alloc(16).write(zeros),
        lambda: space.load("libc.so").abs.rows(5, rows=8 * GIB),
    ]
    tracemalloc.start()
    try:
        for use in uses:
            with pytest.raises((wasmdyld.Error, ValueError, OverflowError, MemoryError, TypeError)):
                use()
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert placed.raw == free.raw == bytes(16)


def test_what_is_filled_in_pieces_is_filled(space: Namespace, libc: Any) -> None:
    size = (3 << 20) + 5
    placed, free = C.create_string_buffer(size), C.create_string_buffer(size)
    C.addressof(placed)
    for buffer in (placed, free):
        C.memset(buffer, 0x1FF, size - 1)
        assert buffer.raw == b"\xff" * (size - 1) + b"\0"
    with pytest.raises(TypeError):
        C.memset(b"bytes", 0, 1)
    C.memset(0, 0, 0)
