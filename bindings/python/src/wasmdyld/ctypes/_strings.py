"""Memory by its address: of an object, or of a number, which is an address in the namespace in use."""

import operator
from typing import TYPE_CHECKING, Any, Callable, Tuple, Union

from ._array import Array
from ._block import Block, Ref
from ._chars import WCHAR, _Address, string_in, wide_string
from ._data import Byref, CData
from ._function import _CFuncPtr
from ._pointer import _Pointer
from ._space import core_in_use

if TYPE_CHECKING:
    from .._core import Core

PIECE = 1 << 20
"""What is filled is filled in pieces of so many bytes."""

Place = Union[Ref, Tuple["Core", int], bytes, None]


def place(value: Any) -> Place:
    """The memory that a pointer leads to or that an object is: a block, an address, or bytes."""
    if isinstance(value, Byref):
        return value._ref()
    if isinstance(value, (_Pointer, _Address, _CFuncPtr)):
        to = value._block.target(value._offset)
        if isinstance(to, Ref):
            return to
        core = value._block.home()
        return core, to if isinstance(to, int) else to.attach(core)
    if isinstance(value, Array):
        return Ref(value._block, value._offset)
    if isinstance(value, bytes):
        return value
    if isinstance(value, CData):
        raise TypeError(f"a pointer, an array or an address is wanted, not {type(value).__name__}: byref() makes a pointer of it")
    parameter = getattr(value, "_as_parameter_", None)
    if parameter is not None:
        return place(parameter)
    if value is None:
        return None
    try:
        return core_in_use(), operator.index(value)
    except TypeError:
        raise TypeError(f"a pointer, an array or an address is wanted, not {type(value).__name__}") from None


def read(at: Place, size: int) -> bytes:
    """Bytes at a place, which are all there or an error."""
    if size < 0:
        raise ValueError(f"a size of {size} bytes")
    if isinstance(at, Ref):
        if at.block.address is not None and at.block.core is not None:
            return at.block.core.memory.read(at.block.address + at.offset, size)
        within(at, size)
        return at.block.read(at.offset, size)
    if isinstance(at, bytes):
        if size > len(at) + 1:
            raise ValueError(f"{size} bytes of {len(at)}")
        return (at + b"\0")[:size]
    if size == 0:
        return b""
    core, address = somewhere(at)
    return core.memory.read(address, size)


def somewhere(at: "Union[Tuple[Core, int], None]") -> "Tuple[Core, int]":
    """Refuses NULL."""
    if at is None or at[1] == 0:
        raise ValueError("NULL pointer access")
    return at


def writer(at: Place, size: int) -> Callable[[int, bytes], None]:
    """What writes bytes at an offset of a place, where `size` bytes are there or it is an error."""
    if size < 0:
        raise ValueError(f"a size of {size} bytes")
    if isinstance(at, bytes):
        raise TypeError("bytes do not change: create_string_buffer makes what can be written to")
    if size == 0:
        return lambda offset, data: None
    if isinstance(at, Ref):
        block, start = at
        if block.address is None or block.core is None or start + size <= block.size:
            within(at, size)
            return lambda offset, data: block.write(start + offset, data)
        core, address = block.core, block.address + start
    else:
        core, address = somewhere(at)
    core.memory.check(address, size)
    return lambda offset, data: core.memory.write(address + offset, data)


def within(at: Ref, size: int) -> None:
    if at.offset < 0 or at.offset + size > at.block.size:
        raise ValueError(f"{size} bytes at offset {at.offset} are not all in the object of {at.block.size} bytes")


def memmove(dst: Any, src: Any, count: int) -> Any:
    """Copies bytes. What the pointers among them lead to is kept as well if all of them are of one object."""
    to, origin = place(dst), place(src)
    if count < 0:
        raise ValueError(f"a size of {count} bytes")
    if isinstance(to, Ref) and isinstance(origin, Ref) and to.block is not origin.block:
        if to.offset + count <= to.block.size and origin.offset + count <= origin.block.size:
            to.block.copy(to.offset, origin.block, origin.offset, count, bool(origin.block.keep))
            return dst
    # Before the bytes are read, which may be many.
    write = writer(to, count)
    write(0, read(origin, count))
    return dst


def memset(dst: Any, c: int, count: int) -> Any:
    """Sets bytes to one value."""
    write = writer(place(dst), count)
    piece = bytes([c & 0xFF]) * min(count, PIECE)
    for offset in range(0, count, PIECE):
        write(offset, piece[: count - offset])
    return dst


def string_at(ptr: Any, size: int = -1) -> bytes:
    """The bytes at a place: up to the first NUL, or so many."""
    at = place(ptr)
    if size >= 0:
        return read(at, size)
    if isinstance(at, bytes):
        return at.partition(b"\0")[0]
    if isinstance(at, Ref):
        block: Block = at.block
        if block.address is None or block.core is None:
            return string_in(block.read(at.offset, block.size - at.offset), False)  # type: ignore[return-value]
        return block.core.memory.cstring(block.address + at.offset)
    core, address = somewhere(at)
    return core.memory.cstring(address)


def wstring_at(ptr: Any, size: int = -1) -> str:
    """The wide characters at a place: up to the first NUL, or so many."""
    at = place(ptr)
    if isinstance(at, bytes):
        raise TypeError("bytes are no wide characters")
    if isinstance(at, Ref):
        block = at.block
        if block.address is None or block.core is None:
            whole = block.size - at.offset
            data = block.read(at.offset, whole) if size < 0 else read(at, WCHAR * size)
            return string_in(data, True) if size < 0 else data.decode("utf-32-le", "surrogatepass")  # type: ignore[return-value]
        return wide_string(block.core, block.address + at.offset, size)
    if size == 0:
        return ""
    return wide_string(*somewhere(at), size)
