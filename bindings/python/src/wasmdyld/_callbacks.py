"""Python functions that guests call: imports of the host, and function pointers."""

import inspect
import typing
import weakref
from collections import deque
from ctypes import c_void_p
from typing import TYPE_CHECKING, Any, Callable, Deque, List, NamedTuple, Optional, Tuple, Union

from . import _ffi
from ._convert import DEFAULTS, Addressed, Call, Converter, Number, converter, converters, func_type, pointer, results_of
from ._entry import entry
from ._errors import Closed
from ._library import dyld
from ._state import Callee, callee
from ._text import c_name
from ._turns import in_turn
from ._types import KINDS, FuncType, new_functype

if TYPE_CHECKING:
    from ._core import Core

MODULE, NAME = "wasmdyld-python", "callback"
"""What libraries of callbacks import: another function for each, which is defined before it is loaded."""
FEWEST, MOST = 4, 256


class Prototype(Converter):
    """The C type of a function pointer; see CFUNCTYPE."""

    def __init__(self, results: Tuple[Converter, ...], params: Tuple[Converter, ...]) -> None:
        self.results, self.params = results, params
        self.type = func_type(params, results)
        self.name = f"CFUNCTYPE {self.type}"

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        address = pointer(value, call)
        if address is None and callable(value):
            if call is None:
                raise TypeError("a callback cannot return a Python function: nobody would release it; return a Callback")
            callback = Callback(call.core, value, self)
            call.after(callback.close)
            address = callback.slot
        return DEFAULTS["i32"].to_guest(value if address is None else address, call)

    def from_guest(self, number: Number, core: "Core") -> Any:
        from ._function import pointer_function

        slot = int(number) & 0xFFFFFFFF
        return pointer_function(core, slot, self) if slot else None


def CFUNCTYPE(restype: Any, *argtypes: Any) -> Prototype:
    """The type of a C function pointer, by its result (None: nothing) and parameters, as ctypes has it.

    In `argtypes` it lets a Python function stand for the pointer, for the time of the call. As a `restype` it makes what the
    guest gives back a function to call. Instead of C types, one FuncType or text will do: CFUNCTYPE("(i32, f64) -> i32").
    """
    if isinstance(restype, (str, FuncType)) and not argtypes:
        return prototype_of(restype)
    return Prototype(results_of(restype), converters(argtypes))


def prototype_of(type: Union[str, FuncType]) -> Prototype:
    parsed = FuncType.parse(type) if isinstance(type, str) else type
    if not parsed.plain:
        raise TypeError(f"functions of type {parsed} cannot be written in Python")
    return Prototype(tuple(DEFAULTS[name] for name in parsed.results), tuple(DEFAULTS[name] for name in parsed.params))


def prototype(function: Callable[..., Any], type: Union[Prototype, FuncType, str, None]) -> Prototype:
    """The type that a Python function is given, or that its annotations tell."""
    if isinstance(type, Prototype):
        return type
    if type is not None:
        return prototype_of(type)
    # Objects with a __call__ have their annotations there.
    target: Any = function
    if not inspect.isroutine(function):
        target = getattr(target, "__call__", function)
    try:
        hints = typing.get_type_hints(target, include_extras=True)
        names = inspect.signature(function).parameters
    except (TypeError, ValueError, NameError) as error:
        raise TypeError(f"{function!r} needs a type, such as \"(i32) -> i32\": its annotations cannot be read ({error})") from None
    untyped = [name for name in (*names, "return") if name not in hints]
    if untyped:
        raise TypeError(f"{function!r} needs a type, such as \"(i32) -> i32\", or annotations: there is none for {', '.join(untyped)}")
    return Prototype(results_of(hints["return"]), tuple(converter(hints[name]) for name in names))


@entry(None)
def enter(env: Optional[int], arguments: Any, results: Any) -> Optional[int]:
    host: Optional[HostFunction] = callee(env)
    return None if host is None else host.enter(arguments.contents, results.contents)


# One for all namespaces: what C may call lives as long as the process.
enter_callback = _ffi.wasm_func_callback_with_env_t(enter)


def override_flag(overriding: bool) -> int:
    return _ffi.WASM_DYLD_OVERRIDE if overriding else 0


