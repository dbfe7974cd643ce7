"""Function pointers: functions of libraries, of addresses, and of Python."""

import weakref
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple, Type

from .._callbacks import Callback, Prototype
from .._convert import DEFAULTS, Call, Converter, Number
from .._function import Function, pointer_function
from .._errors import InvalidArgument
from ._block import Block
from ._call import Signature, answer_number, by_value_kind, in_memory
from ._data import CType, Holder, unfit

if TYPE_CHECKING:
    from .._core import Core

_prototypes: Dict[Any, Any] = {}
INT = object()
"""A restype that nobody has set: what the module says."""


class Code:
    """What a function pointer leads to: a function of the guest, or one of Python, which gets a pointer in each namespace that wants one."""

    def __init__(self, function: Any, restype: Any, argtypes: Sequence[Any]) -> None:
        self.function, self.restype, self.argtypes = function, restype, argtypes
        self._callbacks: "weakref.WeakKeyDictionary[Core, Callback]" = weakref.WeakKeyDictionary()

    def attach(self, core: "Core") -> int:
        if isinstance(self.function, Function):
            if self.function._core is not core:
                raise InvalidArgument("a function of one namespace is no pointer in another")
            return self.function.slot
        made = self._callbacks.get(core)
        if made is None:
            made = self._callbacks[core] = Callback(core, self._adapted(core), self._prototype())
        return made.slot

    def _prototype(self) -> Prototype:
        restype = self.restype
        results = () if restype is None else (DEFAULTS[by_value_kind(restype)],)
        return Prototype(results, tuple(of_argument(type) for type in self.argtypes))

    def _adapted(self, core: "Core") -> Callable[..., Any]:
        function, restype = self.function, self.restype
        # Weak, or what the function refers to would hold its namespace, and the other way round.
        of = weakref.ref(core)

        def call(*arguments: Any) -> Any:
            answer = function(*arguments)
            core = of()
            return None if restype is None or core is None else answer_number(restype, answer, core)

        return call


def of_argument(type: Any) -> Converter:
    """How a callback gets its argument."""
    return Taken(type)


class Taken(Converter):
    """A C type of a callback's argument."""

    def __init__(self, type: Any) -> None:
        self.type, self.name, self.kind = type, type.__name__, by_value_kind(type)

    def to_guest(self, value: Any, call: Optional[Call]) -> Number:
        raise TypeError(f"{self.name} is what a callback gets")

    def from_guest(self, number: Number, core: "Core") -> Any:
        return self.type._result(number, core)


class FuncPtrType(CType):
    """The type of the types of function pointers."""


