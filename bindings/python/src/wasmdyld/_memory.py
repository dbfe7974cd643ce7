"""The guest's memory, and pieces of it."""

import ctypes
import struct
from ctypes import byref, c_void_p
from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

from ._convert import Addressed
from ._errors import InvalidArgument
from ._library import dyld
from ._state import State
from ._text import Buffer
from ._turns import in_turn

if TYPE_CHECKING:
    from ._core import Core

PAGE = 65536


class Memory:
    """The memory that all objects of a namespace share. There is none before the first load.

    `memory[address]` is a byte, `memory[start:end]` is bytes, and both can be assigned to. Numbers in it are little-endian.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def _raw(self) -> c_void_p:
        memory = c_void_p()
        self._state.call(dyld.wasm_dyld_memory, byref(memory))
        return memory

    @in_turn
    def __len__(self) -> int:
        """Bytes; grows in pages of 64 KiB when the guest needs more."""
        return self._state.api.wasm_memory_data_size(self._raw())

    def check(self, address: int, size: int) -> None:
        """Refuses what is not all in it."""
        end = len(self)
        if address < 0 or size < 0 or address + size > end:
            raise InvalidArgument(f"{size} bytes at address {address} are not all in the memory of {end} bytes")

    def read(self, address: int, size: int) -> bytes:
        """Copies bytes out."""
        if not (0 <= address < 1 << 64 and 0 <= size <= PAGE):
            self.check(address, size)
        into = ctypes.create_string_buffer(size)
        self._state.call(dyld.wasm_dyld_read, address, into, size)
        return into.raw

    def write(self, address: int, data: Buffer) -> None:
        """Copies bytes in."""
        self.check(address, measured(data))
        data = bytes(data)
        self._state.call(dyld.wasm_dyld_write, address, data, len(data))

    def cstring(self, address: int, limit: Optional[int] = None) -> bytes:
        """The bytes at an address up to the first NUL; at most `limit` of them, if that is given."""
        end = len(self)
        self.check(address, 0)
        found, step = b"", 64
        while limit is None or len(found) < limit:
            at = address + len(found)
            size = min(step, end - at, end if limit is None else limit - len(found))
            if size == 0:
                raise InvalidArgument(f"the string at address {address} does not end before the memory does")
            part, nul, _ = self.read(at, size).partition(b"\0")
            found += part
            if nul:
                break
            step *= 4
        return found

    def string(self, address: int, encoding: str = "utf-8") -> str:
        """The string at an address."""
        return self.cstring(address).decode(encoding)

    def unpack(self, format: str, address: int) -> Tuple[Any, ...]:
        """Reads numbers, by a format of the struct module: `memory.unpack("<iQ", address)`. Little-endian if it does not say."""
        format = _little(format)
        return struct.unpack(format, self.read(address, struct.calcsize(format)))

    def pack(self, format: str, address: int, *values: Any) -> None:
        """Writes numbers, by a format of the struct module."""
        self.write(address, struct.pack(_little(format), *values))

    @in_turn
    def view(self, address: int = 0, size: Optional[int] = None, format: str = "B") -> "memoryview[Any]":
        """A view of the memory itself, not a copy; `size` in bytes, to the end by default. `format` is one of memoryview.cast.

        It stays good while the memory grows, and does not see what is added. A namespace does not close while there are views of its memory. Engines
        other than the bundled one may move a memory that grows: there, guests do not run while there are views (BufferError), so release
        them before each call (`with ns.memory.view(...)`).
        """
        raw = self._raw()
        if size is None:
            size = len(self) - address
        self.check(address, size)
        if size == 0:
            return _cast(memoryview(bytearray()), format)
        data = self._state.api.wasm_memory_data(raw)
        array = (ctypes.c_ubyte * size).from_address(data + address)
        setattr(array, "state", self._state)  # The memory lives as long as the view, and what is cut from it.
        self._state.views[id(array)] = array
        return _cast(memoryview(array).cast("B"), format)

    @in_turn
    def grow(self, pages: int) -> int:
        """Adds pages of 64 KiB, and gives the number of bytes that there were."""
        self._state.check_views()
        before = len(self)
        raw = self._raw()
        if not 0 <= pages < 1 << 32 or not self._state.api.wasm_memory_grow(raw, pages):
            raise MemoryError(f"the memory of {before // PAGE} pages does not grow by {pages}")
        return before

    def _range(self, key: slice) -> Tuple[int, int]:
        if key.step not in (None, 1):
            raise ValueError("a slice of the memory has no step")
        # No counting from the end, which is nothing that a guest knows.
        start = 0 if key.start is None else key.start
        stop = len(self) if key.stop is None else key.stop
        if stop < start:
            raise InvalidArgument(f"a slice of the memory from {start} to {stop}")
        return start, stop - start

    def __getitem__(self, key: Union[int, slice]) -> Any:
        if isinstance(key, slice):
            return self.read(*self._range(key))
        return self.read(key, 1)[0]

    def __setitem__(self, key: Union[int, slice], value: Any) -> None:
        if not isinstance(key, slice):
            return self.write(key, bytes([value]))
        start, size = self._range(key)
        if len(value) != size:
            raise ValueError(f"{len(value)} bytes for a slice of {size}")
        self.write(start, value)

    def __iter__(self) -> Any:
        raise TypeError("the memory is too large to go through byte by byte; read() it")

    def __repr__(self) -> str:
        return "<wasmdyld.Memory>"


def measured(data: Any) -> int:
    """How many bytes it is when it is copied, told without copying it. TypeError for a number, which bytes() would make so many zeros of."""
    try:
        with memoryview(data) as view:
            return view.nbytes
    except TypeError:
        return len(data)


def _cast(view: Any, format: str) -> "memoryview[Any]":
    cast: "memoryview[Any]" = view if format == "B" else view.cast(format)
    return cast


def _little(format: str) -> str:
    return format if format[:1] in "@=<>!" and format else "<" + format


class Allocation(Addressed):
    """Memory of the guest's heap, from its malloc. Pass it where the guest wants a pointer. `with` frees it at the end."""

    def __init__(self, core: "Core", size: int) -> None:
        self._core = core
        self._state = core.state
        self.size = size
        self._address: Optional[int] = core.malloc(size)

    @property
    def address(self) -> int:
        if self._address is None:
            raise InvalidArgument("the memory was freed or given away")
        return self._address

    _as_parameter_ = address

    def __int__(self) -> int:
        # A number is passed as it is, to whatever namespace is there.
        self._state.check()
        return self.address

    __index__ = __int__

    def __len__(self) -> int:
        return self.size

    def read(self, size: Optional[int] = None, offset: int = 0) -> bytes:
        """Copies bytes out: all of them, or some."""
        size = self.size - offset if size is None else size
        self._within(offset, size)
        return self._core.memory.read(self.address + offset, size)

    def write(self, data: Buffer, offset: int = 0) -> None:
        """Copies bytes in."""
        self._within(offset, measured(data))
        self._core.memory.write(self.address + offset, data)

    def cstring(self) -> bytes:
        """The bytes up to the first NUL, or all of them."""
        return self._core.memory.cstring(self.address, self.size)

    def unpack(self, format: str, offset: int = 0) -> Tuple[Any, ...]:
        """Reads numbers, by a format of the struct module."""
        self._within(offset, struct.calcsize(_little(format)))
        return self._core.memory.unpack(format, self.address + offset)

    def pack(self, format: str, *values: Any, offset: int = 0) -> None:
        """Writes numbers, by a format of the struct module."""
        self.write(struct.pack(_little(format), *values), offset)

    def view(self, format: str = "B") -> "memoryview[Any]":
        """A view of it; see Memory.view."""
        return self._core.memory.view(self.address, self.size, format)

    def _within(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise InvalidArgument(f"{size} bytes at offset {offset} are not all in the {self.size} bytes of the allocation")

    def give(self) -> int:
        """Leaves it to the guest, which frees it: gives the address."""
        address = self.address
        self._address = None
        return address

    @in_turn
    def free(self) -> None:
        """Gives it back to the guest's heap. Once is enough; again does nothing."""
        if self._address is not None:
            self._state.check_views()
            self._core.free(self.give())

    def __enter__(self) -> "Allocation":
        return self

    def __exit__(self, *exception: object) -> None:
        # Nothing to free in a namespace that is gone.
        if not self._core.state.handles.closed:
            self.free()

    def __repr__(self) -> str:
        place = "freed" if self._address is None else f"at {self._address}"
        return f"<wasmdyld.Allocation of {self.size} bytes, {place}>"
