"""Engines: the bundled one, or one in a shared library of its own."""

import ctypes
import threading
import weakref
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Tuple, Union

from . import _ffi
from ._errors import Closed, Unsupported, check, text
from ._ffi import Functions
from ._library import LazyFunctions, dyld
from ._text import PathLike, c_name, c_path


@dataclass(frozen=True)
class EngineDescription:
    """What an engine is like that this library does not know by name; see wasm_dyld_engine_description_t."""

    name: str
    import_order_is_declared: bool = False
    validation_is_final: bool = False
    instance_outlives_handle: bool = False
    trap_cause: Optional[Callable[[str], str]] = None
    """Takes the reason out of a trap's text."""
    last_error: Optional[Callable[[], str]] = None
    """What the engine refused last on this thread."""


class EngineHandle:
    """The engine itself. It goes when neither the Engine nor a namespace needs it any more."""

    def __init__(
        self,
        path: Optional[PathLike],
        cache: Union[bool, PathLike],
        description: Optional[EngineDescription],
    ) -> None:
        library, engine = c_void_p(), c_void_p()
        config = c_void_p(dyld.wasm_dyld_config_new())
        try:
            if path is not None:
                check(dyld.wasm_dyld_engine_open, c_path(path, "the engine library"), byref(library))
                check(dyld.wasm_dyld_config_set_engine, config, library)
            if description is not None:
                describe(library, description)
            if cache is not False:
                folder = None if cache is True else c_path(cache, "the cache folder")
                check(dyld.wasm_dyld_config_set_engine_cache, config, folder)
            check(dyld.wasm_dyld_engine_new, config, byref(engine))
        except BaseException:
            dyld.wasm_dyld_engine_close(library)
            raise
        finally:
            dyld.wasm_dyld_config_delete(config)
        self.library = library
        self.engine = engine
        self.api = functions(library)
        weakref.finalize(self, delete, self.api, engine, library)

    @property
    def name(self) -> str:
        return text(dyld.wasm_dyld_engine_name(self.library)) if self.library else "bundled"


def delete(api: Functions, engine: c_void_p, library: c_void_p) -> None:
    api.wasm_engine_delete(engine)
    dyld.wasm_dyld_engine_close(library)


class Engine:
    """An engine for namespaces. Several may share one, on any threads.

    `library` is a shared library with the functions of wasm.h ("libwasmi.so", or a path), whose code runs in this process; without
    it, it is the engine that the linker's library has inside. `cache` keeps compiled code between processes, for engines that
    can: True in a folder of the engine's choice, or a path. What is in there runs as machine code; nobody else may write to it.
    """

    def __init__(
        self,
        library: Optional[PathLike] = None,
        *,
        cache: Union[bool, PathLike] = False,
        description: Optional[EngineDescription] = None,
    ) -> None:
        self._handle: Optional[EngineHandle] = EngineHandle(library, cache, description)
        self._name = self._handle.name

    @property
    def name(self) -> str:
        """What engine it is: "wasmtime", "wasmer", "wasmi", "wasm.h" for one that is unknown; "bundled"."""
        return self._name

    def _open(self) -> EngineHandle:
        if self._handle is None:
            raise Closed("the engine is closed")
        return self._handle

    def close(self) -> None:
        """Makes no more namespaces. The engine goes with the last of those that it has."""
        self._handle = None

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<wasmdyld.Engine {self.name}{' (closed)' if self._handle is None else ''}>"


def functions(library: c_void_p) -> Functions:
    """An engine's functions of wasm.h."""
    if not library:
        return dyld

    def find(name: str, prototype: Tuple[Any, ...]) -> Any:
        address = dyld.wasm_dyld_engine_function(library, c_name(name))
        if not address:
            raise Unsupported(f"the engine {text(dyld.wasm_dyld_engine_name(library))} has no {name}")
        return ctypes.CFUNCTYPE(*prototype)(address)

    return LazyFunctions(find)


# Descriptions stay good for the rest of the process.
_kept: List[Any] = []


def describe(library: c_void_p, description: EngineDescription) -> None:
    def callback(answer: Optional[Callable[[str], str]]) -> Any:
        if answer is None:
            return _ffi.wasm_dyld_text_callback_t()
        ask = answer

        def write(env: object, about: Optional[bytes], buffer: int, size: int) -> int:
            try:
                said = ask(text(about)).encode()[:size]
            except Exception:  # What it would have added is a text of an error.
                return 0
            ctypes.memmove(buffer, said, len(said))
            return len(said)

        return _ffi.wasm_dyld_text_callback_t(write)

    last = description.last_error
    flags = {
        _ffi.WASM_DYLD_ENGINE_DECLARED_ORDER: description.import_order_is_declared,
        _ffi.WASM_DYLD_ENGINE_FINAL_VALIDATION: description.validation_is_final,
        _ffi.WASM_DYLD_ENGINE_LASTING_INSTANCES: description.instance_outlives_handle,
    }
    says = _ffi.wasm_dyld_engine_description_t(
        size=ctypes.sizeof(_ffi.wasm_dyld_engine_description_t),
        name=c_name(description.name, "the engine's name"),
        flags=sum(flag for flag, is_true in flags.items() if is_true),
        trap_cause=callback(description.trap_cause),
        last_error=callback(None if last is None else lambda _: last()),
    )
    check(dyld.wasm_dyld_engine_describe, library, byref(says))
    _kept.append(says)


_default: Optional[Engine] = None
_lock = threading.Lock()


def engine_of(engine: Union[Engine, PathLike, None]) -> EngineHandle:
    """What a namespace is asked to run on. Those that are not asked share one engine."""
    global _default
    if isinstance(engine, Engine):
        return engine._open()
    if engine is not None:
        return Engine(engine)._open()
    with _lock:
        if _default is None:
            _default = Engine()
        return _default._open()
