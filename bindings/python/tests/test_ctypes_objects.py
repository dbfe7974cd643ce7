"""Objects of wasmdyld.ctypes. What holds for Python's own ctypes as well is tested of both: `C` is the one and the other."""

import ctypes as host
from typing import Any, Callable, Iterator, List

import pytest

import wasmdyld
from support import Make
from wasmdyld import ctypes as guest


@pytest.fixture(params=["own", "unplaced", "placed"])
def C(request: pytest.FixtureRequest, make: Make) -> Iterator[Any]:
    """Python's own; ours without a guest; ours with one."""
    if request.param == "own":
        yield host
        return
    before = guest.use(make() if request.param == "placed" else None)
    if request.param == "placed":
        guest.CDLL("libc.so")
    yield guest
    guest.use(before)


def placed(C: Any, object: Any) -> Any:
    """The object, which has an address if it can have one."""
    try:
        C.addressof(object)
    except wasmdyld.InvalidArgument:
        assert C is guest
    return object


def test_numbers(C: Any) -> None:
    for name, value, got in (
        ("c_byte", 300, 44),
        ("c_ubyte", -1, 255),
        ("c_short", 40000, -25536),
        ("c_uint", -1, 0xFFFFFFFF),
        ("c_longlong", 1 << 63, -(1 << 63)),
        ("c_ulonglong", -1, (1 << 64) - 1),
        ("c_float", 1.5, 1.5),
        ("c_double", 1e300, 1e300),
        ("c_bool", 5, True),
        ("c_char", b"x", b"x"),
        ("c_wchar", "é", "é"),
    ):
        one = getattr(C, name)(value)
        assert one.value == got and type(one.value) is type(got)
        placed(C, one)
        assert one.value == got
        one.value = 0 if name not in ("c_char", "c_wchar") else type(value)()  + (b"\0" if name == "c_char" else "\0")  # type: ignore[operator]
        assert not one.value or one.value in (b"\0", "\0")
        assert not bool(one) or name == "c_wchar" or C is host
    assert repr(C.c_int(5)) == repr(C.c_int32(5)) == "c_int(5)"
    for name, wrong in (("c_int", "5"), ("c_int", 1.5), ("c_double", "1"), ("c_char", b"xy"), ("c_wchar", b"x"), ("c_char_p", "text"), ("c_char_p", 1.5)):
        with pytest.raises(TypeError):
            getattr(C, name)(wrong)


def test_arrays(C: Any) -> None:
    Numbers = C.c_int * 4
    assert Numbers is C.c_int * 4 and Numbers.__name__ == "c_int_Array_4" and Numbers._length_ == 4
    numbers = placed(C, Numbers(1, 2, 3))
    assert list(numbers) == [1, 2, 3, 0] and len(numbers) == 4
    assert numbers[-1] == 0 and numbers[1:3] == [2, 3] and numbers[::-2] == [0, 2]
    numbers[1:3] = [7, 8]
    numbers[-1] = -9
    assert numbers[:] == [1, 7, 8, -9]
    for index in (4, -5):
        with pytest.raises(IndexError):
            numbers[index]
        with pytest.raises(IndexError):
            numbers[index] = 1
    with pytest.raises(ValueError):
        numbers[0:2] = [1]
    numbers[0:3] = (5, -6, 7)
    assert numbers[0:3] == [5, -6, 7] and numbers[3:1] == [] and numbers[:0] == []
    letters = placed(C, (C.c_char * 5)(*b"hello"))
    letters[1:3] = b"EL"
    assert letters[:] == b"hELlo" and letters[0:4:2] == b"hL" and C.cast(letters, C.POINTER(C.c_char))[1:5] == b"ELlo"
    with pytest.raises(TypeError):
        numbers[0:2] = ["a", "b"]
    grid = placed(C, (C.c_short * 2 * 3)((1, 2), (3, 4)))
    assert [list(row) for row in grid] == [[1, 2], [3, 4], [0, 0]]
    grid[2][1] = 5
    assert bytes(grid)[-2:] == b"\5\0"
    assert len((C.c_int * 0)()) == 0
    flags = (C.c_bool * 2)(1, 0)
    assert flags[:] == [True, False]


def test_character_buffers(C: Any) -> None:
    buffer = placed(C, C.create_string_buffer(b"abc", 6))
    assert C.sizeof(buffer) == 6 and buffer.value == b"abc" and buffer.raw == b"abc\0\0\0" and buffer[1:] == b"bc\0\0\0"
    buffer.value = b"xy"
    assert buffer.raw == b"xy\0\0\0\0" or C is host and buffer.raw == b"xy\0\0\0\0"
    buffer[0] = b"Z"
    buffer.raw = b"Z23456"
    assert buffer.value == b"Z23456"
    with pytest.raises(ValueError):
        buffer.value = b"1234567"
    assert C.sizeof(C.create_string_buffer(b"abc")) == 4 and C.create_string_buffer(3).raw == b"\0\0\0"
    wide = placed(C, C.create_unicode_buffer("äöü"))
    assert wide.value == "äöü" and len(wide) == 4 and wide[1] == "ö" and wide[:2] == "äö"
    wide.value = "x"
    assert wide.value == "x"
    for wrong in ("text", None, 1.5):
        with pytest.raises(TypeError):
            C.create_string_buffer(wrong)


