"""Numbers."""

import operator
import struct
from typing import TYPE_CHECKING, Any, Optional, Tuple

from .._convert import Call, Number
from ._block import Block
from ._data import CData, CType, fitted, unfit

if TYPE_CHECKING:
    from .._core import Core


class SimpleType(CType):
    """The type of the simple types: `_swapped_` is the same with the other order of bytes."""

    @property
    def __ctype_be__(cls) -> Any:
        found = cls.__dict__.get("_big_")
        if found is None and cls._size_ > 1:
            if not issubclass(cls, (_Integer, _Float)):
                raise TypeError(f"{cls.__name__} has no order of bytes to swap")
            found = SimpleType(cls.__name__, (cls,), {"_order_": ">", "__module__": cls.__module__})
            setattr(cls, "_big_", found)
        return found or cls

    @property
    def __ctype_le__(cls) -> Any:
        return cls


class _SimpleCData(CData, metaclass=SimpleType):
    """A simple type. A subclass of one of them is given and taken as an object, the type itself as its value."""

    _type_ = ""
    _order_ = "<"

    def __init__(self, value: Any = None) -> None:
        self._new()
        if value is not None:
            self.value = value

    @property
    def value(self) -> Any:
        """What it holds, as Python has it."""
        return self._load(self._block, self._offset)

    @value.setter
    def value(self, value: Any) -> None:
        self._store(self._block, self._offset, value)

    @classmethod
    def _load(cls, block: Block, offset: int) -> Any:
        return cls._unpack(block.read(offset, cls._size_))

    @classmethod
    def _store(cls, block: Block, offset: int, value: Any) -> None:
        block.write(offset, cls._pack(value))

    @classmethod
    def _unpack(cls, data: bytes) -> Any:
        return struct.unpack(cls._order_ + cls._type_, data)[0]

    @classmethod
    def _pack(cls, value: Any) -> bytes:
        raise NotImplementedError

    @classmethod
    def _is_own(cls) -> bool:
        """Whether it is one of this module's, whose objects are given as values."""
        return "_type_" in cls.__dict__ or "_order_" in cls.__dict__

    @classmethod
    def _get(cls, block: Block, offset: int) -> Any:
        return cls._load(block, offset) if cls._is_own() else cls._on(block, offset)

    @classmethod
    def _set(cls, block: Block, offset: int, value: Any) -> None:
        if isinstance(value, cls):
            block.copy(offset, value._block, value._offset, cls._size_, cls._pointers_)
        else:
            cls._store(block, offset, value)

    @classmethod
    def from_param(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        try:
            return cls(value) if value is not None else super().from_param(value)
        except TypeError:
            parameter = getattr(value, "_as_parameter_", None)
            if parameter is not None:
                return cls.from_param(parameter)
            raise unfit(cls, value) from None

    def _argument(self, kind: str, call: Call) -> Number:
        return self.value  # type: ignore[no-any-return]

    @classmethod
    def _result(cls, number: Number, core: "Core") -> Any:
        value = cls._of_number(number, core)
        return value if cls._is_own() else cls(value)

    @classmethod
    def _of_number(cls, number: Number, core: "Core") -> Any:
        return number

    def __bool__(self) -> bool:
        return any(bytes(self))

    def __ctypes_from_outparam__(self) -> Any:
        return self.value if self._is_own() else self

    def _shape(self) -> Tuple[Tuple[int, ...], str]:
        return (), self._type_

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class _Integer(_SimpleCData):
    value: int

    @classmethod
    def _plain(cls, value: Any) -> Optional[Number]:
        return fitted(cls._unpack(cls._pack(value)), cls._kind_)

    @classmethod
    def _pack(cls, value: Any) -> bytes:
        if isinstance(value, _Integer):
            value = value.value
        try:
            number = operator.index(value)
        except TypeError:
            raise TypeError(f"an integer is required for {cls.__name__}, got {type(value).__name__}") from None
        return (number & ((1 << 8 * cls._size_) - 1)).to_bytes(cls._size_, "little" if cls._order_ == "<" else "big")

    @classmethod
    def _of_number(cls, number: Number, core: "Core") -> Any:
        # What is narrower than WebAssembly's own may have anything in its other bits.
        return cls._unpack(cls._pack(number))


class _Float(_SimpleCData):
    value: float

    @classmethod
    def _plain(cls, value: Any) -> Optional[Number]:
        return fitted(cls._unpack(cls._pack(value)), cls._kind_)

    @classmethod
    def _pack(cls, value: Any) -> bytes:
        if isinstance(value, (str, bytes, bytearray)):
            raise TypeError(f"must be real number, not {type(value).__name__}")
        number = float(value)
        try:
            return struct.pack(cls._order_ + cls._type_, number)
        except OverflowError:
            return struct.pack(cls._order_ + cls._type_, float("inf") if number > 0 else float("-inf"))


class c_bool(_SimpleCData):
    """`bool`."""

    _type_ = "?"
    _size_ = _align_ = 1

    @classmethod
    def _pack(cls, value: Any) -> bytes:
        return b"\1" if value else b"\0"

    @classmethod
    def _unpack(cls, data: bytes) -> Any:
        return data != b"\0"

    @classmethod
    def _of_number(cls, number: Number, core: "Core") -> Any:
        return number != 0


class c_byte(_Integer):
    """`signed char`."""

    _type_ = "b"
    _size_ = _align_ = 1


class c_ubyte(_Integer):
    """`unsigned char`."""

    _type_ = "B"
    _size_ = _align_ = 1


class c_short(_Integer):
    """`short`."""

    _type_ = "h"
    _size_ = _align_ = 2


class c_ushort(_Integer):
    """`unsigned short`."""

    _type_ = "H"
    _size_ = _align_ = 2


class c_int(_Integer):
    """`int`, as well as `long` and `ssize_t`, which are as wide in the guest."""

    _type_ = "i"
    _size_ = _align_ = 4


class c_uint(_Integer):
    """`unsigned int`, as well as `unsigned long` and `size_t`, which are as wide in the guest."""

    _type_ = "I"
    _size_ = _align_ = 4


class c_longlong(_Integer):
    """`long long`."""

    _type_ = "q"
    _size_ = _align_ = 8
    _kind_ = "i64"


class c_ulonglong(_Integer):
    """`unsigned long long`."""

    _type_ = "Q"
    _size_ = _align_ = 8
    _kind_ = "i64"


class c_float(_Float):
    """`float`."""

    _type_ = "f"
    _size_ = _align_ = 4
    _kind_ = "f32"


class c_double(_Float):
    """`double`."""

    _type_ = "d"
    _size_ = _align_ = 8
    _kind_ = "f64"


# As wide as others in the guest, which has pointers of 32 bits.
c_long = c_ssize_t = c_int32 = c_int
c_ulong = c_size_t = c_uint32 = c_uint
c_int8, c_uint8 = c_byte, c_ubyte
c_int16, c_uint16 = c_short, c_ushort
c_int64 = c_time_t = c_longlong
c_uint64 = c_ulonglong
