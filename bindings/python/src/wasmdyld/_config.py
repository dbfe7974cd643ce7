"""The configuration that a namespace is made with."""

import os
from ctypes import c_void_p
from typing import Iterable, List, Mapping, Optional, Tuple, Union

from . import _ffi
from ._engine import EngineHandle
from ._enums import Bind, Control, Limit, Plt, RuntimePath
from ._errors import check
from ._guest import bundled
from ._library import dyld
from ._state import State
from ._text import PathLike, c_name, c_path
from ._wasi import OpenCallback, Opener, TraceCallback, Tracer, open_callback, trace_callback

Trace = Union[str, Tuple[str, TraceCallback]]


def new_config(
    state: State,
    engine: EngineHandle,
    library_paths: Iterable[PathLike],
    defaults: Optional[Iterable[PathLike]],
    preload: Iterable[PathLike],
    stack_size: Optional[int],
    bind: Optional[Bind],
    plt: Optional[Plt],
    runtime_path: Optional[RuntimePath],
    limits: Optional[Mapping[Limit, int]],
    guest_dlopen: bool,
    guest_paths: bool,
    launch_closure: bool,
    snapshots: bool,
    open: Optional[OpenCallback],
    trace: Optional[Trace],
    read_env: bool,
    control: Control,
) -> c_void_p:
    """A C configuration, for wasm_dyld_new to take."""
    config = c_void_p(dyld.wasm_dyld_config_new())
    try:
        if engine.library:
            check(dyld.wasm_dyld_config_set_engine, config, engine.library)
        if read_env:
            check(dyld.wasm_dyld_config_read_env, config)
        state.default_paths = set_search(config, library_paths, defaults, preload)
        check(dyld.wasm_dyld_config_set_control, config, int(control))
        set_layout(config, stack_size, bind)
        if plt is not None:
            check(dyld.wasm_dyld_config_set_plt, config, int(plt))
        if runtime_path is not None:
            check(dyld.wasm_dyld_config_set_runtime_path, config, int(runtime_path))
        for limit, value in (limits or {}).items():
            check(dyld.wasm_dyld_config_set_limit, config, int(limit), _natural(value, f"the limit {limit!r}"))
        guest = 0 if guest_dlopen else _ffi.WASM_DYLD_GUEST_NO_DLOPEN
        guest |= _ffi.WASM_DYLD_GUEST_SEES_PATHS if guest_paths else 0
        check(dyld.wasm_dyld_config_set_guest, config, guest)
        if not launch_closure:
            check(dyld.wasm_dyld_config_set_launch, config, _ffi.WASM_DYLD_LAUNCH_NO_CLOSURE)
        if snapshots:
            check(dyld.wasm_dyld_config_set_snapshots, config, True)
        none = _ffi.wasm_dyld_finalizer_t()
        if open is not None:
            check(dyld.wasm_dyld_config_set_open, config, open_callback, Opener(state, open).number, none)
        if trace is not None:
            categories, say = (trace, None) if isinstance(trace, str) else trace
            callback = _ffi.wasm_dyld_trace_callback_t() if say is None else trace_callback
            number = None if say is None else Tracer(state, say).number
            check(dyld.wasm_dyld_config_set_trace, config, c_name(categories, "the list of categories"), callback, number, none)
    except BaseException:
        dyld.wasm_dyld_config_delete(config)
        raise
    return config


def set_search(
    config: c_void_p, library_paths: Iterable[PathLike], defaults: Optional[Iterable[PathLike]], preload: Iterable[PathLike]
) -> List[str]:
    """Says where libraries are; gives the folders that are searched last."""
    for folder in several(library_paths, "library_paths"):
        check(dyld.wasm_dyld_config_add_library_path, config, c_path(folder, "a folder of library_paths"))
    last = [os.fsdecode(folder) for folder in several(bundled() if defaults is None else defaults, "default_paths")]
    for folder in last:
        check(dyld.wasm_dyld_config_add_default_path, config, c_path(folder, "a folder of default_paths"))
    for name in several(preload, "preload"):
        check(dyld.wasm_dyld_config_add_preload, config, c_path(name, "a name of preload"))
    return last


def set_layout(config: c_void_p, stack_size: Optional[int], bind: Optional[Bind]) -> None:
    if stack_size is not None:
        check(dyld.wasm_dyld_config_set_stack_size, config, _natural(stack_size, "stack_size"))
    if bind is not None:
        check(dyld.wasm_dyld_config_set_bind, config, int(bind))


def several(texts: Iterable[PathLike], what: str) -> Iterable[PathLike]:
    """Names or paths."""
    # A single one is a sequence too, of its characters.
    if isinstance(texts, (str, bytes, os.PathLike)):
        raise TypeError(f"{what} takes a list, and is {texts!r} alone: give [{texts!r}]")
    return texts


def _natural(number: int, what: str) -> int:
    if not 0 <= number < 1 << 64:
        raise OverflowError(f"{what} is {number}")
    return number
