"""Sizes, offsets and bytes of wasmdyld.ctypes: the same as those of Python's own ctypes for types that are as wide there, and as clang's."""

import ctypes as host
import random
from typing import Any, Callable, List, Tuple

import pytest

from wasmdyld import ctypes as guest

# Types that are the same in both.
SIMPLE = (
    "c_bool c_byte c_ubyte c_short c_ushort c_int c_uint c_longlong c_ulonglong c_int8 c_uint8 c_int16 c_uint16 c_int32 c_uint32 c_int64 c_uint64"
    " c_float c_double c_char c_wchar"
).split()
WHOLE = [name for name in SIMPLE if name not in ("c_bool", "c_float", "c_double", "c_char", "c_wchar")]
Pair = Tuple[Any, Any]


class Maker:
    """Makes the same type in both, and the same values."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def type(self, depth: int) -> Pair:
        roll = self.random.random()
        if depth == 0 or roll < 0.45:
            name = self.random.choice(SIMPLE)
            return getattr(host, name), getattr(guest, name)
        if roll < 0.65:
            inner, count = self.type(depth - 1), self.random.randrange(0, 5)
            return inner[0] * count, inner[1] * count
        return self.composite(depth, self.random.choice(("Structure", "Union")))

    def composite(self, depth: int, base: str, big: bool = False) -> Pair:
        fields: List[Any] = []
        anonymous = []
        for _ in range(self.random.randrange(1, 7)):
            # Never the same name twice: anonymous members lend theirs to what they are in.
            self.count += 1
            index = self.count
            if self.random.random() < 0.2 and base == "Structure" and not big:
                # A run of bit fields of one type, aligned: elsewhere ctypes differs from C before Python 3.14.
                fields.append((f"before{index}", (host.c_longlong, guest.c_longlong)))
                name = self.random.choice(WHOLE)
                width = 8 * host.sizeof(getattr(host, name))
                types = getattr(host, name), getattr(guest, name)
                for part in range(self.random.randrange(1, 5)):
                    fields.append((f"b{index}_{part}", types, self.random.randrange(1, width + 1)))
                fields.append((f"after{index}", (host.c_longlong, guest.c_longlong)))
                continue
            types = self.plain() if big else self.type(depth - 1)
            fields.append((f"f{index}", types))
            if isinstance(types[1], type(guest.Structure)) and self.random.random() < 0.3 and not big:
                anonymous.append(f"f{index}")
        names: Any = {}
        if self.random.random() < 0.3 and all(len(field) == 2 for field in fields):
            names["_pack_"] = self.random.choice((1, 2, 4, 8))
        if anonymous and len(anonymous) == 1:
            names["_anonymous_"] = anonymous
        made = []
        for side, module in enumerate((host, guest)):
            own = [(field[0], field[1][side], *field[2:]) for field in fields]
            made.append(type(f"T{self.count}", (getattr(module, base),), {**names, "_fields_": own}))
        return made[0], made[1]

    def plain(self) -> Pair:
        name = self.random.choice([name for name in SIMPLE if name not in ("c_char", "c_wchar", "c_bool")])
        return getattr(host, name), getattr(guest, name)


def check(types: Pair, data: bytes) -> None:
    theirs, ours = types
    assert guest.sizeof(ours) == host.sizeof(theirs) and guest.alignment(ours) == host.alignment(theirs)
    assert bytes(ours()) == bytes(theirs())
    for field in getattr(theirs, "_fields_", ()):
        one, other = getattr(theirs, field[0]), getattr(ours, field[0])
        assert (other.offset, other.size) == (one.offset, one.size), field
    same(theirs.from_buffer_copy(data), ours.from_buffer_copy(data))


def same(one: Any, other: Any) -> None:
    """The same values, read from the same bytes; and the same bytes, where the values are written anew."""
    fields = getattr(type(one), "_fields_", None)
    if fields is not None:
        fresh_one, fresh_other = type(one)(), type(other)()
        for field in fields:
            try:
                value = getattr(one, field[0])
            except ValueError:  # A wide character that there is not.
                with pytest.raises(ValueError):
                    getattr(other, field[0])
                continue
            ours = getattr(other, field[0])
            same(value, ours)
            setattr(fresh_one, field[0], value)
            setattr(fresh_other, field[0], ours)
        assert bytes(fresh_other) == bytes(fresh_one)
    elif isinstance(one, host.Array):
        assert len(other) == len(one) and bytes(other) == bytes(one)
        for index in range(len(one)):
            try:
                value = one[index]
            except ValueError:
                with pytest.raises(ValueError):
                    other[index]
                continue
            same(value, other[index])
    else:
        assert type(other) is type(one) and (other == one or (one != one and other != other))


@pytest.mark.parametrize("seed", range(300))
def test_random_types_are_laid_out_as_by_pythons_own_ctypes(seed: int) -> None:
    maker = Maker(seed)
    types = maker.composite(3, maker.random.choice(("Structure", "Union")))
    size = host.sizeof(types[0])
    for _ in range(3):
        # Booleans of C are 0 or 1; others are what ctypes and clang see differently.
        check(types, bytes(maker.random.choice((0, 1, 1, 0x80, 0xFF, 65)) for _ in range(size)))


@pytest.mark.parametrize("seed", range(100))
def test_big_endian_structures(seed: int) -> None:
    maker = Maker(seed)
    types = maker.composite(1, "BigEndianStructure", True)
    check(types, maker.random.randbytes(host.sizeof(types[0])) if hasattr(maker.random, "randbytes") else bytes(host.sizeof(types[0])))


def test_bit_fields_of_a_big_endian_structure() -> None:
    fields = [("a", 3), ("b", 9), ("c", 4)]
    Ours: Any = type("Ours", (guest.BigEndianStructure,), {"_fields_": [(name, guest.c_ushort, bits) for name, bits in fields]})
    Theirs = type("Theirs", (host.BigEndianStructure,), {"_fields_": [(name, host.c_ushort, bits) for name, bits in fields]})
    for values in ((1, 2, 3), (7, 511, 15), (5, 256, 8)):
        assert bytes(Ours(*values)) == bytes(Theirs(*values))
        again = Ours.from_buffer_copy(bytes(Theirs(*values)))
        assert tuple(getattr(again, name) for name, _ in fields) == values


def test_structures_that_go_on_from_others() -> None:
    made = []
    for module in (host, guest):
        Base: Any = type("Base", (module.Structure,), {"_fields_": [("a", module.c_short), ("b", module.c_byte)]})
        Derived: Any = type("Derived", (Base,), {"_fields_": [("c", module.c_byte), ("d", module.c_double)]})
        value = Derived(1, 2, 3, 4.5)
        made.append((module.sizeof(Derived), module.alignment(Derived), Derived.c.offset, Derived.d.offset, bytes(value)))
        assert (value.a, value.b, value.c, value.d) == (1, 2, 3, 4.5)
    assert made[0] == made[1]


# Structures and unions as clang for wasm32 lays them out: the kind, the fields (a code of the module struct, and the width of a bit field), the
# size, the alignment, and for each field the bytes where it alone is -1 (1.5 for a double).
CLANG = [
    ("struct pack=4", "q23 H3 i d", 16, 4, "ffff7f00000000000000000000000000 00008003000000000000000000000000 00000000ffffffff0000000000000000 0000000000000000000000000000f83f"),
    ("struct pack=2", "i Q6 i28 H3 Q26", 12, 2, "ffffffff0000000000000000 000000003f00000000000000 00000000c0ffffff03000000 00000000000000001c000000 0000000000000000e0ffff7f"),
    ("union pack=2", "h i8 b7 B i20", 4, 2, "ffff0000 ff000000 7f000000 ff000000 ffff0f00"),
    ("struct", "h7 b8 i9", 4, 4, "7f000000 00ff0000 0000ff01"),
    ("union pack=1", "b3 P q16 h6", 4, 1, "07000000 ffffffff ffff0000 3f000000"),
    ("struct", "b7 q52 q48 d B1", 32, 8, "7f00000000000000000000000000000000000000000000000000000000000000 80ffffffffffff07000000000000000000000000000000000000000000000000 0000000000000000ffffffffffff000000000000000000000000000000000000 00000000000000000000000000000000000000000000f83f0000000000000000 0000000000000000000000000000000000000000000000000100000000000000"),
    ("struct pack=1", "Q29 i B I16", 11, 1, "ffffff1f00000000000000 00000000ffffffff000000 0000000000000000ff0000 000000000000000000ffff"),
    ("struct", "H14 Q37 H B", 16, 8, "ff3f0000000000000000000000000000 00c0ffffffff07000000000000000000 0000000000000000ffff000000000000 00000000000000000000ff0000000000"),
    ("struct", "q i9 h q23", 16, 8, "ffffffffffffffff0000000000000000 0000000000000000ff01000000000000 00000000000000000000ffff00000000 000000000000000000000000ffff7f00"),
    ("union pack=4", "Q49 h Q61", 8, 4, "ffffffffffff0100 ffff000000000000 ffffffffffffff1f"),
    ("struct", "b8 B1 P i1 P", 16, 4, "ff000000000000000000000000000000 00010000000000000000000000000000 00000000ffffffff0000000000000000 00000000000000000100000000000000 000000000000000000000000ffffffff"),
    ("struct pack=2", "h2 q44", 6, 2, "030000000000 fcffffffff3f"),
    ("struct", "P h2 I q23 B1", 16, 8, "ffffffff000000000000000000000000 00000000030000000000000000000000 0000000000000000ffffffff00000000 000000000000000000000000ffff7f00 00000000000000000000000000008000"),
    ("struct pack=2", "q b6 I3 q", 18, 2, "ffffffffffffffff00000000000000000000 00000000000000003f000000000000000000 0000000000000000c0010000000000000000 00000000000000000000ffffffffffffffff"),
    ("struct", "i19 q30", 8, 8, "ffff070000000000 0000f8ffffff0100"),
    ("union", "i17 h14", 4, 4, "ffff0100 ff3f0000"),
    ("struct pack=4", "I7 i3 q25 b3 i", 12, 4, "7f0000000000000000000000 800300000000000000000000 00fcffff0700000000000000 000000003800000000000000 0000000000000000ffffffff"),
    ("struct", "d i24 B7 h9 H1", 16, 8, "000000000000f83f0000000000000000 0000000000000000ffffff0000000000 00000000000000000000007f00000000 000000000000000000000000ff010000 00000000000000000000000000020000"),
    ("struct", "B q41 q20 B3 H9", 16, 8, "ff000000000000000000000000000000 00ffffffffff01000000000000000000 0000000000000000ffff0f0000000000 00000000000000000000700000000000 0000000000000000000080ff00000000"),
    ("struct", "B2 I25 d i23", 24, 8, "030000000000000000000000000000000000000000000000 fcffff070000000000000000000000000000000000000000 0000000000000000000000000000f83f0000000000000000 00000000000000000000000000000000ffff7f0000000000"),
    ("struct", "P H15 d b5 B", 24, 8, "ffffffff0000000000000000000000000000000000000000 00000000ff7f000000000000000000000000000000000000 0000000000000000000000000000f83f0000000000000000 000000000000000000000000000000001f00000000000000 0000000000000000000000000000000000ff000000000000"),
    ("union", "H1 b6 H4 b", 2, 2, "0100 3f00 0f00 ff00"),
    ("struct pack=1", "i3 Q33", 5, 1, "0700000000 f8ffffff0f"),
    ("struct pack=4", "H2 I15 H", 8, 4, "0300000000000000 fcff010000000000 00000000ffff0000"),
]
CODES = {
    "b": guest.c_byte,
    "B": guest.c_ubyte,
    "h": guest.c_short,
    "H": guest.c_ushort,
    "i": guest.c_int,
    "I": guest.c_uint,
    "q": guest.c_longlong,
    "Q": guest.c_ulonglong,
    "d": guest.c_double,
    "P": guest.c_void_p,
}


@pytest.mark.parametrize("kind, fields, size, alignment, filled", CLANG, ids=range(len(CLANG)))
def test_bit_fields_are_laid_out_as_by_clang(kind: str, fields: str, size: int, alignment: int, filled: str) -> None:
    base, _, pack = kind.partition(" pack=")
    parts: List[Any] = [(f"f{index}", CODES[part[0]], *([int(part[1:])] if part[1:] else [])) for index, part in enumerate(fields.split())]
    names: Any = {"_pack_": int(pack), "_fields_": parts} if pack else {"_fields_": parts}
    Made: Any = type("Made", (guest.Union if base == "union" else guest.Structure,), names)
    assert (guest.sizeof(Made), guest.alignment(Made)) == (size, alignment)
    for part, data in zip(parts, filled.split()):
        one = Made()
        others: Any = {guest.c_double: 1.5, guest.c_void_p: 0xFFFFFFFF}
        value = others.get(part[1], -1)
        setattr(one, part[0], value)
        assert bytes(one).hex() == data, part
        # Read back, and nothing is left of it when it is cleared among ones.
        got = getattr(Made.from_buffer_copy(bytes.fromhex(data)), part[0])
        assert got == (value if value != -1 or part[1]._type_.islower() else (1 << (part[2] if len(part) > 2 else 8 * guest.sizeof(part[1]))) - 1)
        ones = Made.from_buffer_copy(b"\xff" * size)
        setattr(ones, part[0], 0)
        expected = bytes(0xFF & ~byte for byte in bytes.fromhex(data)) if value != 1.5 else None
        assert expected is None or bytes(ones) == expected, part


def test_pointers_and_long_have_four_bytes() -> None:
    class Node(guest.Structure):
        pass

    Node._fields_ = [("next", guest.POINTER(Node)), ("name", guest.c_char_p), ("call", guest.CFUNCTYPE(None)), ("n", guest.c_long), ("at", guest.c_void_p)]
    assert guest.sizeof(Node) == 20 and Node.at.offset == 16
    assert guest.sizeof(guest.c_size_t) == guest.sizeof(guest.c_ssize_t) == 4 and guest.sizeof(guest.c_time_t) == 8
    assert guest.sizeof(guest.c_wchar) == 4


def test_wrong_definitions_say_what_is_wrong() -> None:
    def structure(*fields: Any, **names: Any) -> Any:
        return type("S", (guest.Structure,), {**names, "_fields_": list(fields)})

    wrongs: List[Tuple[Callable[[], Any], str]] = [
        (lambda: structure(("a", int)), "'a' of S"),
        (lambda: structure(("a", host.c_int)), "must be a type of wasmdyld.ctypes"),
        (lambda: structure(("a",)), r"_fields_\[0\] of S"),
        (lambda: structure(("a", guest.c_float, 3)), "bit fields not allowed for type c_float"),
        (lambda: structure(("a", guest.c_int), _anonymous_=["a"]), "no structure or union"),
        (lambda: guest.c_int * "3", "interpreted as an integer"),  # type: ignore[operator]
    ]
    for wrong, why in wrongs:
        with pytest.raises(TypeError, match=why):
            wrong()
    for bits in (0, 33, -1):
        with pytest.raises(ValueError, match="number of bits"):
            structure(("a", guest.c_int, bits))
    with pytest.raises(ValueError):
        guest.c_int * -1
    with pytest.raises(OverflowError):
        guest.c_int * (1 << 30)
    with pytest.raises(OverflowError):
        structure(("a", guest.c_char * (1 << 31)), ("b", guest.c_char * (1 << 31)))
    Point = structure(("first", guest.c_int), ("second", guest.c_int))
    with pytest.raises(AttributeError, match="final"):
        Point._fields_ = []
    with pytest.raises(AttributeError, match="did you mean second"):
        Point().secand
    with pytest.raises(TypeError, match="too many"):
        Point(1, 2, 3)
    with pytest.raises(TypeError, match="duplicate"):
        Point(1, first=2)
    with pytest.raises(IndexError):
        (guest.c_int * 2)(1, 2, 3)