def test_structures(C: Any) -> None:
    class Point(C.Structure):  # type: ignore[misc]
        _fields_ = [("x", C.c_int), ("y", C.c_int)]

    pair: Any = Point
    pair = pair * 2

    class Shape(C.Structure):  # type: ignore[misc]
        _fields_ = [("name", C.c_char * 8), ("corner", Point), ("more", pair), ("label", C.c_char_p), ("flags", C.c_uint, 3), ("rest", C.c_uint, 5)]

    shape = Shape(b"box", (1, 2), label=b"a box", flags=5)
    for _ in range(2):
        assert (shape.name, shape.corner.x, shape.corner.y, shape.label, shape.flags, shape.rest) == (b"box", 1, 2, b"a box", 5, 0)
        placed(C, shape)
    # A field that is a structure is on the same memory.
    corner = shape.corner
    corner.x = 77
    shape.more[1].y = -1
    shape.more[0] = Point(8, 9)
    shape.rest = 33
    assert shape.corner.x == 77 and shape.more[1].y == -1 and (shape.more[0].x, shape.more[0].y) == (8, 9) and shape.rest == 1 and shape.flags == 5
    shape.corner = Point(3, 4)
    assert (corner.x, corner.y) == (3, 4)
    copied = Shape.from_buffer_copy(bytes(shape))
    assert copied.corner.y == 4 and copied.name == b"box"
    for wrong in (lambda: setattr(shape, "corner", 5), lambda: setattr(shape, "flags", "x"), lambda: Point("a"), lambda: setattr(shape, "label", "text")):
        with pytest.raises(TypeError):
            wrong()
    shape.label = None
    assert shape.label is None


def test_unions_and_anonymous_members(C: Any) -> None:
    class Parts(C.Structure):  # type: ignore[misc]
        _fields_ = [("low", C.c_ushort), ("high", C.c_ushort)]

    class Word(C.Union):  # type: ignore[misc]
        _anonymous_ = ["parts"]
        _fields_ = [("whole", C.c_uint), ("parts", Parts), ("bytes", C.c_ubyte * 4)]

    class Holder(C.Structure):  # type: ignore[misc]
        _anonymous_ = ("word",)
        _fields_ = [("before", C.c_uint), ("word", Word)]

    word = placed(C, Word(0x12345678))
    assert (word.low, word.high, list(word.bytes)) == (0x5678, 0x1234, [0x78, 0x56, 0x34, 0x12])
    holder = placed(C, Holder(1))
    holder.high = 0xABCD
    assert holder.whole == 0xABCD0000 and holder.word.parts.high == 0xABCD and Holder.high.offset == 6
    assert Holder(low=3).whole == 3


def test_pointers(C: Any) -> None:
    number = C.c_int(42)
    p = C.pointer(number)
    assert C.POINTER(C.c_int) is type(p) is C.POINTER(C.c_int) and type(p).__name__ == "LP_c_int"
    assert p.contents.value == 42 and p[0] == 42 and bool(p)
    p[0] = 7
    assert number.value == 7
    placed(C, number)
    p.contents.value = 8
    assert number.value == 8
    other = C.c_int(1)
    p.contents = other
    p[0] = 2
    assert (number.value, other.value) == (8, 2)
    null = C.POINTER(C.c_int)()
    assert not null
    uses: List[Callable[[], Any]] = [lambda: null.contents, lambda: null[0]]
    for use in uses:
        with pytest.raises(ValueError, match="NULL pointer access"):
            use()
    with pytest.raises(TypeError):
        C.pointer(5)
    with pytest.raises(TypeError):
        p.contents = 5
    assert C.POINTER(None) is C.c_void_p
    numbers = (C.c_int * 4)(1, 2, 3, 4)
    q = C.cast(numbers, C.POINTER(C.c_int))
    assert q[:4] == [1, 2, 3, 4] and q[2] == 3
    q[1] = 20
    assert numbers[1] == 20
    with pytest.raises(ValueError):
        q[0:]
    back = C.cast(q, C.POINTER(C.c_int * 4)).contents
    assert list(back) == [1, 20, 3, 4]
    as_bytes = C.cast(q, C.POINTER(C.c_ubyte))
    assert as_bytes[4] == 20


