"""What all ctypes objects have in common: a type with a size in the guest, and a place in a block."""

import ctypes as host
import operator
import weakref
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple, Type, TypeVar, Union

from .._convert import BITS, Call, Converter, Number, copied, is_buffer
from ._block import POINTER_SIZE, Block, Ref
from ._layout import checked
from ._space import core_in_use

if TYPE_CHECKING:
    from .._core import Core
    from ._array import Array

T = TypeVar("T", bound="CData")
HOST_TYPES: Tuple[type, ...] = (host.c_int.__mro__[-2], type(host.byref(host.c_int())))
"""Objects of Python's own ctypes, whose addresses are none of the guest's."""
_arrays: "weakref.WeakValueDictionary[Tuple[type, int], Any]" = weakref.WeakValueDictionary()


class ArgumentError(TypeError):
    """An argument that does not fit what `argtypes` or the function itself asks for."""


class CType(type):
    """The type of the types: `c_int * 3` is an array."""

    _size_: int
    _align_: int
    _pointers_: bool
    """Whether there are pointers in it."""

    def __mul__(cls: Type[T], count: int) -> "Type[Array[T]]":  # type: ignore[misc]
        from ._array import array_type

        made = _arrays.get((cls, count))
        if made is None:
            made = _arrays[cls, count] = array_type(cls, count)
        return made

    __rmul__ = __mul__

    @property
    def _converter_(cls) -> Converter:
        """How functions pass it: what stands in `argtypes` and `restype`, here and in wasmdyld.Function."""
        found = cls.__dict__.get("_passing_")
        if found is None:
            # Read and written once more at most if two threads come at once.
            found = Passing(cls)  # type: ignore[arg-type]
            type.__setattr__(cls, "_passing_", found)
        return found


