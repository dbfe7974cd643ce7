"""Libraries."""

import os
from typing import Any, List, Optional, Union

from .._enums import RTLD_LOCAL
from .._errors import Error, NotFound, SymbolNotFound
from .._function import Function
from .._namespace import Namespace
from .._objects import Library
from ._function import _CFuncPtr
from ._space import core_in_use, namespace as namespace_in_use

DEFAULT_MODE = RTLD_LOCAL


class LoadError(Error, OSError):
    """A library cannot be loaded: what ctypes raises OSError for."""


class CDLL:
    """A library to call: `CDLL("libz.so")`, or `CDLL(ns.load("libz.so"))`. Its functions are attributes, which keep their argtypes and restype.

    It is loaded into `namespace`, else into the one in use. With None in place of a name, names are looked up in the global scope.
    """

    _FuncPtr: Any = _CFuncPtr

    def __init__(
        self,
        name: Union[str, "os.PathLike[str]", Library, None],
        mode: int = DEFAULT_MODE,
        handle: Optional[int] = None,
        use_errno: bool = False,
        use_last_error: bool = False,
        winmode: Optional[int] = None,
        *,
        namespace: Optional[Namespace] = None,
    ) -> None:
        self._library: Optional[Library] = None
        self._namespace: Optional[Namespace] = None
        if handle is not None:
            raise TypeError("a handle alone does not tell its namespace: CDLL(library) takes what Namespace.load gave")
        if isinstance(name, Library):
            self._library, self._name = name, name.object.name
        else:
            self._namespace = namespace_in_use() if namespace is None else namespace
            self._name = "the global scope" if name is None else os.fspath(name)
            if name is not None:
                try:
                    self._library = self._namespace.load(name, mode)
                except NotFound as error:
                    raise LoadError(error.message, error.code, error.undefined) from error
                except Error as error:
                    if type(error).__name__ in ("Closed", "WrongThread", "Busy"):
                        raise
                    raise LoadError(error.message, error.code, error.undefined, error.exit_code, error.frames) from error
        self._handle = 0 if self._library is None else self._library.object.handle

    def _find(self, name: str) -> Function:
        if self._library is not None:
            return self._library.function(name)
        if self._namespace is None:
            raise AttributeError(name)
        return self._namespace.function(name)

    @property
    def _core(self) -> Any:
        return self._namespace._core if self._library is None and self._namespace is not None else self._library._core  # type: ignore[union-attr]

    def address(self, name: str) -> int:
        """Where a datum is in memory."""
        if self._library is not None:
            return self._library.address(name)
        return int(self._core.value(None, name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        try:
            found = self[name]
        except SymbolNotFound as error:
            if self._library is None:
                raise
            raise self._library._meant(name, error) from None
        setattr(self, name, found)
        return found

    def __dir__(self) -> List[str]:
        return sorted({*super().__dir__(), *(() if self._library is None else dir(self._library))})

    def __getitem__(self, name: str) -> Any:
        """A function by its name: a new object each time, with types of its own."""
        made = self._FuncPtr()
        made._lead(self._find(name), name)
        return made

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"


class LibraryLoader:
    """Libraries as attributes or items: `cdll["libz.so"]`."""

    def __init__(self, type: Any) -> None:
        self._dlltype = type

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._dlltype(name)
        setattr(self, name, found)
        return found

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def LoadLibrary(self, name: str) -> Any:
        """Loads a library."""
        return self._dlltype(name)


cdll = LibraryLoader(CDLL)


def errno_address() -> int:
    core = core_in_use()
    for scope in (None, *core.objects()):
        try:
            return core.value(scope, "errno")
        except NotFound:
            continue
    raise NotFound("no object of the namespace in use has errno: it is the guest's libc's")


def get_errno() -> int:
    """The guest's errno, in the namespace in use."""
    core = core_in_use()
    return int(core.memory.unpack("<i", errno_address())[0])


def set_errno(value: int) -> int:
    """Sets the guest's errno; gives what it was."""
    before = get_errno()
    core_in_use().memory.pack("<i", errno_address(), value)
    return before
