"""Calls of the guest's functions as ctypes makes them: conversions by C types, `...`, structures by value, and flags of parameters."""

import struct
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

from .._convert import Call, Number
from .._errors import Error
from ._chars import c_char_p, c_void_p
from ._data import ArgumentError, CData, CType, number
from ._layout import up
from ._simple import _Float, _Integer, c_double, c_float, c_int, c_longlong, c_uint, c_ulonglong
from ._struct import StructType, single

if TYPE_CHECKING:
    from .._core import Core
    from .._function import Function
    from .._types import FuncType

IN, OUT, ZERO = 1, 2, 4
# Numbers that are as wide as WebAssembly's own, and addresses.
PLAIN = frozenset((c_int, c_uint, c_longlong, c_ulonglong, c_float, c_double, c_void_p, c_char_p))


def by_value_kind(type: Any) -> str:
    """What WebAssembly passes a type as."""
    scalar: Any = single(type) if isinstance(type, StructType) else type  # type: ignore[arg-type]
    return "i32" if scalar is None else getattr(scalar, "_kind_", "i32")


def in_memory(restype: Any) -> bool:
    """Whether a result is written to where the caller says."""
    return isinstance(restype, StructType) and single(restype) is None  # type: ignore[arg-type]


def answer_number(restype: Any, answer: Any, core: "Core") -> Number:
    """What a callback of Python's returns to the guest."""
    value = restype.from_param(answer)
    if value is not None and not isinstance(value, (int, float, CData)):
        raise TypeError(f"a callback cannot return {type(answer).__name__}: nobody would free it; return an address or an object that is kept")
    return number(value, by_value_kind(restype), Call(core))


class Signature:
    """How a function pointer is called: its types, and the flags of its parameters."""

    def __init__(self, of: Any, paramflags: Any) -> None:
        self._of = of
        self._plain: Optional[bool] = None
        self._flags = None if paramflags is None else flags_of(paramflags, of.argtypes)

    def _told(self) -> "Optional[FuncType]":
        """The type that the module tells."""
        code = self._of._code()
        type: Optional[FuncType] = getattr(code, "type", None)
        return type

    def changed(self) -> None:
        """Its types are others than before."""
        self._plain = None

    def plain(self) -> bool:
        """Whether plain numbers are passed as they are, for which nothing is done but what `struct` does."""
        found = self._plain
        if found is None:
            types, told = self._of.argtypes, self._told()
            whole = self._flags is None and not in_memory(self._of.restype) and told is not None
            # With fewer types than parameters, the last parameter is where the arguments of `...` are.
            fixed = types is None or told is None or len(types) == len(told.params)
            found = self._plain = whole and fixed and all(type in PLAIN for type in types or ())
        return found

    def check(self, argtypes: Optional[Sequence[Any]], restype: Any) -> None:
        """Refuses types that the function does not have."""
        told = self._told()
        if told is None:
            return
        if isinstance(restype, CType) and (self._of._restype_is_set() or restype is not self._of.restype):
            wanted = () if in_memory(restype) else (by_value_kind(restype),)
            if wanted != told.results:
                raise TypeError(f"restype of {self._of.__name__}{told}: {restype.__name__} is {wanted[0] if wanted else 'in memory'}{long(told.results)}")
        if argtypes is None:
            return
        params = told.params[1:] if in_memory(restype) else told.params
        variadic = len(argtypes) == len(params) - 1 and params[-1] == "i32"
        kinds = [by_value_kind(type) if isinstance(type, CType) else None for type in argtypes]
        if len(kinds) != len(params) - variadic or any(kind not in (None, param) for kind, param in zip(kinds, params)):
            names = ", ".join(getattr(type, "__name__", repr(type)) for type in argtypes)
            # Types of a result may be set later.
            if len(kinds) == len(params) - 1 and restype is not None and not self._of._restype_is_set():
                return
            raise TypeError(f"argtypes of {self._of.__name__}{told}: ({names}) does not fit{long(params)}")

    def call(self, function: "Function", arguments: Sequence[Any], named: Dict[str, Any]) -> Any:
        outs: List[Any] = []
        if self._flags is not None:
            arguments, outs = placed(self._of, self._flags, arguments, named)
        elif named:
            raise TypeError(f"{self._of.__name__} takes no keyword arguments: only functions with paramflags do")
        of = self._of
        answers = function._plain_answers(arguments) if self.plain() else None
        if answers is not None:
            value = self._value(answers, function._core)
        else:
            value = function._in_turn(lambda: self._call(function, arguments))
        if of.errcheck is not None:
            given = tuple(arguments)
            value = of.errcheck(value, of, given)
            if value is not given:
                return value
        if outs:
            values = [out.__ctypes_from_outparam__() if hasattr(out, "__ctypes_from_outparam__") else out for out in outs]
            return values[0] if len(values) == 1 else tuple(values)
        return value

    def _call(self, function: "Function", arguments: Sequence[Any]) -> Any:
        core, restype = function._core, self._of.restype
        with Call(core) as call:
            quick = function._prepared()
            to = restype() if in_memory(restype) else None
            numbers: List[Number] = [] if to is None else [to._block.attach(core)]
            numbers += self._numbers(function.type.params[len(numbers) :], arguments, call)
            answers = function._answers(quick, numbers)
            return self._value(answers, core) if to is None else to

    def _numbers(self, params: Tuple[str, ...], arguments: Sequence[Any], call: Call) -> List[Number]:
        argtypes = self._of.argtypes
        name = f"{self._of.__name__}({', '.join(params)})"
        fixed = len(params)
        if argtypes is not None and len(argtypes) == fixed - 1:
            fixed -= 1
            if len(arguments) < fixed:
                raise TypeError(f"{name} takes at least {fixed} argument{'' if fixed == 1 else 's'} ({len(arguments)} given)")
        elif len(arguments) != fixed:
            raise TypeError(f"{name} takes {fixed} argument{'' if fixed == 1 else 's'} ({len(arguments)} given)")
        numbers = []
        for index, (kind, argument) in enumerate(zip(params[:fixed], arguments)):
            try:
                type = argtypes[index] if argtypes is not None and index < len(argtypes) else None
                numbers.append(passed(type, kind, argument, call))
            except (TypeError, ValueError, OverflowError, AttributeError) as error:
                raise failed(error, index, name) from None
        if fixed < len(params):
            numbers.append(rest(arguments[fixed:], call))
        return numbers

    def _value(self, answers: Sequence[Any], core: "Core") -> Any:
        restype = self._of.restype
        if not answers:
            return None
        if not self._of._restype_is_set():
            return answers[0] if len(answers) == 1 else answers
        if restype is None:
            return None
        result = restype._result if isinstance(restype, CType) else None  # type: ignore[attr-defined]
        return restype(answers[0]) if result is None else result(answers[0], core)


