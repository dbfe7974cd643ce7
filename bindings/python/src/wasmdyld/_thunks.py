"""Libraries of this package's own in a namespace."""

import itertools
from ctypes import byref, c_uint64, c_void_p
from typing import TYPE_CHECKING, Dict

from . import _emit
from ._enums import Flags
from ._library import dyld
from ._text import c_name
from ._types import FuncType

if TYPE_CHECKING:
    from ._core import Core


class Thunks:
    def __init__(self, core: "Core") -> None:
        self._core = core
        self._callers: Dict[FuncType, int] = {}
        self._numbers = itertools.count(1)

    def _load(self, name: str, data: bytes) -> int:
        handle = c_void_p()
        flags = Flags.NOW | Flags.LOCAL | Flags.NODELETE
        self._core.state.call(dyld.wasm_dyld_load_bytes, c_name(name), data, len(data), int(flags), byref(handle))
        # It stays, and is nothing that the host has open: a namespace in the place of this one does without.
        self._core.state.call(dyld.wasm_dyld_unload, handle)
        return handle.value or 0

    def callbacks(self, type: FuncType, module: str, name: str, count: int) -> int:
        """Loads functions that call what was defined as `module`.`name`; gives the slot of the first, the others follow."""
        data = _emit.callbacks(type, module, name, count)
        handle = self._load(f"python-callbacks-{next(self._numbers)}", data)
        base = c_uint64()
        self._core.state.call(dyld.wasm_dyld_object_place, handle, None, None, byref(base), None)
        return base.value

    def caller(self, type: FuncType) -> int:
        """The engine's function that calls a pointer to functions of this type: the pointer is its last argument."""
        if type not in self._callers:
            self._callers[type] = self._load(f"python-calls-{next(self._numbers)}", _emit.caller(type))
        return self._core.find(self._callers[type], "call").function or 0