class CData(metaclass=CType):
    """An object of a C type."""

    _size_ = 0
    _align_ = 1
    _pointers_ = False
    _kind_ = "i32"
    """What WebAssembly passes it as."""
    _block: Block
    _offset: int

    @classmethod
    def _on(cls: Type[T], block: Block, offset: int = 0) -> T:
        """An object of this type at a place."""
        made = cls.__new__(cls)
        object.__setattr__(made, "_block", block)
        object.__setattr__(made, "_offset", offset)
        return made

    def _new(self) -> None:
        object.__setattr__(self, "_block", Block(type(self)._size_))
        object.__setattr__(self, "_offset", 0)

    # What a type of a field or an element does.

    @classmethod
    def _get(cls, block: Block, offset: int) -> Any:
        """What it is as a field: the object itself, on the same memory."""
        return cls._on(block, offset)

    @classmethod
    def _set(cls, block: Block, offset: int, value: Any) -> None:
        """Assigns to a field."""
        if not isinstance(value, cls):
            raise TypeError(f"expected {cls.__name__} instance, got {type(value).__name__}")
        block.copy(offset, value._block, value._offset, cls._size_, cls._pointers_)

    # What a type of an argument or a result does.

    @classmethod
    def from_param(cls, value: Any) -> Any:
        """What is passed for a value where `argtypes` has this type; TypeError if nothing can be."""
        if isinstance(value, cls):
            return value
        parameter = getattr(value, "_as_parameter_", None)
        if parameter is not None:
            return cls.from_param(parameter)
        raise unfit(cls, value)

    def _argument(self, kind: str, call: Call) -> Number:
        """The number that is passed for it: by default that of its address."""
        return self._block.lend(call) + self._offset

    @classmethod
    def _result(cls, number: Number, core: "Core") -> Any:
        """What a function's result is, or a callback's argument."""
        raise TypeError(f"{cls.__name__} is no type of a result")

    @classmethod
    def _plain(cls, value: Any) -> Optional[Number]:
        """What a plain number is passed as, without an object that is made of it first."""
        return None

    def _to_guest_(self, call: Optional[Call]) -> int:
        """Where wasmdyld's own functions take a pointer, they take this."""
        if call is None:
            return self._block.attach(self._block.home()) + self._offset
        return self._block.lend(call) + self._offset

    # As in ctypes

    @classmethod
    def from_address(cls: Type[T], address: int) -> T:
        """An object at an address of the namespace in use."""
        return cls._on(Block.at(core_in_use(), operator.index(address), cls._size_))

    @classmethod
    def from_buffer(cls: Type[T], source: Any, offset: int = 0) -> T:
        """An object on the memory of a buffer that can be written to. It stays there: calls copy it into the guest and back."""
        view = memoryview(source)
        if view.readonly:
            raise TypeError("underlying buffer is not writable")
        if not view.c_contiguous:
            raise TypeError("underlying buffer is not C contiguous")
        return cls._on(Block(cls._size_, cls._part(view.cast("B"), offset)))

    @classmethod
    def from_buffer_copy(cls: Type[T], source: Any, offset: int = 0) -> T:
        """An object with a copy of bytes."""
        return cls._on(Block(cls._size_, bytearray(cls._part(memoryview(source).cast("B"), offset))))

    @classmethod
    def _part(cls, view: "memoryview[Any]", offset: int) -> "memoryview[Any]":
        if offset < 0:
            raise ValueError("offset cannot be negative")
        if view.nbytes < offset + cls._size_:
            raise ValueError(f"Buffer size too small ({view.nbytes} instead of at least {offset + cls._size_} bytes)")
        return view[offset : offset + cls._size_]

    @classmethod
    def in_dll(cls: Type[T], library: Any, name: str) -> T:
        """A library's datum, where it is."""
        library = getattr(library, "_library", library)
        return cls._on(Block.at(library._core, library.address(name), cls._size_))

    @property
    def _objects(self) -> Optional[Dict[int, Any]]:
        """What the object keeps alive."""
        return dict(self._block.keep) or None

    def __bytes__(self) -> bytes:
        return self._block.read(self._offset, type(self)._size_)

    def __buffer__(self, flags: int) -> "memoryview[Any]":
        """The buffer protocol, from Python 3.12 on; see view."""
        return view(self)

    def _shape(self) -> Tuple[Tuple[int, ...], str]:
        """The shape and the format of a view: bytes."""
        return (type(self)._size_,), "B"

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        """How numpy sees the memory itself: `numpy.asarray(object)`."""
        shape, form = self._shape()
        kind = {"f": "f", "d": "f", "?": "b"}.get(form, "i" if form.islower() and form != "c" else "u")
        size = memoryview(bytes(8)).cast(form).itemsize if form != "B" else 1  # type: ignore[call-overload]
        return {"version": 3, "shape": shape, "typestr": f"{'|' if size == 1 else '<'}{kind}{size}", "data": view(self).cast("B")}


class Holder(CData):
    """What holds an address: a pointer of some kind."""

    _size_ = _align_ = POINTER_SIZE
    _pointers_ = True

    def _argument(self, kind: str, call: Call) -> Number:
        self._block.check(call.core)
        return self._block.number(self._offset, call.core)

    def _to_guest_(self, call: Optional[Call]) -> int:
        return self._block.number(self._offset, None if call is None else call.core)

    @classmethod
    def _result(cls, number: Number, core: "Core") -> Any:
        made = cls()
        made._block.belong(core)
        made._block.point(0, int(number))
        return made


class Byref:
    """A pointer for the time of a call, which `byref` makes."""

    def __init__(self, object: CData, offset: int = 0) -> None:
        self._obj, self._by = object, operator.index(offset)

    def _argument(self, kind: str, call: Call) -> Number:
        return self._obj._block.lend(call) + self._obj._offset + self._by

    def _ref(self) -> Ref:
        return Ref(self._obj._block, self._obj._offset + self._by)

    def _to_guest_(self, call: Optional[Call]) -> int:
        return self._obj._to_guest_(call) + self._by

    def __repr__(self) -> str:
        return f"<cparam 'P' to {type(self._obj).__name__}>"


class Passing(Converter):
    """A C type as functions pass it."""

    def __init__(self, type: Type[CData]) -> None:
        self.type = type
        self.name = type.__name__
        self.kind = type._kind_

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        if call is None:
            raise TypeError(f"a callback that returns {self.name} needs a CFUNCTYPE of wasmdyld.ctypes")
        if value.__class__ is int or value.__class__ is float:
            plain = self.type._plain(value)
            if plain is not None:
                return plain
        return number(self.type.from_param(value), self.kind, call)

    def from_guest(self, number: Number, core: "Core") -> Any:
        return self.type._result(number, core)