def long(kinds: Sequence[str]) -> str:
    return "; long has 32 bits in the guest, c_longlong and c_int64 have 64" if "i64" in kinds else ""


def passed(type: Any, kind: str, argument: Any, call: Call) -> Number:
    """The number for one argument."""
    if isinstance(type, CType) and (argument.__class__ is int or argument.__class__ is float):
        plain: Optional[Number] = type._plain(argument)  # type: ignore[attr-defined]
        if plain is not None:
            return plain
    return number(argument if type is None else type.from_param(argument), kind, call)


def failed(error: Exception, index: int, name: str) -> Exception:
    # What the linker or the guest failed with goes on as it is; so does what a callback raised.
    if isinstance(error, Error) or error.__class__ not in (TypeError, ValueError, OverflowError, AttributeError):
        return error
    return ArgumentError(f"argument {index + 1} of {name}: {error.__class__.__name__}: {error}")


def rest(arguments: Sequence[Any], call: Call) -> Number:
    """The address of the arguments for `...`, each at its alignment, as wasm32's C passes them."""
    data = bytearray()
    for argument in arguments:
        if isinstance(argument, (float, _Float)):
            part = struct.pack("<d", argument.value if isinstance(argument, _Float) else argument)
        elif isinstance(argument, _Integer) and argument._size_ == 8:
            part = bytes(argument)
        else:
            part = (int(number(argument, "i32", call)) & 0xFFFFFFFF).to_bytes(4, "little")
        data += bytes(up(len(data), len(part)) - len(data)) + part
    return call.copy_in(bytes(data)) if data else 0


Flag = Tuple[int, Optional[str], Tuple[Any, ...]]


def flags_of(paramflags: Any, argtypes: Optional[Sequence[Any]]) -> List[Flag]:
    """The flags of parameters, checked."""
    if not isinstance(paramflags, tuple) or argtypes is None:
        raise TypeError("paramflags must be a tuple or None, and the function needs argtypes")
    if len(paramflags) != len(argtypes):
        raise ValueError("paramflags must have the same length as argtypes")
    found: List[Flag] = []
    for flag, type in zip(paramflags, argtypes):
        if not isinstance(flag, tuple) or not 1 <= len(flag) <= 3 or not isinstance(flag[0], int):
            raise TypeError("paramflags must be a sequence of (int [,string [,value]]) tuples")
        if flag[0] & (IN | OUT) == OUT and not (hasattr(type, "_type_") and hasattr(type, "contents")):
            raise TypeError(f"'out' parameter must be a pointer type, not {type.__name__}")
        found.append((flag[0], flag[1] if len(flag) > 1 else None, flag[2:]))
    return found


def placed(of: Any, flags: Sequence[Flag], arguments: Sequence[Any], named: Dict[str, Any]) -> Tuple[List[Any], List[Any]]:
    """The arguments in the function's order, and the objects that it fills."""
    given, named = list(arguments), dict(named)
    placed: List[Any] = []
    outs: List[Any] = []
    for (flag, name, default), type in zip(flags, of.argtypes):
        if flag & (IN | OUT) == OUT:
            value = type._type_()
            outs.append(value)
        else:
            if given:
                value = given.pop(0)
            elif name is not None and name in named:
                value = named.pop(name)
            elif default:
                value = default[0]
            elif flag & ZERO:
                value = 0
            else:
                raise TypeError(f"required argument {name or len(placed) + 1!r} missing")
            if flag & OUT:
                target = getattr(type, "_type_", None)
                value = target(value) if isinstance(target, CType) and not isinstance(value, CData) else value
                outs.append(value)
        placed.append(value)
    if given or named:
        what = f"unexpected keyword argument {sorted(named)[0]!r}" if named else f"{len(arguments)} given"
        raise TypeError(f"{of.__name__} takes no more than {len(placed) - sum(flag & (IN | OUT) == OUT for flag, _, _ in flags)} arguments: {what}")
    return placed, outs
