"""Structures and unions."""

from typing import TYPE_CHECKING, Any, List, Optional, Tuple, Type

from .._convert import Call, Number
from ._array import ArrayType, array_type, element_set
from ._block import Block
from ._chars import c_char, c_wchar
from ._data import CData, CType
from ._layout import Layout, Member, Place, get_bits, lay_out, set_bits
from ._names import unknown
from ._simple import SimpleType, _Integer, c_bool

if TYPE_CHECKING:
    from .._core import Core


class Field:
    """A field of a structure, as its class has it: `.offset`, `.size`."""

    def __init__(self, name: str, type: Any, place: Place) -> None:
        self.name, self.type, self._place = name, type, place
        self._is_text = isinstance(type, ArrayType) and getattr(type, "_type_", None) in (c_char, c_wchar)

    @property
    def offset(self) -> int:
        """Where it begins, in bytes; of a bit field: where the unit of its type does."""
        return self._place.offset

    @property
    def size(self) -> int:
        """Its bytes; of a bit field: its width times 65536, and its first bit in the unit."""
        place = self._place
        if place.bits is None:
            return int(self.type._size_)
        return place.bits << 16 | (place.first_bit - 8 * place.offset)

    def _window(self, at: int) -> Tuple[int, int, int]:
        """The bytes that a bit field is in, and its first bit there."""
        first = self._place.first_bit
        last = first + (self._place.bits or 0)
        return at + first // 8, -(-last // 8) - first // 8, first % 8

    def _get(self, block: Block, at: int) -> Any:
        place, type = self._place, self.type
        if place.bits is None:
            found = type._get(block, at + place.offset)
            # Text, as ctypes has it; its bytes are written through the field.
            return found.value if self._is_text else found
        start, size, first = self._window(at)
        signed = issubclass(type, _Integer) and type._type_.islower()
        number = get_bits(block.read(start, size), first, place.bits, signed, type._order_ == ">")
        return bool(number) if issubclass(type, c_bool) else number

    def _set(self, block: Block, at: int, value: Any) -> None:
        place, type = self._place, self.type
        if place.bits is None:
            return element_set(type, block, at + place.offset, value)
        start, size, first = self._window(at)
        number = int.from_bytes(type._pack(value), "little" if type._order_ == "<" else "big")
        block.write(start, set_bits(block.read(start, size), first, place.bits, number, type._order_ == ">"))

    def __get__(self, object: Any, owner: Any = None) -> Any:
        return self if object is None else self._get(object._block, object._offset)

    def __set__(self, object: Any, value: Any) -> None:
        self._set(object._block, object._offset, value)

    def __repr__(self) -> str:
        place = self._place
        bits = "" if place.bits is None else f", bits={place.bits}"
        return f"<Field type={self.type.__name__}, ofs={place.offset}{bits}, size={self.type._size_}>"


class _Inner(Field):
    """A field of an anonymous member, which the outer structure has as well."""

    def __init__(self, outer: Field, field: Field) -> None:
        place = field._place
        moved = place._replace(offset=place.offset + outer.offset, first_bit=place.first_bit + 8 * outer.offset)
        super().__init__(field.name, field.type, moved)


class StructType(CType):
    """The type of the structures and unions, which are complete once `_fields_` is set."""

    _union_ = False
    _swap_ = False
    _names_: Tuple[str, ...]

    if TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any:
            """Fields, which come at run time."""

    def __init__(cls, name: str, bases: Tuple[type, ...], names: Any, **options: Any) -> None:
        super().__init__(name, bases, names, **options)
        if "_fields_" in names:
            complete(cls, names["_fields_"])

    def __setattr__(cls, name: str, value: Any) -> None:
        if name == "_fields_":
            if "_complete_" in cls.__dict__:
                raise AttributeError("_fields_ is final")
            complete(cls, value)
        super().__setattr__(name, value)


def complete(cls: Any, fields: Any) -> None:
    """Gives a structure its fields."""
    if not isinstance(fields, (list, tuple)):
        raise TypeError("_fields_ must be a sequence of pairs")
    parsed = [field_of(cls, index, field) for index, field in enumerate(fields)]
    parent = next(base for base in cls.__mro__[1:] if isinstance(base, StructType))
    pack = cls.__dict__.get("_pack_", getattr(cls, "_pack_", None))
    if pack is not None and (not isinstance(pack, int) or pack < 0):
        raise ValueError("_pack_ must be a non-negative integer")
    least = getattr(cls, "_align_least_", 1)
    members = [Member(type._size_, type._align_, bits) for _, type, bits in parsed]
    found: Layout = lay_out(
        members, union=cls._union_, pack=pack or None, least=least, start=parent._size_, start_alignment=parent._align_
    )
    for (name, type_, _), place in zip(parsed, found.places):
        type.__setattr__(cls, name, Field(name, type_, place))
    for name in cls.__dict__.get("_anonymous_", ()):
        lift(cls, name, [name for name, _, _ in parsed])
    for name, value in (
        ("_size_", found.size),
        ("_align_", found.alignment),
        ("_pointers_", parent._pointers_ or any(kind._pointers_ for _, kind, _ in parsed)),
        ("_names_", (*getattr(parent, "_names_", ()), *(name for name, _, _ in parsed))),
        ("_complete_", True),
    ):
        type.__setattr__(cls, name, value)