class HostFunction(Callee):
    """An engine's function that is Python."""

    def __init__(self, core: "Core", type: FuncType, function: Callable[[List[Number]], List[Number]]) -> None:
        super().__init__(core.state)
        self.type = type
        self.function = function

    def enter(self, arguments: _ffi.wasm_val_vec_t, results: _ffi.wasm_val_vec_t) -> Optional[int]:
        try:
            data = arguments.data
            answers = self.function([getattr(data[index].of, kind) for index, kind in enumerate(self.type.params)])
            self.state.check_views()
            data = results.data
            for index, (kind, answer) in enumerate(zip(self.type.results, answers)):
                data[index].kind = KINDS[kind]
                setattr(data[index].of, kind, answer)
            return None
        except BaseException as error:
            return self.state.trap(error)

    def define(self, module: bytes, name: bytes, overriding: bool) -> None:
        """Makes it what objects loaded from now on import by this name."""
        api = self.state.api
        functype = new_functype(api, self.type)
        try:
            none = _ffi.wasm_dyld_finalizer_t()
            function = c_void_p(api.wasm_func_new_with_env(self.state.store, functype, enter_callback, self.number, none))
        finally:
            api.wasm_functype_delete(functype)
        if not function:
            raise MemoryError("the engine makes no function")
        self.state.changes += overriding
        try:
            self.state.call(dyld.wasm_dyld_define, module, name, api.wasm_func_as_extern(function), override_flag(overriding))
        finally:
            api.wasm_func_delete(function)


class Definition(NamedTuple):
    """A function that the host has defined, as it would be defined again."""

    function: Callable[..., Any]
    type: Prototype
    overriding: bool


def adapted(core: "Core", function: Callable[..., Any], type: Prototype) -> Callable[[List[Number]], List[Number]]:
    """A Python function that takes and gives the guest's numbers."""
    params, results = type.params, type.results

    def run(numbers: List[Number]) -> List[Number]:
        answer = function(*[param.from_guest(number, core) for param, number in zip(params, numbers)])
        if len(results) == 1:
            return [results[0].to_guest(answer, None)]
        if not results:
            return []
        if not isinstance(answer, (tuple, list)) or len(answer) != len(results):
            raise TypeError(f"{function!r} has to return {len(results)} values in a tuple, and returned {answer!r}")
        return [result.to_guest(part, None) for result, part in zip(results, answer)]

    return run


class Callback(Addressed):
    """A function pointer of the guest that leads to Python. Pass it where the guest wants a pointer to a function.

    It is good until it is closed or forgotten: keep it as long as the guest may call it. A pointer that is called later raises
    Closed, unless it has been given to another callback of the same type meanwhile.
    """

    def __init__(self, core: "Core", function: Callable[..., Any], type: Prototype) -> None:
        self._core = core
        self.function = function
        self.type = type.type
        batch, index = core.pool(type.type).take()
        batch.targets[index] = adapted(core, function, type)
        self._slot: Optional[int] = batch.base + index
        # Weak, or what the function refers to would live as long as the callback, and the other way round.
        self._release = weakref.finalize(self, release, weakref.ref(batch), index)
        # Nothing to do at the interpreter's exit: the namespace goes as well.
        self._release.atexit = False  # type: ignore[misc]

    @property
    def slot(self) -> int:
        """The table slot, which is what the guest knows as the function's address."""
        if self._slot is None:
            raise Closed("the callback is closed")
        return self._slot

    _as_parameter_ = slot

    def close(self) -> None:
        """Lets go of the function."""
        self._slot = None
        self._release()

    def __enter__(self) -> "Callback":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        place = "closed" if self._slot is None else f"slot {self._slot}"
        return f"<wasmdyld.Callback {self.type} {self.function!r}, {place}>"


class Batch:
    """Slots with functions of the guest that call one HostFunction, each with its number."""

    def __init__(self, core: "Core", type: FuncType, count: int, free: "Deque[Tuple[Batch, int]]") -> None:
        self.targets: List[Optional[Callable[[List[Number]], List[Number]]]] = [None] * count
        self._free = free
        host = HostFunction(core, FuncType((*type.params, "i32"), type.results), self.run)
        host.define(c_name(MODULE), c_name(NAME), False)
        self.base = core.thunks.callbacks(type, MODULE, NAME, count)
        free.extend((self, index) for index in range(count))

    def run(self, numbers: List[Number]) -> List[Number]:
        target = self.targets[int(numbers.pop())]
        if target is None:
            raise Closed("the guest called a callback that is closed")
        return target(numbers)

    def release(self, index: int) -> None:
        self.targets[index] = None
        self._free.append((self, index))


def release(of: "weakref.ref[Batch]", index: int) -> None:
    batch = of()
    if batch is not None:
        batch.release(index)


class Pool:
    """All batches of a type. What is released is used again last."""

    def __init__(self, core: "Core", type: FuncType) -> None:
        self._core, self._state, self._type = core, core.state, type
        self._free: Deque[Tuple[Batch, int]] = deque()
        self._next = FEWEST

    @in_turn
    def take(self) -> Tuple[Batch, int]:
        self._core.state.check()
        if not self._free:
            Batch(self._core, self._type, self._next, self._free)
            self._next = min(2 * self._next, MOST)
        return self._free.popleft()