def number(value: Any, kind: str, call: Call) -> Number:
    """The number that an argument is passed as: numbers wrap, as in C."""
    if isinstance(value, (CData, Byref)):
        return fitted(value._argument(kind, call), kind)
    if kind != "i32" and (value is None or isinstance(value, (bytes, str)) or kind in BITS and isinstance(value, float)):
        raise TypeError(f"a number is wanted, not {type(value).__name__}")
    if value is None:
        return 0
    if isinstance(value, bytes):
        return fitted(call.copy_in(value + b"\0"), kind)
    if isinstance(value, str):
        # As ctypes does: wchar_t has four bytes here as well.
        return fitted(call.copy_in((value + "\0").encode("utf-32-le")), kind)
    if kind not in BITS and isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, HOST_TYPES):
        raise TypeError(f"{type(value).__name__} is an object of Python's own ctypes, whose memory the guest does not see: import it from wasmdyld.ctypes")
    to_guest = getattr(value, "_to_guest_", None)
    if to_guest is not None:
        return fitted(to_guest(call), kind)
    if kind == "i32" and is_buffer(value):
        return fitted(copied(value, call), kind)
    if hasattr(value, "__index__"):
        return fitted(operator.index(value), kind)
    parameter = getattr(value, "_as_parameter_", None)
    if parameter is not None:
        return number(parameter, kind, call)
    raise TypeError(f"Don't know how to convert a {type(value).__name__}: a number, bytes, a buffer, None or a ctypes object will do")


def fitted(number: Number, kind: str) -> Number:
    """A number in the guest's representation."""
    if kind not in BITS:
        return number
    bits = BITS[kind]
    number = int(number) & ((1 << bits) - 1)
    return number - (1 << bits) if number >> (bits - 1) else number


def unfit(wanted: Any, value: Any) -> TypeError:
    """What is said of an argument of another type, where this type, or what this text says, is wanted."""
    own = next((kind for kind in type(value).__mro__ if kind in HOST_TYPES), None)
    hint = f" (this {type(value).__name__} is one of Python's own ctypes; import it from wasmdyld.ctypes)" if own is not None else ""
    name = wanted if isinstance(wanted, str) else f"{wanted.__name__} instance"
    return TypeError(f"expected {name} instead of {type(value).__name__}{hint}")


Measured = Union[CData, Type[CData]]


def sizeof(object: Measured) -> int:
    """The size in bytes of a type or an object, in the guest."""
    return measured(object)._size_


def alignment(object: Measured) -> int:
    """The alignment of a type or an object, in the guest."""
    return measured(object)._align_


def measured(object: Any) -> Type[CData]:
    found = object if isinstance(object, CType) else type(object)
    if not isinstance(found, CType):
        raise TypeError(f"this type has no size: {found.__name__} is none of wasmdyld.ctypes")
    checked(found._size_)
    return found  # type: ignore[return-value]


def instance(object: Any) -> CData:
    """Refuses what is no ctypes object."""
    if not isinstance(object, CData):
        raise TypeError(f"expected an object of wasmdyld.ctypes, got {type(object).__name__}")
    return object


def addressof(object: CData) -> int:
    """The address of an object in the guest, which it is given now if it has none. It is good as long as the object lives."""
    block = instance(object)._block
    return block.attach(block.home()) + object._offset


def byref(object: CData, offset: int = 0) -> Byref:
    """A pointer to an object, for an argument."""
    return Byref(instance(object), offset)


def view(object: CData) -> "memoryview[Any]":
    """A view of the object's memory, not a copy; arrays of numbers with their format and shape.

    It is the guest's memory if the object is there or there is a namespace in use, see Memory.view. Otherwise it is Python's, and stays there:
    calls copy the object into the guest and back."""
    shape, form = instance(object)._shape()
    raw = object._block.view(object._offset, type(object)._size_)
    if form == "B" and len(shape) == 1 or 0 in shape:
        return raw
    return raw.cast(form, shape)  # type: ignore[call-overload, no-any-return]
