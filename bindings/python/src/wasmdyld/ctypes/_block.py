"""The memory behind ctypes objects: bytes of Python until the guest has to see them, the guest's own memory from then on.

An object that no guest has seen is in no namespace. A block that gets an address takes it from the guest's malloc, moves its bytes there,
and gives it back when the last object on it is gone. Pointers to blocks without an address are kept as what they point to, and become
numbers when their own block gets an address: so a list of structures that point to each other goes to the guest as a whole.
"""

import weakref
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Protocol, Union

from .._convert import Call
from .._errors import InvalidArgument
from ._space import core_in_use, known_core

if TYPE_CHECKING:
    from .._core import Core

POINTER_SIZE = 4
ORDER: Any = "little"


class Target(Protocol):
    """What a pointer may point to that has no address yet."""

    def attach(self, core: "Core") -> int:
        """Gives it an address in a namespace."""


class Ref(NamedTuple):
    """A place in a block."""

    block: "Block"
    offset: int = 0

    def attach(self, core: "Core") -> int:
        return self.block.attach(core) + self.offset


class Block:
    """Memory that objects share, `size` bytes of it.

    `keep` is what has to live as long as it does, by the offset of the pointer that leads there.
    """

    def __init__(self, size: int, data: Union[bytes, bytearray, "memoryview[Any]", None] = None) -> None:
        self.size = size
        self.core: Optional["Core"] = None
        """The namespace that it, or what it points to, is in."""
        self.keep: Dict[int, Any] = {}
        self._address: Optional[int] = None
        self._data: Any = bytearray(size) if data is None else data
        # Whoever else looks at the bytes: they stay where they are.
        self._shared = isinstance(data, memoryview)
        self._targets: Dict[int, Target] = {}

    @classmethod
    def at(cls, core: "Core", address: int, size: int) -> "Block":
        """Memory of the guest's that somebody else allocates and frees."""
        made = cls(0)
        made.size, made.core, made._address = size, core, address & 0xFFFFFFFF
        return made

    @property
    def address(self) -> Optional[int]:
        """Where it is in the guest's memory; None: not there yet."""
        return self._address

    def read(self, offset: int, size: int) -> bytes:
        if self._address is not None and self.core is not None:
            return self.core.memory.read(self._address + offset, size)
        return bytes(self._data[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        self._forget(offset, len(data))
        self._write(offset, data)

    def _write(self, offset: int, data: bytes) -> None:
        if self._address is not None and self.core is not None:
            self.core.memory.write(self._address + offset, data)
        else:
            self._data[offset : offset + len(data)] = data

    def _forget(self, offset: int, size: int) -> None:
        for kept in (self._targets, self.keep):
            if kept:
                for at in [at for at in kept if offset - POINTER_SIZE < at < offset + size]:
                    del kept[at]

    def point(self, offset: int, to: Union[Target, int], keep: Any = None) -> None:
        """Makes the pointer at an offset lead somewhere; `keep` and what it leads to live as long as it does so."""
        if not isinstance(to, int) and self._address is not None and self.core is not None:
            number = to.attach(self.core)
        else:
            number = to if isinstance(to, int) else 0
        self.write(offset, (number & 0xFFFFFFFF).to_bytes(POINTER_SIZE, ORDER))
        if not isinstance(to, int):
            self._targets[offset] = to
        if keep is not None:
            self.keep[offset] = keep

    def target(self, offset: int) -> Union[Target, int]:
        """Where the pointer at an offset leads: what it was made to lead to, if it still does, else a number."""
        to = self._targets.get(offset)
        number = int.from_bytes(self.read(offset, POINTER_SIZE), ORDER)
        # Once it is in its memory, the guest may have changed it.
        if to is None or (self._address is not None and self.core is not None and to.attach(self.core) & 0xFFFFFFFF != number):
            return number
        return to

    def number(self, offset: int, core: Optional["Core"] = None) -> int:
        """The address that the pointer at an offset holds."""
        to = self.target(offset)
        return to if isinstance(to, int) else to.attach(core or self.home()) & 0xFFFFFFFF

    def copy(self, offset: int, other: "Block", start: int, size: int, pointers: bool) -> None:
        """Copies bytes of another block; if there are pointers in them, with what these lead to."""
        data = other.read(start, size)
        if not pointers:
            return self.write(offset, data)
        inside = range(start, start + size - POINTER_SIZE + 1)
        targets = {at: other.target(at) for at in other._targets if at in inside}
        keep = {at: kept for at, kept in other.keep.items() if at in range(start, start + size)}
        self.belong(other.core)
        self.write(offset, data)
        for at, to in targets.items():
            self.point(offset + at - start, to)
        self.keep.update({offset + at - start: kept for at, kept in keep.items()})

    def belong(self, core: Optional["Core"]) -> None:
        """Says in which namespace the addresses in it are."""
        if core is not None:
            self.check(core)
            self.core = core

    def check(self, core: "Core") -> None:
        """Refuses addresses of another namespace."""
        if self.core is not None and self.core is not core:
            raise InvalidArgument("an object of one namespace does not lead into the memory of another: copy what it leads to")

    def home(self) -> "Core":
        """The namespace that its addresses are in."""
        return self.core or core_in_use()

    def attach(self, core: "Core") -> int:
        """Gives it an address in the guest's memory, if it has none; gives the address."""
        if self._address is not None:
            self.belong(core)
            return self._address
        # Blocks may point to each other in a circle, and in long chains. Nothing has changed until all of them have memory.
        blocks = self._unplaced(core)
        addresses: List[int] = []
        try:
            for block in blocks:
                addresses.append(core.malloc(block.size))
        except BaseException:
            for address in addresses:
                core.free(address)
            raise
        heap = core.heap()
        for block, address in zip(blocks, addresses):
            block.belong(core)
            # Whoever lets go of it may do so in another thread, or while the guest runs: it waits for the next use of the heap.
            weakref.finalize(block, free_later, weakref.ref(core), address, heap).atexit = False  # type: ignore[misc]
            core.memory.write(address, block._data)
            block._address, block._data = address, b""
        for block in blocks:
            block._resolve(core)
        return self._address or 0

    def _unplaced(self, core: "Core") -> "List[Block]":
        """The blocks that have no address, from this one on."""
        found: List[Block] = []
        seen = {id(self)}
        reached = [self]
        while reached:
            block = reached.pop()
            if block._shared:
                raise InvalidArgument(
                    "an object on a buffer of Python's (from_buffer, or a view that was taken before there was a namespace) has no lasting address in"
                    " the guest: pass it in a call, which copies it in and back, or make it with from_buffer_copy"
                )
            block.check(core)
            found.append(block)
            for to in block._targets.values():
                if isinstance(to, Ref) and to.block._address is None and id(to.block) not in seen:
                    seen.add(id(to.block))
                    reached.append(to.block)
        return found

    def _resolve(self, core: "Core") -> None:
        for offset, to in list(self._targets.items()):
            self._write(offset, (to.attach(core) & 0xFFFFFFFF).to_bytes(POINTER_SIZE, ORDER))

    def lend(self, call: Call) -> int:
        """An address for the time of a call: its own, or that of a copy of a buffer of Python's, which is copied back."""
        if self._address is not None or not self._shared:
            return self.attach(call.core)
        self.check(call.core)
        address = call.copy_in(bytes(self._data) or b"\0")
        for offset, to in self._targets.items():
            call.core.memory.write(address + offset, (to.attach(call.core) & 0xFFFFFFFF).to_bytes(POINTER_SIZE, ORDER))
        data = self._data
        if not data.readonly:

            def copy_back() -> None:
                data[:] = call.core.memory.read(address, len(data))

            call.after(copy_back)
        return address

    def view(self, offset: int, size: int) -> "memoryview[Any]":
        """The memory itself. Without any namespace that it could be in, it stays memory of Python's."""
        if self._address is None and not self._shared:
            core = self.core or known_core()
            if core is None or not core.has_heap():
                self._data, self._shared = memoryview(self._data), True
            else:
                self.attach(core)
        if self._address is not None and self.core is not None:
            return self.core.memory.view(self._address + offset, size)
        return memoryview(self._data)[offset : offset + size]


def free_later(of: "weakref.ref[Core]", address: int, heap: int) -> None:
    core = of()
    if core is not None:
        core.free_later(address, heap)