class _CFuncPtr(Holder, metaclass=FuncPtrType):
    """A pointer to a function: call it. `argtypes`, `restype` and `errcheck` say more of it."""

    __name__ = "function"
    _restype_: Any = INT
    _led: Optional[Function] = None
    """The library's function that it is, if it is one."""
    _argtypes_: Optional[Tuple[Any, ...]] = None

    def __init__(self, to: Any = None, paramflags: Any = None) -> None:
        self._new()
        if to is None:
            return
        if isinstance(to, int):
            self._block.point(0, to)
        elif isinstance(to, tuple):
            name, library = to
            self._lead(library._find(name), name)
            self.__dict__["_signature"] = Signature(self, paramflags)
        elif callable(to):
            cls = type(self)
            if cls._restype_ is INT:
                raise TypeError("a Python function needs a C type: CFUNCTYPE(restype, *argtypes) makes it one")
            if in_memory(cls._restype_):
                raise TypeError(f"a callback returns no {cls._restype_.__name__} by value: let it fill one that it gets a pointer to")
            self.__name__ = getattr(to, "__name__", "function")
            self._block.point(0, Code(to, cls._restype_, cls._argtypes_ or ()), to)
        else:
            raise TypeError(f"a function, an address or (name, library) is wanted, not {type(to).__name__}")

    def _lead(self, function: Function, name: str) -> None:
        """Makes it a function of a library's."""
        self.__name__ = name
        self._led = function
        core = function._core
        self._block.belong(core)
        self._block.point(0, Code(function, None, ()))

    @property
    def argtypes(self) -> Optional[Tuple[Any, ...]]:
        """The C types of the arguments. None: by the module alone. One less than the module tells of: the rest are those of `...`."""
        found: Optional[Tuple[Any, ...]] = self.__dict__.get("_own_argtypes", type(self)._argtypes_)
        return found

    @argtypes.setter
    def argtypes(self, types: Optional[Sequence[Any]]) -> None:
        given = None if types is None else tuple(types)
        for index, kind in enumerate(given or ()):
            if not hasattr(kind, "from_param"):
                raise TypeError(f"item {index + 1} in _argtypes_ has no from_param method: {kind!r} is no type of wasmdyld.ctypes")
        self.signature.check(given, self.restype)
        self.__dict__["_own_argtypes"] = given
        self.signature.changed()

    @property
    def restype(self) -> Any:
        """The C type of the result; None: there is none; or a function that gets the int. Unless it is set, what the module says."""
        from ._simple import c_int

        found = self.__dict__.get("_own_restype", type(self)._restype_)
        return c_int if found is INT else found

    @restype.setter
    def restype(self, type: Any) -> None:
        if type is not None and not isinstance(type, CType) and not callable(type):
            raise TypeError("restype must be a type, a callable, or None")
        self.signature.check(self.argtypes, type)
        self.__dict__["_own_restype"] = type
        self.signature.changed()

    @property
    def errcheck(self) -> Any:
        """Gets the result, the function and the arguments of each call; what it returns is what the call gives."""
        return self.__dict__.get("_own_errcheck")

    @errcheck.setter
    def errcheck(self, function: Any) -> None:
        if function is not None and not callable(function):
            raise TypeError("the errcheck attribute must be callable")
        self.__dict__["_own_errcheck"] = function

    @property
    def signature(self) -> Signature:
        """How it is called."""
        found = self.__dict__.get("_signature")
        if found is None:
            found = self.__dict__["_signature"] = Signature(self, None)
        return found

    def _restype_is_set(self) -> bool:
        return self.__dict__.get("_own_restype", type(self)._restype_) is not INT

    def _code(self) -> Any:
        """The function of Python, the function of the guest, or the number that it leads to."""
        to = self._block.target(self._offset)
        return to.function if isinstance(to, Code) else to

    def _function(self) -> Function:
        """The guest's function to be called."""
        code = self._code()
        if isinstance(code, Function):
            return code
        core = self._block.home()
        slot = int(code)
        if slot == 0:
            raise ValueError("NULL function pointer: there is nothing to call")
        known = self.__dict__.get("_known")
        if known is None or known[0] != slot or known[1] is not core:
            if self.argtypes is None or not self._restype_is_set():
                raise TypeError("a pointer alone does not tell its type: CFUNCTYPE(restype, *argtypes)(address) is a function to call")
            params = [by_value_kind(kind) for kind in self.argtypes]
            results = [] if self.restype is None else [by_value_kind(self.restype)]
            if in_memory(self.restype):
                params, results = ["i32", *params], []
            type = Prototype(tuple(DEFAULTS[kind] for kind in results), tuple(DEFAULTS[kind] for kind in params))
            known = self.__dict__["_known"] = (slot, core, pointer_function(core, slot, type))
        return known[2]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if self._led is not None:
            return self.signature.call(self._led, arguments, named)
        code = self._code()
        if not isinstance(code, (int, Function)) and callable(code):
            # Python's own: no guest between.
            return code(*arguments, **named)
        return self.signature.call(self._function(), arguments, named)

    def __bool__(self) -> bool:
        return self._block.target(self._offset) != 0

    @property
    def _as_parameter_(self) -> int:
        return self._block.number(self._offset)

    @classmethod
    def from_param(cls, value: Any) -> Any:
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, _CFuncPtr):
            raise unfit(cls, value)
        if callable(value) and not hasattr(value, "_as_parameter_"):
            name = getattr(value, "__name__", type(value).__name__)
            raise TypeError(f"expected {cls.__name__} instance instead of {type(value).__name__}: make one of it, and keep it as long as the guest"
                            f" may call it: callback = TYPE({name})")
        return value if hasattr(value, "_as_parameter_") else super().from_param(value)

    @classmethod
    def _set(cls, block: Block, offset: int, value: Any) -> None:
        if value is None:
            return block.point(offset, 0)
        if not isinstance(value, cls):
            hint = f"; {cls.__name__}(function) makes one of a function" if callable(value) else ""
            raise TypeError(f"incompatible types, {type(value).__name__} instance instead of {cls.__name__} instance{hint}")
        super()._set(block, offset, value)
        block.keep[offset] = value

    def _argument(self, kind: str, call: Call) -> Number:
        if isinstance(self._block.target(self._offset), Code):
            return self._block.number(self._offset, call.core)
        return super()._argument(kind, call)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__name__}>"


def CFUNCTYPE(restype: Any, *argtypes: Any, use_errno: bool = False, use_last_error: bool = False) -> Type[_CFuncPtr]:
    """The type of pointers to functions with this result (None: none) and these parameters.

    Called with a Python function it makes a callback, which is good as long as it is kept; with an address a function to call; with (name,
    library) a library's function."""
    for what in (*argtypes, *(() if restype is None else (restype,))):
        if not isinstance(what, CType):
            raise TypeError(f"a C function has no {what!r} among its types: types of wasmdyld.ctypes are wanted")
    key = restype, argtypes
    made: Any = _prototypes.get(key)
    if made is None:
        names = {"_restype_": restype, "_argtypes_": argtypes, "__module__": "wasmdyld.ctypes"}
        made = _prototypes[key] = FuncPtrType("CFunctionType", (_CFuncPtr,), names)
    return made  # type: ignore[no-any-return]
