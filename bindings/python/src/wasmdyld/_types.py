"""Types of functions, as WebAssembly has them."""

from ctypes import byref, c_size_t, c_uint8, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Tuple

from . import _ffi
from ._errors import Error, check
from ._ffi import Functions, wasm_valtype_vec_t
from ._library import dyld
from ._text import c_name

if TYPE_CHECKING:
    from ._state import State

KINDS: Dict[str, int] = {
    "i32": _ffi.WASM_I32,
    "i64": _ffi.WASM_I64,
    "f32": _ffi.WASM_F32,
    "f64": _ffi.WASM_F64,
    "externref": _ffi.WASM_EXTERNREF,
    "funcref": _ffi.WASM_FUNCREF,
}
NAMES = {number: name for name, number in KINDS.items()}
NUMBERS = ("i32", "i64", "f32", "f64")


@dataclass(frozen=True)
class FuncType:
    """The type of a function: `FuncType(("i32", "f64"), ("i32",))`, which is `(i32, f64) -> i32`."""

    params: Tuple[str, ...] = ()
    results: Tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "FuncType":
        """Reads a type such as "(i32, i64) -> f64", "(i32 i32) -> ()" or "() -> (i32, i32)"."""
        takes, gives = c_size_t(), c_size_t()
        kinds = (c_uint8 * 0)()
        try:
            for _ in range(2):
                kinds = (c_uint8 * (takes.value + gives.value))()
                check(dyld.wasm_dyld_parse_type, c_name(text, "the type"), kinds, len(kinds), byref(takes), byref(gives))
        except Error as error:
            raise ValueError(error.message) from None
        names = tuple(NAMES[kind] for kind in kinds)
        return cls(names[: takes.value], names[takes.value :])

    def __str__(self) -> str:
        results = self.results[0] if len(self.results) == 1 else f"({', '.join(self.results)})"
        return f"({', '.join(self.params)}) -> {results}"

    @property
    def plain(self) -> bool:
        """Whether Python can pass all of it: numbers only."""
        return all(name in NUMBERS for name in self.params + self.results)


def of_function(state: "State", function: int) -> FuncType:
    """The type of a function of the namespace."""
    # Not wasm_func_type: engines end the process where a type has no number in wasm.h.
    takes, gives = c_size_t(), c_size_t()
    kinds = (c_uint8 * 0)()
    for _ in range(2):
        kinds = (c_uint8 * (takes.value + gives.value))()
        state.call(dyld.wasm_dyld_function_type, function, kinds, len(kinds), byref(takes), byref(gives))
    names = tuple(NAMES.get(kind, "a type that wasm.h has not") for kind in kinds)
    return FuncType(names[: takes.value], names[takes.value :])


def new_functype(api: Functions, type: FuncType) -> int:
    """An engine's object for a type; the caller deletes it."""

    def vector(names: Tuple[str, ...]) -> wasm_valtype_vec_t:
        made = wasm_valtype_vec_t()
        if not names:
            api.wasm_valtype_vec_new_empty(byref(made))
            return made
        types: List[int] = [api.wasm_valtype_new(KINDS[name]) or 0 for name in names]
        api.wasm_valtype_vec_new(byref(made), len(types), (c_void_p * len(types))(*types))
        return made

    # The call takes both vectors.
    functype = api.wasm_functype_new(byref(vector(type.params)), byref(vector(type.results)))
    if not functype:
        raise MemoryError("the engine makes no type of a function")
    return functype
