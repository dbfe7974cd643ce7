"""What libraries, functions and memory ask of their namespace."""

from collections import deque
from ctypes import byref, c_uint32, c_uint64, c_void_p
from typing import Deque, Dict, List, NamedTuple, Optional, Tuple

from ._callbacks import Definition, Pool
from ._enums import SymbolKind
from ._errors import LimitReached, NotFound, SymbolNotFound
from ._library import dyld
from ._memory import Memory
from ._state import State
from ._text import c_name
from ._thunks import Thunks
from ._turns import in_turn
from ._types import FuncType


class Found(NamedTuple):
    """A symbol: what it is, and the engine's function if it is one."""

    kind: SymbolKind
    function: Optional[int]


class Core:
    def __init__(self, state: State) -> None:
        self.state = self._state = state
        self.memory = Memory(state)
        self.thunks = Thunks(self)
        self.pools: Dict[FuncType, Pool] = {}
        self.definitions: Dict[Tuple[str, str], Definition] = {}
        """Functions that the host has defined, by module and name."""
        # Memory that nobody has any more, and the heap that it is of; given back where the heap is used next.
        self._retired: "Deque[Tuple[int, int]]" = deque()

    def find(self, scope: Optional[int], name: str, after: bool = False) -> Found:
        """Looks a symbol up in an object's scope or the global one; `after` the object's own definition if asked."""
        kind, function = c_uint32(), c_void_p()
        self._find(scope, name, after, byref(kind), byref(function), None)
        return Found(SymbolKind(kind.value), function.value)

    def value(self, scope: Optional[int], name: str, after: bool = False) -> int:
        """The address of a datum or the slot of a function, which is given one now if it has none."""
        value = c_uint64()
        self._find(scope, name, after, None, None, byref(value))
        return value.value

    def _find(self, scope: Optional[int], name: str, after: bool, kind: object, function: object, value: object) -> None:
        look_up = dyld.wasm_dyld_dlsym_next if after else dyld.wasm_dyld_dlsym
        try:
            self.state.call(look_up, scope, c_name(name), kind, function, value)
        except NotFound as error:
            raise SymbolNotFound(error.message, error.code, error.undefined) from None

    @in_turn
    def objects(self) -> List[int]:
        namespace = self.state.namespace
        count = dyld.wasm_dyld_object_count(namespace)
        return [dyld.wasm_dyld_object_at(namespace, index) or 0 for index in range(count)]

    @in_turn
    def malloc(self, size: int) -> int:
        """Memory of the guest's heap."""
        if not 0 <= size < 1 << 32:
            raise ValueError(f"the guest has no {size} bytes to give")
        if self._retired:
            self._free_retired()
        address = c_uint64()
        try:
            self.state.call(dyld.wasm_dyld_alloc, size, byref(address))
        except LimitReached as error:
            raise MemoryError(error.message) from None
        return address.value

    @in_turn
    def heap(self) -> int:
        """The object that malloc is of, 0 if there is none: memory of one that is gone is gone as well."""
        return dyld.wasm_dyld_heap(self.state.namespace) or 0

    def has_heap(self) -> bool:
        """Whether there is a malloc."""
        return self.heap() != 0

    def free_later(self, address: int, heap: int) -> None:
        """As `free`, from any thread and at any time."""
        self._retired.append((address, heap))

    @in_turn
    def _free_retired(self) -> None:
        while self._retired:
            address, heap = self._retired.popleft()
            if heap == self.heap():
                self.free(address)

    @in_turn
    def free(self, address: int) -> None:
        self.state.call(dyld.wasm_dyld_free, address)

    def pool(self, type: FuncType) -> Pool:
        """The callbacks of a type."""
        return self.pools.setdefault(type, Pool(self, type))
