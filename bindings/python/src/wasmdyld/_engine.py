"""Engines: the bundled one, or one in a shared library of its own."""

import ctypes
import itertools
import sys
import threading
import weakref
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from . import _ffi
from ._enums import Control
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


@dataclass(frozen=True)
class CodeStore:
    """A place for compiled code that a fleet shares: an object store, a cache server.

    **What comes from there is run as machine code.** Either nobody else can write to it, or the hosts share a `secret` of at least 16
    bytes, by which they seal what they keep there; whoever knows it can run what he likes. Both functions are called by whichever
    thread loads something, and by several at once. What they raise is shown by sys.excepthook and is as if they had found or kept
    nothing.
    """

    get: Callable[[str], Optional[bytes]]
    """Gives the file of this name (64 hexadecimal digits), or None."""
    put: Optional[Callable[[str, bytes], Any]] = None
    """Keeps a file, in the place of one of its name. Without it nothing is kept."""
    secret: Optional[bytes] = None


# By number; C gives them up.
_stores: Dict[int, CodeStore] = {}
_numbers = itertools.count(1)


def get_code(env: Optional[int], name: bytes, give: Any, to: Any) -> int:
    try:
        found = _stores[env or 0].get(name.decode())
        if found is None:
            return 1
        give(to, bytes(found), len(found))
        return 0
    except BaseException as error:
        unraisable(error)
        return -1


def put_code(env: Optional[int], name: bytes, data: Optional[int], size: int) -> None:
    try:
        put = _stores[env or 0].put
        if put is not None:
            put(name.decode(), ctypes.string_at(data or 0, size))
    except BaseException as error:
        unraisable(error)


def forget_store(env: Optional[int]) -> None:
    _stores.pop(env or 0, None)


def unraisable(error: BaseException, where: str = "a CodeStore") -> None:
    """Nobody is there to catch it: as the interpreter tells of an error in a finalizer."""
    print(f"wasmdyld: in {where}:", file=sys.stderr)
    sys.excepthook(type(error), error, error.__traceback__)


get_callback = _ffi.wasm_dyld_kept_get_callback_t(get_code)
put_callback = _ffi.wasm_dyld_kept_put_callback_t(put_code)
forget_callback = _ffi.wasm_dyld_finalizer_t(forget_store)


def set_store(config: c_void_p, store: CodeStore) -> None:
    number = next(_numbers)
    _stores[number] = store
    put = put_callback if store.put is not None else _ffi.wasm_dyld_kept_put_callback_t()
    secret = store.secret
    try:
        check(
            dyld.wasm_dyld_config_set_code_store,
            config,
            get_callback,
            put,
            secret,
            0 if secret is None else len(secret),
            number,
            forget_callback,
        )
    except BaseException:
        _stores.pop(number)
        raise


class EngineHandle:
    """The engine itself. It goes when neither the Engine nor a namespace needs it any more."""

    def __init__(
        self,
        path: Optional[PathLike],
        cache: Union[bool, PathLike],
        description: Optional[EngineDescription],
        prebuilt: Sequence[PathLike],
        store: Optional[CodeStore],
        interruptible: bool,
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
            for built in prebuilt:
                check(dyld.wasm_dyld_config_add_prebuilt_cache, config, c_path(built, "the cache folder"))
            if store is not None:
                set_store(config, store)
            if interruptible:
                check(dyld.wasm_dyld_config_set_control, config, int(Control.INTERRUPT_BY_ENGINE))
            check(dyld.wasm_dyld_engine_new, config, byref(engine))
        except BaseException:
            dyld.wasm_dyld_engine_close(library)
            raise
        finally:
            dyld.wasm_dyld_config_delete(config)
        self.library = library
        self.interruptible = interruptible and path is None
        # The bundled engine reserves all that a memory can grow to; others may put one that grows elsewhere.
        self.moves_memory = path is not None
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
    `prebuilt` are folders that somebody has filled before, which are read only; `store` is a place that a fleet shares.
    `interruptible` has the bundled engine check by itself whether guests are to stop: that is what Ctrl-C and time-outs take. It costs
    13 to 20 % of the guests' time, also of those that nobody stops, and nothing when they are loaded. With False, namespaces with
    `control=Control.INTERRUPT` put checks into their modules, which cost less while these run, and more when they are loaded.
    """

    def __init__(
        self,
        library: Optional[PathLike] = None,
        *,
        cache: Union[bool, PathLike] = False,
        description: Optional[EngineDescription] = None,
        prebuilt: Sequence[PathLike] = (),
        store: Optional[CodeStore] = None,
        interruptible: bool = True,
    ) -> None:
        self._handle: Optional[EngineHandle] = EngineHandle(library, cache, description, prebuilt, store, interruptible)
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
