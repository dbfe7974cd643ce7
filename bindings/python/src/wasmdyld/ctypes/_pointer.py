"""Typed pointers."""

import operator
from typing import Any, Dict, Generic, Optional, Tuple, Type, TypeVar, Union

from .._convert import is_buffer
from ._array import Array, element_set, elements, joined
from ._block import POINTER_SIZE, Block, Ref
from ._chars import _Address, c_char_p, c_void_p, c_wchar_p
from ._data import Byref, CData, CType, Holder, instance
from ._simple import _SimpleCData

T = TypeVar("T", bound=CData)
_pointers: Dict[Any, Any] = {}


class PointerType(CType):
    """The type of the pointer types: a class with `_type_` is one."""

    def __init__(cls, name: str, bases: Tuple[type, ...], names: Any, **options: Any) -> None:
        super().__init__(name, bases, names, **options)
        given = names.get("_type_")
        if given is not None and not isinstance(given, CType):
            raise TypeError("_type_ must be a type of wasmdyld.ctypes")

    def set_type(cls, type: Type[CData]) -> None:
        """What it points to, if that was not known when it was made."""
        cls._type_ = type


class _Pointer(Holder, Generic[T], metaclass=PointerType):
    """A pointer; `bool` tells whether it is not NULL."""

    _type_: Any

    def __init__(self, object: Optional[T] = None) -> None:
        if getattr(type(self), "_type_", None) is None:
            raise TypeError("Cannot create instance: has no _type_")
        self._new()
        if object is not None:
            self.contents = object

    @property
    def contents(self) -> T:
        """What it points to: an object on the same memory."""
        if not self:
            raise ValueError("NULL pointer access")
        block, offset = self._there(0)
        found: T = self._type_._on(block, offset)
        return found

    @contents.setter
    def contents(self, object: T) -> None:
        if not isinstance(object, self._type_):
            raise TypeError(f"expected {self._type_.__name__} instead of {type(object).__name__}")
        self._block.point(self._offset, Ref(object._block, object._offset), object)

    def _there(self, index: int) -> Tuple[Block, int]:
        """The memory of the element with this index."""
        to = self._block.target(self._offset)
        size = int(self._type_._size_)
        if isinstance(to, Ref) and 0 <= to.offset + index * size and to.offset + (index + 1) * size <= to.block.size:
            return to.block, to.offset + index * size
        core = self._block.home()
        address = to if isinstance(to, int) else to.attach(core)
        # The same block each time, so that what is assigned through the pointer lives as long as it.
        known = self._block.keep.get(self._offset)
        if not isinstance(known, Block) or known.address != address or known.size < size:
            known = Block.at(core, address, size)
            if isinstance(to, int):
                self._block.keep[self._offset] = known
        return known, index * size

    def __getitem__(self, key: Union[int, slice]) -> Any:
        if not self:
            raise ValueError("NULL pointer access")
        if isinstance(key, slice):
            indices = slice_range(key)
            # Before there is a list of so many.
            for index in (indices[0], indices[-1]) if indices else ():
                block, offset = self._there(index)
                if block.address is not None and block.core is not None:
                    block.core.memory.check(block.address + offset, int(self._type_._size_))
            if len(indices) and indices.step == 1:
                block, offset = self._there(indices.start)
                if self._there(indices[-1]) == (block, offset + (len(indices) - 1) * int(self._type_._size_)):
                    return elements(self._type_, block, offset, len(indices))
            return joined(self._type_, [self[index] for index in indices])
        return self._type_._get(*self._there(operator.index(key)))

    def __setitem__(self, key: int, value: Any) -> None:
        if isinstance(key, slice):
            raise TypeError("Pointer does not support slice assignment")
        if not self:
            raise ValueError("NULL pointer access")
        element_set(self._type_, *self._there(operator.index(key)), value)

    def __bool__(self) -> bool:
        return self._block.target(self._offset) != 0

    @classmethod
    def _set(cls, block: Block, offset: int, value: Any) -> None:
        if value is None:
            block.point(offset, 0)
        elif isinstance(value, Array) and value._type_ is cls._type_:
            block.point(offset, Ref(value._block, value._offset), value)
        else:
            super()._set(block, offset, value)

    @classmethod
    def from_param(cls, value: Any) -> Any:
        if value is None or isinstance(value, cls):
            return value
        type_ = cls._type_
        if isinstance(value, type_):
            return Byref(value)
        if isinstance(value, Byref) and isinstance(value._obj, type_):
            return value
        if isinstance(value, (Array, _Pointer)) and issubclass(value._type_, type_):
            return value
        if is_buffer(value) and issubclass(type_, _SimpleCData):
            with memoryview(value) as view:
                if view.itemsize in (1, type_._size_):
                    return value
                raise TypeError(f"a buffer of items of {type_._size_} bytes, or of bytes, is wanted for {cls.__name__}; these have {view.itemsize}")
        return super().from_param(value)

    def _shape(self) -> Tuple[Tuple[int, ...], str]:
        return (), "I"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'to ' + self._type_.__name__ if self else 'NULL'}>"


def slice_range(key: slice) -> range:
    """The indices of a slice of a pointer, which has no end of its own."""
    step = 1 if key.step is None else key.step
    if key.stop is None:
        raise ValueError("slice stop is required")
    if key.start is None and step < 0:
        raise ValueError("slice start is required for step < 0")
    return range(0 if key.start is None else key.start, key.stop, step)


def POINTER(type: Optional[Type[T]]) -> Type["_Pointer[T]"]:
    """The type of pointers to a type; of pointers to anything for None."""
    if type is None:
        return c_void_p  # type: ignore[return-value]
    if not isinstance(type, CType):
        raise TypeError(f"must have a ctypes type: {type!r} is none of wasmdyld.ctypes")
    made: Any = _pointers.get(type)
    if made is None:
        made = _pointers[type] = PointerType(f"LP_{type.__name__}", (_Pointer,), {"_type_": type, "__module__": type.__module__})
    return made  # type: ignore[no-any-return]


def pointer(object: T) -> "_Pointer[T]":
    """A pointer to an object, which it keeps alive."""
    made: Any = POINTER(type(instance(object)))
    return made(object)  # type: ignore[no-any-return]


def cast(object: Any, type: Type[T]) -> T:
    """What points to where `object` points or is, as another type of pointer."""
    from ._function import _CFuncPtr

    if not (isinstance(type, CType) and issubclass(type, (_Pointer, _Address, _CFuncPtr))):
        raise TypeError(f"cast() argument 2 must be a pointer, not {getattr(type, '__name__', type)}")
    made: Any = type.__new__(type)
    made._new()
    block: Block = made._block
    if object is None or isinstance(object, int):
        block.point(0, object or 0)
    elif isinstance(object, (bytes, str)):
        text: Any = c_char_p(object) if isinstance(object, bytes) else c_wchar_p(object)
        block.copy(0, text._block, 0, POINTER_SIZE, True)
    elif isinstance(object, Byref):
        block.point(0, object._ref(), object._obj)
    elif isinstance(object, (_Pointer, _Address, _CFuncPtr)):
        block.copy(0, object._block, object._offset, POINTER_SIZE, True)
        block.keep.setdefault(0, object)
    elif isinstance(object, Array):
        block.point(0, Ref(object._block, object._offset), object)
    else:
        parameter = getattr(object, "_as_parameter_", None)
        if parameter is None:
            raise TypeError(f"cast() argument 1 must be a pointer, an array, an address or None, not {object.__class__.__name__}")
        return cast(parameter, type)
    return made  # type: ignore[no-any-return]


