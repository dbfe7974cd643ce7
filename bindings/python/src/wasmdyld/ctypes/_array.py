"""Arrays, and the buffers that are arrays of characters."""

import operator
from typing import Any, Generic, Iterator, List, Tuple, Type, TypeVar, Union

from ._block import Block
from ._chars import c_char, c_wchar, string_in
from ._data import CData, CType, unfit
from ._layout import checked
from ._simple import _SimpleCData

E = TypeVar("E")


class ArrayType(CType):
    """The type of the array types: a class with `_type_` and `_length_` is one."""

    def __init__(cls, name: str, bases: Tuple[type, ...], names: Any, **options: Any) -> None:
        super().__init__(name, bases, names, **options)
        element, length = getattr(cls, "_type_", None), getattr(cls, "_length_", None)
        if element is None and length is None:
            return
        if not isinstance(element, CType):
            raise AttributeError("class must define a '_type_' attribute that is a type of wasmdyld.ctypes")
        if not isinstance(length, int):
            raise AttributeError("class must define a '_length_' attribute that is an int")
        if length < 0:
            raise ValueError("The '_length_' attribute must not be negative")
        cls._size_, cls._align_ = checked(element._size_ * length), element._align_
        cls._pointers_ = element._pointers_


class Array(CData, Generic[E], metaclass=ArrayType):
    """An array: `(c_int * 3)(1, 2, 3)`."""

    _type_: Any
    _length_: int
    value: Any
    raw: Any

    def __init__(self, *values: Any) -> None:
        if not hasattr(type(self), "_length_"):
            raise TypeError("abstract class: an array type is made with c_int * 3")
        self._new()
        if len(values) > self._length_:
            raise IndexError(f"invalid index: {len(values)} values for an array of {self._length_}")
        for index, value in enumerate(values):
            self[index] = value

    def _at(self, index: int) -> int:
        index = operator.index(index)
        if index < 0:
            index += self._length_
        if not 0 <= index < self._length_:
            raise IndexError(f"invalid index: {index} in an array of {self._length_}")
        return self._offset + index * int(self._type_._size_)

    def __len__(self) -> int:
        return self._length_

    def __getitem__(self, key: Union[int, slice]) -> Any:
        if isinstance(key, slice):
            indices = range(*key.indices(self._length_))
            if len(indices) and indices.step == 1:
                return elements(self._type_, self._block, self._at(indices.start), len(indices))
            return joined(self._type_, [self._type_._get(self._block, self._at(index)) for index in indices])
        return self._type_._get(self._block, self._at(key))

    def __setitem__(self, key: Union[int, slice], value: Any) -> None:
        if not isinstance(key, slice):
            return element_set(self._type_, self._block, self._at(key), value)
        indices = range(*key.indices(self._length_))
        if len(value) != len(indices):
            raise ValueError(f"Can only assign sequence of same size: {len(value)} values for {len(indices)} elements")
        element = self._type_
        if len(indices) and indices.step == 1 and at_once(element):
            parts = bytes(value) if element is c_char and isinstance(value, (bytes, bytearray)) else b"".join(element._pack(part) for part in value)
            return self._block.write(self._at(indices.start), parts)
        for index, part in zip(indices, value):
            element_set(self._type_, self._block, self._at(index), part)

    def __iter__(self) -> Iterator[Any]:
        for index in range(self._length_):
            yield self[index]

    @classmethod
    def _set(cls, block: Block, offset: int, value: Any) -> None:
        if isinstance(value, tuple):
            value = cls(*value)
        elif issubclass(cls._type_, c_char) and isinstance(value, (bytes, bytearray)):
            return set_text(cls._on(block, offset), bytes(value))
        elif issubclass(cls._type_, c_wchar) and isinstance(value, str):
            return set_text(cls._on(block, offset), value.encode("utf-32-le", "surrogatepass"))
        super()._set(block, offset, value)

    @classmethod
    def from_param(cls, value: Any) -> Any:
        if isinstance(value, tuple):
            return cls(*value)
        if isinstance(value, bytes) and issubclass(cls._type_, c_char):
            if len(value) > cls._length_:
                raise ValueError("bytes too long")
            made = cls()
            made.value = value
            return made
        if value is None:
            raise unfit(cls, value)
        return super().from_param(value)

    @classmethod
    def _result(cls, number: Any, core: Any) -> Any:
        raise TypeError("C functions give no arrays: POINTER(...) is what they give")

    def _shape(self) -> Tuple[Tuple[int, ...], str]:
        inner: Any = self._type_
        shape: Tuple[int, ...] = (self._length_,)
        while isinstance(inner, ArrayType):
            shape += (inner._length_,)  # type: ignore[attr-defined]
            inner = inner._type_  # type: ignore[attr-defined]
        # Structures, and numbers in the other order of bytes, have no format that a view could have.
        if not issubclass(inner, _SimpleCData) or inner._order_ != "<":
            return (type(self)._size_,), "B"
        return shape, inner._on(self._block, self._offset)._shape()[1]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._length_}>"


