"""Functions prepared to be called with numbers: what a call needs is made once, and used again."""

import ctypes
import struct
import weakref
from ctypes import byref, c_void_p
from typing import Any, Optional, Tuple

from ._enums import Code
from ._library import dyld
from ._state import State
from ._types import FuncType

# A number in a cell of 8 bytes.
CELLS = {"i32": "i4x", "i64": "q", "f32": "f4x", "f64": "d"}


class Quick:
    """A function of the engine's by its pointer, for numbers alone. `pack` puts arguments into `cells`, `run` calls it, both in one turn.

    The cells are the function's own: a call reads them before the guest runs, and writes them when it has ended, so that calls inside of
    calls do not disturb each other.
    """

    __slots__ = ("state", "pointer", "type", "handle", "cells", "pack", "_unpack", "_address", "_count", "_error", "_error_at", "__weakref__")

    def __init__(self, state: State, pointer: int, type: FuncType) -> None:
        self.state, self.pointer, self.type = state, pointer, type
        handle = c_void_p()
        handles = state.handles
        handles.delete_retired()
        state.call(dyld.wasm_dyld_func_new, pointer, byref(handle))
        self.handle = handle.value or 0
        handles.own(self.handle, dyld.wasm_dyld_func_delete)
        # What is forgotten may be so on any thread.
        weakref.finalize(self, handles.retired.append, self.handle).atexit = False  # type: ignore[misc]
        self._count = max(len(type.params), len(type.results), 1)
        self.cells = ctypes.create_string_buffer(8 * self._count)
        self._address = ctypes.addressof(self.cells)
        self.pack = struct.Struct("=" + "".join(CELLS[kind] for kind in type.params)).pack_into
        self._unpack = struct.Struct("=" + "".join(CELLS[kind] for kind in type.results)).unpack_from
        self._error = c_void_p()
        self._error_at = byref(self._error)

    def run(self) -> Optional[Tuple[Any, ...]]:
        """Calls the function with what is in the cells. None if it is gone; what else goes wrong is raised."""
        __tracebackhide__ = True
        state = self.state
        handles = state.handles
        if handles.closed or state.in_callback_of_io or state.moves_memory:
            state.check()
            state.check_views()
        handles.running += 1
        try:
            code = dyld.wasm_dyld_func_call_cells(self.handle, self._address, self._count, self._error_at)
        finally:
            handles.running -= 1
        if code or state.has_exception():
            if code == Code.INVALID_ARGUMENT:
                dyld.wasm_dyld_error_delete(self._error)
                return None
            state.finish(code, self._error)
        return self._unpack(self.cells, 0)

    def call(self, numbers: Any) -> Optional[Tuple[Any, ...]]:
        """As `run`, with numbers of whatever size an f32 is made of."""
        __tracebackhide__ = True
        params = self.type.params
        if "f32" in params:
            numbers = [ctypes.c_float(number).value if kind == "f32" else number for kind, number in zip(params, numbers)]
        self.pack(self.cells, 0, *numbers)
        return self.run()
