"""How C lays structures and unions out in the guest: numbers in, numbers out. Nothing here touches memory.

Clang does so for wasm32 as the System V ABI says: each field at the next multiple of its alignment, bit fields in the next free bits unless
they would cross a unit of their type.
"""

from typing import List, NamedTuple, Optional, Sequence

MOST_BYTES = 1 << 32
"""The guest's whole address space: nothing in it is larger."""


class Member(NamedTuple):
    """What a field is, as far as its place goes."""

    size: int
    alignment: int
    bits: Optional[int] = None
    """The width of a bit field."""


class Place(NamedTuple):
    """Where a field is."""

    offset: int
    """In bytes. Of a bit field: where the unit of its type begins."""
    first_bit: int = 0
    """Of a bit field: counted from the beginning of the structure, the least significant bit of a byte first; in a big-endian structure the most
    significant one."""
    bits: Optional[int] = None


class Layout(NamedTuple):
    places: List[Place]
    size: int
    alignment: int


def up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def checked(size: int) -> int:
    if size >= MOST_BYTES:
        raise OverflowError(f"a type of {size} bytes is larger than the guest's address space")
    return size


def lay_out(members: Sequence[Member], *, union: bool = False, pack: Optional[int] = None, least: int = 1, start: int = 0, start_alignment: int = 1) -> Layout:
    """Lays out the members of a structure or union.

    `pack` bounds the alignment of members as `#pragma pack` does, `least` is an alignment that the whole has at least, `start` and `start_alignment`
    are the size and alignment of the structure that this one goes on from.
    """
    places: List[Place] = []
    # In bits, since bit fields share bytes.
    end, largest, alignment = start * 8, start * 8, max(start_alignment, least)
    for member in members:
        own = member.alignment if pack is None else min(member.alignment, pack)
        alignment = max(alignment, own)
        at = 0 if union else end
        if member.bits is None:
            at = up(at, own * 8)
            places.append(Place(at // 8))
            end = at + member.size * 8
        else:
            unit = member.size * 8
            crosses = at % unit + member.bits > unit
            if crosses and pack is None:
                at = up(at, own * 8)
            places.append(Place(at // unit * member.size, at, member.bits))
            end = at + member.bits
        largest = max(largest, end)
        checked(largest // 8)
    return Layout(places, checked(up(up(largest, 8) // 8, alignment)), alignment)


def get_bits(data: bytes, first: int, bits: int, signed: bool, big: bool) -> int:
    """The number in `bits` bits of `data`, which begin at bit `first`."""
    number = int.from_bytes(data, "big" if big else "little")
    number >>= len(data) * 8 - first - bits if big else first
    number &= (1 << bits) - 1
    return number - (1 << bits) if signed and number >> (bits - 1) else number


def set_bits(data: bytes, first: int, bits: int, value: int, big: bool) -> bytes:
    """`data` with a number in `bits` of its bits; what does not fit of it is cut off, as in C."""
    order = "big" if big else "little"
    number = int.from_bytes(data, order)  # type: ignore[arg-type]
    shift = len(data) * 8 - first - bits if big else first
    mask = ((1 << bits) - 1) << shift
    number = number & ~mask | value << shift & mask
    return number.to_bytes(len(data), order)  # type: ignore[arg-type]
