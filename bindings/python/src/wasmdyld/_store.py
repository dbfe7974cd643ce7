"""Objects of the engine that a host makes in a namespace's store: globals and compiled modules."""

import ctypes
from ctypes import byref, c_void_p
from typing import Callable, Union

from . import _ffi
from ._convert import DEFAULTS
from ._errors import Closed, EngineRefused, InvalidArgument
from ._state import State
from ._text import Buffer, c_bytes
from ._turns import in_turn
from ._types import KINDS, NUMBERS


class Owned:
    """Something of the store; it goes with the namespace at the latest."""

    def __init__(self, state: State, handle: int, delete: Callable[[int], None]) -> None:
        self._state = state
        self._handle = handle
        state.handles.own(handle, delete)

    @property
    def handle(self) -> int:
        self._state.check()
        if self._handle not in self._state.handles.owned:
            raise Closed(f"the {type(self).__name__.lower()} is gone")
        return self._handle

    @in_turn
    def close(self) -> None:
        """Deletes it; what was made of it stays."""
        self._state.check()
        self._state.handles.disown(self._handle)


class Global(Owned):
    """A global variable of the host, to be given to `Namespace.define`."""

    def __init__(self, state: State, kind: str, value: Union[int, float], mutable: bool) -> None:
        if kind not in NUMBERS:
            raise ValueError(f'"{kind}" is none of {", ".join(NUMBERS)}')
        self.kind, self.mutable = kind, mutable
        api = state.api
        content = api.wasm_valtype_new(KINDS[kind])
        globaltype = api.wasm_globaltype_new(content, _ffi.WASM_VAR if mutable else _ffi.WASM_CONST)
        try:
            made = api.wasm_global_new(state.store, globaltype, byref(self._val(value)))
        finally:
            api.wasm_globaltype_delete(globaltype)
        if not made:
            raise EngineRefused("the engine makes no global")
        super().__init__(state, made, api.wasm_global_delete)

    def _val(self, value: Union[int, float]) -> _ffi.wasm_val_t:
        made = _ffi.wasm_val_t(KINDS[self.kind])
        setattr(made.of, self.kind, DEFAULTS[self.kind].to_guest(value, None))
        return made

    @property
    @in_turn
    def value(self) -> Union[int, float]:
        """Its value now."""
        out = _ffi.wasm_val_t()
        self._state.api.wasm_global_get(self.handle, byref(out))
        found: Union[int, float] = getattr(out.of, self.kind)
        return found

    @value.setter
    @in_turn
    def value(self, value: Union[int, float]) -> None:
        if not self.mutable:
            raise InvalidArgument("the global is constant")
        self._state.api.wasm_global_set(self.handle, byref(self._val(value)))

    def __repr__(self) -> str:
        return f"<wasmdyld.Global {'mutable ' if self.mutable else ''}{self.kind}>"


class Module(Owned):
    """A compiled module, for Namespace.load_bytes. One load takes it."""

    def __init__(self, state: State, handle: Union[int, None]) -> None:
        if not handle:
            raise EngineRefused("the engine does not take the module")
        super().__init__(state, handle, state.api.wasm_module_delete)

    @in_turn
    def serialize(self) -> bytes:
        """The compiled code, for Namespace.deserialize of the same engine in the same version."""
        vector = _ffi.wasm_byte_vec_t()
        self._state.api.wasm_module_serialize(self.handle, byref(vector))
        try:
            if not vector.size:
                raise EngineRefused("the engine does not serialize modules")
            return ctypes.string_at(vector.data, vector.size)
        finally:
            self._state.api.wasm_byte_vec_delete(byref(vector))

    def take(self) -> c_void_p:
        """Gives it up without deleting it."""
        handle = self.handle
        del self._state.handles.owned[handle]
        return c_void_p(handle)


def byte_vector(data: Buffer) -> _ffi.wasm_byte_vec_t:
    """A view of bytes, for calls that only read them. It keeps them."""
    whole = c_bytes(data)
    return _ffi.wasm_byte_vec_t(len(whole), ctypes.cast(ctypes.c_char_p(whole), c_void_p))
