"""Finds libwasmdyld.so and gives its functions. Nothing is looked up before it is called."""

import ctypes
import os
from pathlib import Path
from typing import Any, Callable, Tuple

from ._ffi import PROTOTYPES, Functions
from ._text import Text
from ._version import __version__

VARIABLE = "WASMDYLD_LIBRARY"
BUNDLED = Path(__file__).with_name("libwasmdyld.so")

Find = Callable[[str, Tuple[Any, ...]], Any]


class LazyFunctions(Functions):
    """Functions that are looked up when they are first used: an engine need not have all that this package declares."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def __getattr__(self, name: str) -> Any:
        prototype = PROTOTYPES.get(name)
        if prototype is None:
            raise AttributeError(name)
        function = self._find(name, prototype)
        setattr(self, name, function)
        return function


def library_path() -> str:
    """The path of the library: that of WASMDYLD_LIBRARY, else the one in the package."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        # A bare name is the loader's to find.
        return os.path.abspath(chosen) if os.sep in chosen else chosen
    if BUNDLED.exists():
        return str(BUNDLED)
    raise ImportError(f"wasmdyld was installed without libwasmdyld.so ({BUNDLED}); set {VARIABLE} to the path of one")


def open_library() -> Functions:
    path = library_path()
    try:
        # RTLD_LOCAL, so that its wasm.h is nobody else's.
        library = ctypes.CDLL(path)
        version = ctypes.CFUNCTYPE(ctypes.c_char_p)(("wasm_dyld_version", library))
    except (OSError, AttributeError) as error:
        raise ImportError(f"cannot load {path}: {error}") from error
    found = version().decode()
    if found.split(".")[:2] != __version__.split(".")[:2]:
        raise ImportError(f"{path} is version {found}; this package is for {__version__}")

    def find(name: str, prototype: Tuple[Any, ...]) -> Any:
        # One of our own: `library[name]` would be shared, and its types with it.
        function = library[name]
        function.restype = prototype[0]
        function.argtypes = [Text if kind is ctypes.c_char_p else kind for kind in prototype[1:]]
        return function

    return LazyFunctions(find)


dyld = open_library()


def version() -> str:
    """The version of the library that is used, such as "0.1.0"."""
    return (dyld.wasm_dyld_version() or b"").decode()
