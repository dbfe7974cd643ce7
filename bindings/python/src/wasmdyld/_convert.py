"""Values on their way into the guest and out of it.

What can stand in `argtypes`, `restype` and annotations: the names that this module defines (they are those of ctypes, with the
sizes that C types have in the guest), and int, float, bool, str, bytes and None of Python.
"""

import operator
from typing import TYPE_CHECKING, Annotated, Any, Callable, Dict, List, Optional, Tuple, Union

from ._errors import InvalidArgument
from ._types import FuncType

if TYPE_CHECKING:
    from ._core import Core

Number = Union[int, float]
BITS = {"i32": 32, "i64": 64}


class Call:
    """What a call has put into the guest's memory, to be taken out again after it."""

    def __init__(self, core: "Core") -> None:
        self.core = core
        self._after: List[Callable[[], None]] = []
        self._kept: List[object] = []

    def copy_in(self, data: bytes) -> int:
        core = self.core
        address = core.malloc(len(data))
        self._after.append(lambda: core.free(address))
        core.memory.write(address, data)
        return address

    def keep(self, thing: object) -> None:
        """Has something live as long as the call."""
        self._kept.append(thing)

    def after(self, action: Callable[[], None]) -> None:
        self._after.append(action)

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        if error is None:
            return self.end()
        try:
            self.end()
        except Exception:  # The first failure tells more than one that follows from it.
            pass

    def end(self) -> None:
        """Does all of it, also if some fails: the first failure is raised."""
        failure: Optional[BaseException] = None
        while self._after:
            try:
                self._after.pop()()
            except BaseException as error:
                failure = failure or error
        if failure is not None:
            raise failure


class Addressed:
    """What has an address in one namespace: another one's guest does not get it."""

    _core: "Core"

    @property
    def _as_parameter_(self) -> int:
        raise NotImplementedError

    def _to_guest_(self, call: Optional[Call]) -> int:
        if call is not None and call.core is not self._core:
            raise InvalidArgument(f"{self!r} is of another namespace, whose addresses mean nothing here: make it in this one")
        return self._as_parameter_


class Converter:
    """How values of one C type become WebAssembly's, and back."""

    kind = "i32"
    name = ""

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        """Makes a number of a value.

        `call` is the call that it is an argument of; None if it is a result of a callback, for which nothing can be copied.
        """
        raise NotImplementedError

    def from_guest(self, number: Number, core: "Core") -> Any:
        """Makes a value of a number."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<wasmdyld type {self.name}>"


def pointer(value: Any, call: Optional[Call] = None) -> Optional[int]:
    """The address of what has one: None, buffers of the guest's, functions and callbacks, objects of wasmdyld.ctypes."""
    if value is None:
        return 0
    to_guest = getattr(value, "_to_guest_", None)
    if to_guest is not None:
        return operator.index(to_guest(call))
    address = getattr(value, "_as_parameter_", None)
    return None if address is None else operator.index(address)


def integer(value: Any, bits: int) -> int:
    """An int of either sign in the guest's representation; no wrapping."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"expected an int, got {type(value).__name__}") from None
    if not -(1 << (bits - 1)) <= number < 1 << bits:
        raise OverflowError(f"{number} does not fit into {bits} bits")
    return number - (1 << bits) if number >= 1 << (bits - 1) else number


class Int(Converter):
    def __init__(self, name: str, kind: str, signed: bool) -> None:
        self.name, self.kind, self.signed = name, kind, signed

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        return integer(value, BITS[self.kind])

    def from_guest(self, number: Number, core: "Core") -> Any:
        return number if self.signed else int(number) & ((1 << BITS[self.kind]) - 1)


class Float(Converter):
    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        if not isinstance(value, (str, bytes, bytearray)):
            try:
                return float(value)
            except TypeError:
                pass
        raise TypeError(f"expected a float, got {type(value).__name__}")

    def from_guest(self, number: Number, core: "Core") -> Any:
        return number


class Bool(Converter):
    name = "bool"

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        return int(bool(value))

    def from_guest(self, number: Number, core: "Core") -> Any:
        return number != 0


class Pointer(Converter):
    """An address in the guest; NULL is None. As an argument also what is copied there for the call."""

    name = "c_void_p"

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        address = pointer(value, call)
        if address is None and (isinstance(value, str) or is_buffer(value)):
            if call is None:
                raise TypeError(f"a callback cannot return {type(value).__name__}: nobody would free it; return an address")
            return copied(value, call)
        if address is None and callable(value):
            raise TypeError("a Python function needs a C type here: see CFUNCTYPE and Namespace.callback")
        return integer(value if address is None else address, 32)

    def from_guest(self, number: Number, core: "Core") -> Any:
        return int(number) & 0xFFFFFFFF or None


class Text(Pointer):
    """A string that ends with a NUL."""

    def __init__(self, name: str, type: Callable[[bytes], Union[str, bytes]]) -> None:
        self.name, self.type = name, type

    def from_guest(self, number: Number, core: "Core") -> Any:
        address = int(number) & 0xFFFFFFFF
        return self.type(core.memory.cstring(address)) if address else None


def is_buffer(value: Any) -> bool:
    """Whether it has bytes to copy for a call: bytes, bytearray, memoryview, array, arrays of numpy and the like. Not a number of numpy's."""
    if isinstance(value, (bytes, bytearray)):
        return True
    if isinstance(value, (int, float, str)):
        return False
    try:
        view = memoryview(value)
    except (TypeError, BufferError):
        return False
    with view:
        # Numbers of numpy's, for instance, are buffers without a dimension.
        if view.ndim and not view.c_contiguous:
            raise TypeError(f"this {type(value).__name__} has gaps between its elements: pass a contiguous copy")
        return view.ndim > 0