def test_a_list_of_structures_that_point_to_each_other(C: Any) -> None:
    class Node(C.Structure):  # type: ignore[misc]
        pass

    Node._fields_ = [("value", C.c_int), ("next", C.POINTER(Node)), ("name", C.c_char_p)]
    head: Any = None
    for value in range(5):
        head = Node(value, None if head is None else C.pointer(head), b"node %d" % value)
    placed(C, head)
    found: List[Any] = []
    node = head
    while True:
        found.append((node.value, node.name))
        if not node.next:
            break
        node = node.next.contents
    assert found == [(value, b"node %d" % value) for value in (4, 3, 2, 1, 0)]
    # In a circle.
    one, two = Node(1), Node(2)
    one.next, two.next = C.pointer(two), C.pointer(one)
    placed(C, one)
    assert one.next.contents.next.contents.value == 1
    one.next.contents.value = 9
    assert two.value == 9


def test_strings(C: Any) -> None:
    text = C.c_char_p(b"hello")
    for _ in range(2):
        assert text.value == b"hello" and C.string_at(text) == b"hello" and C.string_at(text, 2) == b"he"
        assert C.cast(text, C.POINTER(C.c_char))[1] == b"e"
        try:
            placed(C, text)
        except wasmdyld.Error:
            pass
    text.value = b"again"
    assert text.value == b"again"
    assert C.c_char_p().value is None and not C.c_char_p(None)
    wide = C.c_wchar_p("wörld")
    assert wide.value == "wörld" and C.wstring_at(wide) == "wörld" and C.wstring_at(wide, 2) == "wö"
    buffer = C.create_string_buffer(b"abc\0def")
    assert C.string_at(buffer) == b"abc" and C.string_at(buffer, 7) == b"abc\0def" and C.string_at(C.byref(buffer)) == b"abc"
    assert C.cast(buffer, C.c_char_p).value == b"abc"
    buffer[0] = b"X"
    assert C.string_at(buffer, 2) == b"Xb"
    texts = (C.c_char_p * 3)(b"a", b"bc", None)
    placed(C, texts)
    assert list(texts) == [b"a", b"bc", None]


def test_moving_and_setting_memory(C: Any) -> None:
    one, two = C.create_string_buffer(b"0123456789"), C.create_string_buffer(11)
    C.memmove(two, one, 5)
    assert two.value == b"01234"
    C.memmove(C.byref(two, 5), b"abc", 3)
    C.memset(C.byref(two, 1), ord("x"), 2)
    assert two.value == b"0xx34abc"
    numbers = (C.c_int * 3)(1, 2, 3)
    C.memmove(C.byref(numbers, 4), C.byref(numbers), 8)
    assert list(numbers) == [1, 1, 2]
    C.memset(C.pointer(numbers), 0xFF, 4)
    assert list(numbers) == [-1, 1, 2]


def test_functions_of_python(C: Any) -> None:
    Binary = C.CFUNCTYPE(C.c_int, C.c_int, C.c_int)
    assert Binary is C.CFUNCTYPE(C.c_int, C.c_int, C.c_int)
    add = Binary(lambda a, b: a + b)
    assert add(2, 3) == 5 and bool(add) and not Binary()

    class Table(C.Structure):  # type: ignore[misc]
        _fields_ = [("add", Binary), ("none", Binary)]

    table = placed(C, Table(add))
    assert table.add(4, 5) == 9 and not table.none
    with pytest.raises(TypeError):
        table.none = lambda a, b: 0
    with pytest.raises(TypeError):
        Binary("text")
    with pytest.raises(TypeError):
        C.CFUNCTYPE(C.c_int, 5)


def test_buffers_underneath(C: Any) -> None:
    data = bytearray(b"\1\0\0\0\2\0\0\0tail")
    numbers = (C.c_int * 2).from_buffer(data)
    assert list(numbers) == [1, 2]
    numbers[1] = 0x41
    assert data[4:8] == b"A\0\0\0"
    part = C.c_char.from_buffer(data, 8)
    part.value = b"T"
    assert data.endswith(b"Tail")
    with pytest.raises(TypeError):
        C.c_int.from_buffer(b"1234")
    with pytest.raises(ValueError):
        C.c_int.from_buffer(data, 9)
    with pytest.raises(ValueError):
        C.c_int.from_buffer_copy(b"123")
    assert C.c_int.from_buffer_copy(b"\0\1\0\0\0", 1).value == 1


def test_what_has_no_size_or_address(C: Any) -> None:
    for wrong in (5, int, "c_int", None):
        with pytest.raises(TypeError):
            C.sizeof(wrong)
    for wrong in (5, C.c_int, None):
        with pytest.raises(TypeError):
            C.addressof(wrong)
        with pytest.raises(TypeError):
            C.byref(wrong)
    with pytest.raises((TypeError, C.ArgumentError)):
        C.cast(C.c_int(5), C.c_int)
