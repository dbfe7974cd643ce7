"""One module of a program and its libraries."""

import ctypes
import json
from ctypes import POINTER, byref, c_char_p, c_void_p, cast
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

from . import _ffi
from ._config import set_layout, set_search, several
from ._engine import engine_of
from ._enums import Bind, RuntimePath
from ._errors import check
from ._library import dyld
from ._state import State, nanoseconds
from ._text import Buffer, PathLike, c_bytes, c_name, c_path
from ._wasi import Wasi


@dataclass(frozen=True)
class Linked:
    """A module in which nothing is left to link."""

    bytes: bytes
    map: Dict[str, Any]
    """Where each object's data, slots and functions are."""
    warnings: Tuple[str, ...]
    """What is lost or unwise, for people."""


def link(
    file: PathLike,
    data: Optional[Buffer] = None,
    *,
    library_paths: Iterable[PathLike] = (),
    default_paths: Optional[Iterable[PathLike]] = None,
    preload: Iterable[PathLike] = (),
    stack_size: Optional[int] = None,
    bind: Optional[Bind] = None,
    runtime_path: Optional[RuntimePath] = None,
    exports: Iterable[str] = (),
    keep: Iterable[str] = (),
    imports: Iterable[str] = (),
    gc: bool = True,
    names: bool = True,
    debug: bool = False,
    no_dlopen: bool = False,
    library: bool = False,
    dynamic: bool = False,
    snapshot: Union[bool, str] = False,
    wasi: Optional[Wasi] = None,
    timeout: Optional[float] = None,
    budget: Optional[int] = None,
    component: bool = False,
    wit: Optional[PathLike] = None,
    world: Optional[str] = None,
) -> Linked:
    """Makes one module of a program and all libraries that it needs, which any engine runs without this package. Guest code runs for a snapshot alone.

    A name with a slash is a path, one without is searched; with `data` it is what these bytes are called. A library becomes a reactor,
    whose `_initialize` its host calls first; with `library` a program is an error.

    `exports` are symbols that the module exports beside its entry and a library's own; `keep` stay whether anything reaches them or not;
    `imports`, as "MODULE" or "MODULE.NAME", are left to the module's host, beside WASI. Without `gc` all stays that nothing reaches, without
    `names` functions have none. With `debug` the debug information of the objects (DWARF) is kept, for which there can be no snapshot. With `no_dlopen` dlopen and its like fail when they are called; otherwise a program that calls them is an error.
    With `dynamic` the module keeps what is known of its objects: a Namespace that loads it knows them as objects, and opens more libraries beside
    them.

    With `snapshot` the program is run first, and the module begins with the memory that it has then, and goes on with main: until everything is
    constructed (True), until main calls wasmdyld_snapshot of <wasmdyld/snapshot.h> ("ready"), or until the function of this name, called after the constructors,
    has returned. `wasi` is what it sees until then, by default nothing; `timeout`, in seconds, and `budget`, in units, bound it. Files that are open then are an error
    that names them. An exception of a stream's function is raised.

    `component` makes a component of WASI 0.2: a command of a program, of a library what `wit`, a file or the folder of a package, says in its world `world`.
    The others are as for a Namespace, and so are the errors.
    """
    wanted = _Lists()
    flags = 0 if gc else _ffi.WASM_DYLD_LINK_NO_GC
    flags |= 0 if names else _ffi.WASM_DYLD_LINK_STRIP
    flags |= _ffi.WASM_DYLD_LINK_DEBUG if debug else 0
    flags |= _ffi.WASM_DYLD_LINK_NO_DLOPEN if no_dlopen else 0
    flags |= _ffi.WASM_DYLD_LINK_LIBRARY if library else 0
    flags |= _ffi.WASM_DYLD_LINK_DYNAMIC if dynamic else 0
    flags |= _ffi.WASM_DYLD_LINK_COMPONENT if component else 0
    warnings: List[str] = []
    options = _ffi.wasm_dyld_link_options_t(
        size=ctypes.sizeof(_ffi.wasm_dyld_link_options_t),
        file=c_path(file, "the name"),
        flags=flags,
        warning=_ffi.wasm_dyld_warning_callback_t(lambda env, text: warnings.append(text.decode())),
    )
    if data is not None:
        whole = c_bytes(data)
        options.bytes, options.bytes_size = cast(c_char_p(whole), c_void_p), len(whole)
    if not isinstance(snapshot, (bool, str)):
        raise TypeError(f"snapshot is True or a name, not {type(snapshot).__name__}")
    wasi = wasi or None
    point = snapshot if isinstance(snapshot, str) else "" if snapshot else None
    if point is None and (wasi, timeout, budget) != (None, None, None):
        raise TypeError("wasi, timeout and budget are for what is run for a snapshot, which is not asked for")
    options.snapshot = None if point is None else c_name(point, "the snapshot")
    options.timeout, options.budget = nanoseconds(timeout), _units(budget)
    options.wit = None if wit is None else c_path(wit, "WIT")
    options.world = None if world is None else c_name(world, "the world")
    options.exports, options.export_count = wanted.add(exports, "exports")
    options.keep, options.keep_count = wanted.add(keep, "keep")
    options.imports, options.import_count = wanted.add(imports, "imports")
    module, table = _ffi.wasm_byte_vec_t(), _ffi.wasm_byte_vec_t()
    config = c_void_p(dyld.wasm_dyld_config_new())
    try:
        set_search(config, library_paths, default_paths, preload)
        set_layout(config, stack_size, bind)
        if runtime_path is not None:
            check(dyld.wasm_dyld_config_set_runtime_path, config, int(runtime_path))
        arguments = config, byref(options), byref(module), byref(table)
        if wasi is None:
            check(dyld.wasm_dyld_link, *arguments)
        else:
            _link_seeing(wasi, options, arguments)
        made = ctypes.string_at(module.data, module.size)
        described = json.loads(ctypes.string_at(table.data, table.size))
    finally:
        dyld.wasm_dyld_config_delete(config)
        dyld.wasm_byte_vec_delete(byref(module))
        dyld.wasm_byte_vec_delete(byref(table))
    return Linked(made, described, tuple(warnings))


def _link_seeing(wasi: Wasi, options: Any, arguments: Tuple[Any, ...]) -> None:
    """Links by `options` with this WASI, whose functions may have raised something."""
    state = State(engine_of(None))
    handle = c_void_p(dyld.wasm_dyld_wasi_new())
    try:
        wasi._fill(handle, state)
        options.wasi = handle
        state.call_prepared(dyld.wasm_dyld_link, *arguments)
    finally:
        dyld.wasm_dyld_wasi_delete(handle)
        state.close()


def _units(budget: Optional[int]) -> int:
    """As C counts: 0 is no bound."""
    if budget is None:
        return 0
    if not 0 < budget < 1 << 64:
        raise OverflowError(f"a budget of {budget}")
    return budget


class _Lists:
    """Lists of strings as C takes them; they stay as long as this does."""

    def __init__(self) -> None:
        self._kept: List[Any] = []

    def add(self, texts: Iterable[str], what: str) -> Tuple[Any, int]:
        raw = [c_name(str(text), f"a name of {what}") for text in several(texts, what)]
        array = (c_char_p * len(raw))(*raw)
        self._kept.append(array)
        return cast(array, POINTER(c_char_p)), len(raw)