def copied(value: Any, call: Call) -> int:
    """Copies into the guest for a call: strings with a NUL; what can be written to is copied back afterwards."""
    if isinstance(value, str):
        value = value.encode()
        if b"\0" in value:
            raise ValueError("the string holds a NUL, where C would take it to end")
    if isinstance(value, bytes):
        return call.copy_in(value + b"\0")
    view = memoryview(value).cast("B")
    # The address of nothing is still one that may be freed.
    address = call.copy_in(view.tobytes() or b"\0")
    if not view.readonly:

        def copy_back() -> None:
            view[:] = call.core.memory.read(address, len(view))

        call.after(copy_back)
    return address


class Anything(Pointer):
    """An i32 without a C type: ints stay ints, what has an address or is copied for the call is passed by it."""

    name = "i32"

    def from_guest(self, number: Number, core: "Core") -> Any:
        return number


I32 = Int("i32", "i32", True)
U32 = Int("u32", "i32", False)
I64 = Int("i64", "i64", True)
U64 = Int("u64", "i64", False)
F32 = Float("f32", "f32")
F64 = Float("f64", "f64")
BOOL = Bool()
POINTER = Pointer()
BYTES = Text("bytes", bytes)
STR = Text("str", lambda data: data.decode())

# What a value is without argtypes and restype.
DEFAULTS: Dict[str, Converter] = {"i32": Anything(), "i64": I64, "f32": F32, "f64": F64}

i32 = Annotated[int, I32]
u32 = Annotated[int, U32]
i64 = Annotated[int, I64]
u64 = Annotated[int, U64]
f32 = Annotated[float, F32]
f64 = Annotated[float, F64]
c_bool = Annotated[bool, BOOL]
c_int = i32
c_uint = u32
c_long = i32
c_ulong = u32
c_longlong = i64
c_ulonglong = u64
c_size_t = u32
c_ssize_t = i32
c_int32 = i32
c_uint32 = u32
c_int64 = i64
c_uint64 = u64
c_float = f32
c_double = f64
c_void_p = Annotated[Optional[int], POINTER]
c_char_p = Annotated[Optional[bytes], BYTES]

PYTHON: Dict[object, Converter] = {int: I32, float: F64, bool: BOOL, str: STR, bytes: BYTES, Optional[str]: STR, Optional[bytes]: BYTES}


def converter(type: object) -> Converter:
    """The converter that stands behind a type."""
    if isinstance(type, Converter):
        return type
    for part in getattr(type, "__metadata__", ()):
        if isinstance(part, Converter):
            return part
    found = getattr(type, "_converter_", None)
    if isinstance(found, Converter):
        return found
    try:
        return PYTHON[type]
    except (KeyError, TypeError):
        raise TypeError(f"{type!r} is no type that a function of the guest can have: wasmdyld.c_int and the like are, those of wasmdyld.ctypes, int, float, bool, str and bytes") from None


def converters(types: Any) -> Tuple[Converter, ...]:
    return tuple(converter(type) for type in types)


def results_of(restype: Any) -> Tuple[Converter, ...]:
    """The converters of results: none for None, several for a tuple."""
    if restype is None or restype is type(None):
        return ()
    return converters(restype) if isinstance(restype, (tuple, list)) else (converter(restype),)


def func_type(params: Tuple[Converter, ...], results: Tuple[Converter, ...]) -> FuncType:
    return FuncType(tuple(p.kind for p in params), tuple(r.kind for r in results))