def field_of(cls: Any, index: int, field: Any) -> Tuple[str, Any, Optional[int]]:
    """A field's name, type and width, checked."""
    if not isinstance(field, tuple) or len(field) not in (2, 3) or not isinstance(field[0], str):
        raise TypeError(f"_fields_[{index}] of {cls.__name__} must be (name, type) or (name, type, bits), and is {field!r}")
    name, type_ = field[0], field[1]
    if not isinstance(type_, CType):
        raise TypeError(f"field {name!r} of {cls.__name__}: second item in _fields_ tuple must be a type of wasmdyld.ctypes, and is {type_!r}")
    if cls._swap_:
        type_ = swapped(type_)
    if isinstance(type_, StructType):
        # It cannot change any more.
        type.__setattr__(type_, "_complete_", True)
    if len(field) == 2:
        return name, type_, None
    bits = field[2]
    if not issubclass(type_, (_Integer, c_bool)):
        raise TypeError(f"bit fields not allowed for type {type_.__name__}")
    if not isinstance(bits, int) or not 0 < bits <= 8 * type_._size_:
        raise ValueError(f"number of bits invalid for bit field {name!r}: {bits!r} of {8 * type_._size_}")
    return name, type_, bits


def lift(cls: Any, name: str, names: List[str]) -> None:
    """Gives a structure the fields of an anonymous member."""
    if name not in names:
        raise AttributeError(name)
    outer: Field = cls.__dict__[name]
    if not isinstance(outer.type, StructType):
        raise TypeError(f"anonymous member {name!r} of {cls.__name__} is no structure or union")
    for base in reversed(outer.type.__mro__):
        for inner, field in vars(base).items():
            if isinstance(field, Field):
                type.__setattr__(cls, inner, _Inner(outer, field))


def swapped(type: Any) -> Any:
    """The type with the other order of bytes."""
    if isinstance(type, SimpleType):
        return type.__ctype_be__
    if isinstance(type, ArrayType):
        inner: Any = type
        return array_type(swapped(inner._type_), inner._length_)
    if isinstance(type, StructType) and type._swap_:
        return type
    raise TypeError(f"This type does not support other endian: {type.__name__}")


class _Composite(CData):
    """What structures and unions do alike."""

    _fields_: Any
    _anonymous_: Any
    _pack_: int

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        least = cls.__dict__.get("_align_")
        # Python 3.13's `_align_` is the least alignment; what is found out replaces it.
        if isinstance(least, int) and least > 0:
            type.__setattr__(cls, "_align_least_", least)

    def __init__(self, *values: Any, **named: Any) -> None:
        if not hasattr(type(self), "_names_") and (values or named):
            raise TypeError(f"{type(self).__name__} has no _fields_ yet")
        self._new()
        names = getattr(type(self), "_names_", ())
        if len(values) > len(names):
            raise TypeError("too many initializers")
        for name, value in zip(names, values):
            if name in named:
                raise TypeError(f"duplicate values for field {name!r}")
            setattr(self, name, value)
        for name, value in named.items():
            setattr(self, name, value)

    @classmethod
    def _set(cls, block: Block, offset: int, value: Any) -> None:
        super()._set(block, offset, cls(*value) if isinstance(value, tuple) else value)

    @classmethod
    def from_param(cls, value: Any) -> Any:
        return cls(*value) if isinstance(value, tuple) else super().from_param(value)

    def _argument(self, kind: str, call: Call) -> Number:
        """By value: as C does for wasm32, a structure of one scalar as that, any other one by the address of a copy."""
        cls = type(self)
        scalar = single(cls)
        if scalar is not None:
            return scalar._on(self._block, self._offset)._argument(kind, call)
        if not cls._size_:
            raise TypeError(f"{cls.__name__} has nothing in it to be passed")
        copy = Block(cls._size_)
        copy.copy(0, self._block, self._offset, cls._size_, cls._pointers_)
        # It lives as long as the call.
        call.keep(copy)
        return copy.attach(call.core)

    @classmethod
    def _result(cls, number: Number, core: "Core") -> Any:
        """As a callback's argument, by value; as a result, which is where the caller said."""
        made = cls()
        scalar = single(cls)
        if scalar is not None:
            block = scalar._result(number, core)
            element_set(scalar, made._block, 0, block)
        else:
            made._block.copy(0, Block.at(core, int(number), cls._size_), 0, cls._size_, cls._pointers_)
        return made

    def __getattr__(self, name: str) -> Any:
        raise unknown(self, name, getattr(type(self), "_names_", ()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object, {type(self)._size_} bytes>"


class Structure(_Composite, metaclass=StructType):
    """A structure: a subclass says its `_fields_`, and may say `_pack_` and `_anonymous_`."""


class UnionType(StructType):
    _union_ = True


class Union(_Composite, metaclass=UnionType):
    """A union; as Structure."""


LittleEndianStructure = Structure
LittleEndianUnion = Union


class SwappedType(StructType):
    _swap_ = True


class SwappedUnionType(UnionType):
    _swap_ = True


class BigEndianStructure(Structure, metaclass=SwappedType):
    """A structure whose numbers have their most significant byte first."""


class BigEndianUnion(Union, metaclass=SwappedUnionType):
    """A union whose numbers have their most significant byte first."""


def single(type: Type[CData]) -> Optional[Type[CData]]:
    """What a structure is passed as by value: the one scalar that is all there is in it; None: in memory."""
    while isinstance(type, (StructType, ArrayType)):
        whole: Any = type
        if isinstance(type, ArrayType):
            if whole._length_ != 1:
                return None
            type = whole._type_
        else:
            fields = [field for field in fields_of(whole) if field.type._size_]
            if len(fields) != 1 or fields[0].type._size_ != whole._size_:
                return None
            type = fields[0].type
    return type


def fields_of(type: Any) -> List[Field]:
    """A structure's fields, those of what it goes on from first."""
    return [vars(base)[name] for name in getattr(type, "_names_", ()) for base in type.__mro__ if name in vars(base)]