def element_set(type: Any, block: Block, offset: int, value: Any) -> None:
    """Assigns to an element or a field; tuples make structures and arrays."""
    if isinstance(value, tuple) and not issubclass(type, _SimpleCData):
        value = type(*value)
    type._set(block, offset, value)


def at_once(type: Any) -> bool:
    """Whether elements are numbers or characters, which are read and written together."""
    return issubclass(type, _SimpleCData) and type._is_own() and not type._pointers_


def elements(type: Any, block: Block, offset: int, count: int) -> Any:
    """So many elements, one after the other: bytes of characters, a list of others."""
    size = int(type._size_)
    if not at_once(type):
        return joined(type, [type._get(block, offset + index * size) for index in range(count)])
    data = block.read(offset, count * size)
    if type is c_char:
        return data
    return joined(type, [type._unpack(data[at : at + size]) for at in range(0, len(data), size)])


def joined(type: Any, parts: List[Any]) -> Any:
    """A slice: bytes of characters, a list of others."""
    if type is c_char:
        return b"".join(parts)
    return "".join(parts) if type is c_wchar else parts


def set_text(array: "Array[Any]", data: bytes) -> None:
    """Puts characters at the beginning of an array, with a NUL if there is room for one."""
    size, unit = type(array)._size_, int(array._type_._size_)
    if len(data) > size:
        raise ValueError(f"byte string too long: {len(data) // unit} characters for an array of {array._length_}")
    array._block.write(array._offset, data + bytes(unit if len(data) < size else 0))


def _value(array: "Array[Any]") -> Union[bytes, str]:
    return string_in(bytes(array), array._type_ is c_wchar)


def _set_value(array: "Array[Any]", value: Any) -> None:
    wanted = str if array._type_ is c_wchar else bytes
    if not isinstance(value, wanted):
        raise TypeError(f"{wanted.__name__} expected instead of {type(value).__name__} instance")
    set_text(array, value if isinstance(value, bytes) else value.encode("utf-32-le", "surrogatepass"))


def _set_raw(array: "Array[Any]", value: Any) -> None:
    data = bytes(value)
    if len(data) > type(array)._size_:
        raise ValueError(f"byte string too long: {len(data)} bytes for an array of {array._length_}")
    array._block.write(array._offset, data)


def array_type(element: Type[CData], length: int) -> Type["Array[Any]"]:
    """The array type of so many elements."""
    names = {"_type_": element, "_length_": operator.index(length), "__module__": element.__module__}
    if issubclass(element, (c_char, c_wchar)):
        names["value"] = property(_value, _set_value, doc="The characters up to the first NUL.")
    if issubclass(element, c_char):
        names["raw"] = property(CData.__bytes__, _set_raw, doc="All the bytes.")
    return ArrayType(f"{element.__name__}_Array_{length}", (Array,), names)  # type: ignore[return-value]


def create_string_buffer(init: Union[int, bytes], size: Any = None) -> "Array[c_char]":
    """An array of characters: of so many NULs, or with these bytes and a NUL."""
    if isinstance(init, bytes):
        made: Any = (c_char * (len(init) + 1 if size is None else size))()
        made.value = init
        return made  # type: ignore[no-any-return]
    if isinstance(init, int):
        return (c_char * init)()
    raise TypeError(f"an int or bytes is wanted, not {type(init).__name__}{' (encode() makes bytes of a str)' if isinstance(init, str) else ''}")


def create_unicode_buffer(init: Union[int, str], size: Any = None) -> "Array[c_wchar]":
    """An array of wide characters, which have four bytes each: of so many NULs, or with this text and a NUL."""
    if isinstance(init, str):
        made: Any = (c_wchar * (len(init) + 1 if size is None else size))()
        made.value = init
        return made  # type: ignore[no-any-return]
    if isinstance(init, int):
        return (c_wchar * init)()
    raise TypeError(f"an int or a str is wanted, not {type(init).__name__}")
