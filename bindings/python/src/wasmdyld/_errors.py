"""Exceptions, and how the C interface's errors become such."""

from ctypes import byref, c_int32, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple, Type

from ._enums import Code
from ._library import dyld


@dataclass(frozen=True)
class Undefined:
    """A symbol that nothing defines."""

    symbol: str
    importer: str
    """The object that needs it."""
    wanted: str
    """What it is needed as, such as "func (i32) -> i32" or "data"."""

    def __str__(self) -> str:
        return f"{self.symbol}: {self.wanted}, needed by {self.importer}"


@dataclass(frozen=True)
class Frame:
    """A function of the guest that was running when it trapped."""

    object: Optional[str]
    """The object that it belongs to, if it is one that is loaded."""
    function: Optional[str]
    offset: Optional[int]
    """Where in the object's file the instruction stands that trapped or called."""


class Error(Exception):
    """What the linker or the guest failed with. The text tells what was being done, and the cause last."""

    default_code = Code.INTERNAL

    def __init__(
        self,
        message: str,
        code: Optional[Code] = None,
        undefined: Tuple[Undefined, ...] = (),
        exit_code: Optional[int] = None,
        frames: Tuple[Frame, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.undefined = undefined
        """All undefined symbols of a load, not only the first."""
        self.exit_code = exit_code
        """What the guest passed to exit, if that is what ended it."""
        self.frames = frames
        """The functions of the guest that were running when it trapped, the innermost first, as far as the engine tells."""
        self.rows_done: Optional[int] = None
        """For how many rows Function.rows had been done with, if it was called by that."""

    # Some of the built-in bases show the repr of their argument.
    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.message, self.code, self.undefined, self.exit_code, self.frames)


class InvalidArgument(Error, ValueError):
    """An argument that cannot be used."""

    default_code = Code.INVALID_ARGUMENT


class Closed(InvalidArgument):
    """Something that was closed or unloaded is used."""


class NotFound(Error, LookupError):
    """A library, file or symbol was not found."""

    default_code = Code.NOT_FOUND


class SymbolNotFound(NotFound, AttributeError, KeyError):
    """A library has no such function or datum."""


class IOFailed(Error):
    """The operating system failed to read or write something."""

    default_code = Code.IO


class Malformed(Error, ValueError):
    """The bytes are not a valid module."""

    default_code = Code.MALFORMED


class Unsupported(Error):
    """Something that this linker or this engine cannot link."""

    default_code = Code.UNSUPPORTED


class UndefinedSymbol(Error):
    """Symbols have no definition: `undefined` lists them all."""

    default_code = Code.UNDEFINED_SYMBOL


class TypeMismatch(Error):
    """A symbol's use and its definition have different types."""

    default_code = Code.TYPE_MISMATCH


class LimitReached(Error):
    """A limit of the configuration or of the engine was reached."""

    default_code = Code.LIMIT


class EngineRefused(Error):
    """The engine refused a module, an instance or an object."""

    default_code = Code.ENGINE


class Trap(Error):
    """The guest trapped; the text has the engine's reason and backtrace."""

    default_code = Code.TRAP


class Exit(Error):
    """The guest exited where it was expected to return, with `exit_code`."""

    default_code = Code.EXIT


class Busy(Error, RuntimeError):
    """The namespace is in the midst of something that excludes the request."""

    default_code = Code.BUSY


class WrongThread(Busy):
    """A namespace is used while another thread uses it. One that is not in use may be used by any thread."""


class Interrupted(Error):
    """The guest was stopped by Namespace.interrupt."""

    default_code = Code.INTERRUPTED


class TimedOut(Error, TimeoutError):
    """The guest took longer than it may."""

    default_code = Code.TIMED_OUT


class OutOfBudget(Error):
    """The guest has used up its budget."""

    default_code = Code.OUT_OF_BUDGET


class InternalError(Error):
    """A defect of the linker."""


CLASSES: Dict[Code, Type[Error]] = {
    kind.default_code: kind
    for kind in (
        InvalidArgument,
        NotFound,
        IOFailed,
        Malformed,
        Unsupported,
        UndefinedSymbol,
        TypeMismatch,
        LimitReached,
        EngineRefused,
        Trap,
        Exit,
        Busy,
        Interrupted,
        TimedOut,
        OutOfBudget,
        InternalError,
    )
}


def text(raw: Optional[bytes]) -> str:
    return "" if raw is None else raw.decode("utf-8", "replace")


def frame(handle: c_void_p, index: int) -> Frame:
    offset = c_uint64()
    known = dyld.wasm_dyld_error_frame_offset(handle, index, byref(offset))
    object, function = dyld.wasm_dyld_error_frame_object(handle, index), dyld.wasm_dyld_error_frame_function(handle, index)
    names = [None if name is None else text(name) for name in (object, function)]
    return Frame(names[0], names[1], offset.value if known else None)


def take(code: int, handle: c_void_p) -> Error:
    """Makes an exception of a C error, which is deleted."""
    try:
        undefined = tuple(
            Undefined(
                text(dyld.wasm_dyld_error_undefined_symbol(handle, index)),
                text(dyld.wasm_dyld_error_undefined_importer(handle, index)),
                text(dyld.wasm_dyld_error_undefined_wanted(handle, index)),
            )
            for index in range(dyld.wasm_dyld_error_undefined_count(handle))
        )
        status = c_int32()
        exited = dyld.wasm_dyld_error_exit_code(handle, byref(status))
        known = Code(code) if code in Code.__members__.values() else Code.INTERNAL
        message = text(dyld.wasm_dyld_error_message(handle))
        frames = tuple(frame(handle, index) for index in range(dyld.wasm_dyld_error_frame_count(handle)))
        return CLASSES.get(known, Error)(message, known, undefined, status.value if exited else None, frames)
    finally:
        dyld.wasm_dyld_error_delete(handle)


def check(function: Callable[..., int], *arguments: Any) -> None:
    """Calls a C function whose last parameter is the error, and raises that."""
    error = c_void_p()
    code = function(*arguments, byref(error))
    if code:
        raise take(code, error)
