"""The C interface: wasmdyld.h, and what is used of wasm.h. Written by ci/generate.py; do not edit."""

from ctypes import CFUNCTYPE, POINTER, Structure, Union, c_bool, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_uint8, c_void_p
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple

WASM_CONST = 0
WASM_VAR = 1
WASM_I32 = 0
WASM_I64 = 1
WASM_F32 = 2
WASM_F64 = 3
WASM_EXTERNREF = 128
WASM_FUNCREF = 129
WASM_DYLD_OK = 0
WASM_DYLD_INVALID_ARGUMENT = 1
WASM_DYLD_NOT_FOUND = 2
WASM_DYLD_IO = 3
WASM_DYLD_MALFORMED = 4
WASM_DYLD_UNSUPPORTED = 5
WASM_DYLD_UNDEFINED_SYMBOL = 6
WASM_DYLD_TYPE_MISMATCH = 7
WASM_DYLD_LIMIT = 8
WASM_DYLD_ENGINE = 9
WASM_DYLD_TRAP = 10
WASM_DYLD_EXIT = 11
WASM_DYLD_BUSY = 12
WASM_DYLD_INTERNAL = 13
WASM_DYLD_INTERRUPTED = 14
WASM_DYLD_TIMED_OUT = 15
WASM_DYLD_OUT_OF_BUDGET = 16
WASM_DYLD_FUNC = 0
WASM_DYLD_DATA = 1
WASM_DYLD_NUMBER = 2
WASM_DYLD_BIND_NOW = 0
WASM_DYLD_BIND_LAZY = 1
WASM_DYLD_PLT_AUTO = 0
WASM_DYLD_PLT_WASM = 1
WASM_DYLD_PLT_HOST = 2
WASM_DYLD_RUNTIME_PATH_OFF = 0
WASM_DYLD_RUNTIME_PATH_ORIGIN = 1
WASM_DYLD_RUNTIME_PATH_ANY = 2
WASM_DYLD_CONTROL_NONE = 0
WASM_DYLD_CONTROL_INTERRUPT = 1
WASM_DYLD_CONTROL_BUDGET = 2
WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE = 3
WASM_DYLD_LIMIT_MEMORY_PAGES = 0
WASM_DYLD_LIMIT_TABLE_SLOTS = 1
WASM_DYLD_LIMIT_OBJECTS = 2
WASM_DYLD_LIMIT_NESTING = 3
WASM_DYLD_LIMIT_HOST_MEMORY = 4
WASM_DYLD_LAZY = 1
WASM_DYLD_NOW = 2
WASM_DYLD_NOLOAD = 4
WASM_DYLD_LOCAL = 8
WASM_DYLD_GLOBAL = 256
WASM_DYLD_NODELETE = 4096
WASM_DYLD_DEEPBIND = 16384
WASM_DYLD_PROGRAM = 65536
WASM_DYLD_OVERRIDE = 1
WASM_DYLD_GUEST_NO_DLOPEN = 1
WASM_DYLD_GUEST_SEES_PATHS = 2
WASM_DYLD_LAUNCH_NO_CLOSURE = 1
WASM_DYLD_LINK_NO_GC = 1
WASM_DYLD_LINK_STRIP = 2
WASM_DYLD_LINK_NO_DLOPEN = 4
WASM_DYLD_LINK_LIBRARY = 8
WASM_DYLD_LINK_DYNAMIC = 16
WASM_DYLD_LINK_COMPONENT = 32
WASM_DYLD_LINK_DEBUG = 64
WASM_DYLD_SNAPSHOT_OPEN_FILES = 1
WASM_DYLD_FOLDER_READ_ONLY = 1
WASM_DYLD_FOLDER_READ_WRITE = 2
WASM_DYLD_KIND_FILE = 1
WASM_DYLD_KIND_FOLDER = 2
WASM_DYLD_KIND_LINK = 3
WASM_DYLD_OPEN_WRITE = 1
WASM_DYLD_OPEN_CREATE = 2
WASM_DYLD_OPEN_TRUNCATE = 4
WASM_DYLD_CLOCK_REALTIME = 0
WASM_DYLD_CLOCK_MONOTONIC = 1
WASM_DYLD_ENGINE_DECLARED_ORDER = 1
WASM_DYLD_ENGINE_FINAL_VALIDATION = 2
WASM_DYLD_ENGINE_LASTING_INSTANCES = 4


wasm_dyld_open_callback_t = CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_void_p), POINTER(c_size_t))


wasm_dyld_finalizer_t = CFUNCTYPE(None, c_void_p)


wasm_dyld_trace_callback_t = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)


wasm_dyld_kept_give_t = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)


wasm_dyld_kept_get_callback_t = CFUNCTYPE(c_int32, c_void_p, c_char_p, wasm_dyld_kept_give_t, c_void_p)


wasm_dyld_kept_put_callback_t = CFUNCTYPE(None, c_void_p, c_char_p, c_void_p, c_size_t)


wasm_dyld_text_callback_t = CFUNCTYPE(c_size_t, c_void_p, c_char_p, c_void_p, c_size_t)


class wasm_dyld_engine_description_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("flags", c_uint32),
        ("trap_cause", wasm_dyld_text_callback_t),
        ("last_error", wasm_dyld_text_callback_t),
        ("env", c_void_p),
    ]
    if TYPE_CHECKING:
        size: int
        name: Optional[bytes]
        flags: int
        trap_cause: Any
        last_error: Any
        env: Any


class wasm_val_t_of(Union):
    _fields_ = [
        ("i32", c_int32),
        ("i64", c_int64),
        ("f32", c_float),
        ("f64", c_double),
        ("ref", c_void_p),
    ]
    if TYPE_CHECKING:
        i32: int
        i64: int
        f32: float
        f64: float
        ref: Optional[int]


class wasm_val_t(Structure):
    _fields_ = [
        ("kind", c_uint8),
        ("of", wasm_val_t_of),
    ]
    if TYPE_CHECKING:
        kind: int
        of: wasm_val_t_of


class wasm_val_vec_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("data", POINTER(wasm_val_t)),
    ]
    if TYPE_CHECKING:
        size: int
        data: Any


wasm_dyld_func_callback_t = CFUNCTYPE(c_void_p, c_void_p, c_void_p, POINTER(wasm_val_t), POINTER(wasm_val_t))


wasm_dyld_prepare_callback_t = CFUNCTYPE(c_void_p, c_void_p, c_void_p)


wasm_dyld_watcher_callback_t = CFUNCTYPE(c_bool, c_void_p)


wasm_dyld_warning_callback_t = CFUNCTYPE(None, c_void_p, c_char_p)


class wasm_dyld_link_options_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("file", c_char_p),
        ("bytes", c_void_p),
        ("bytes_size", c_size_t),
        ("exports", POINTER(c_char_p)),
        ("export_count", c_size_t),
        ("keep", POINTER(c_char_p)),
        ("keep_count", c_size_t),
        ("imports", POINTER(c_char_p)),
        ("import_count", c_size_t),
        ("flags", c_uint32),
        ("warning", wasm_dyld_warning_callback_t),
        ("env", c_void_p),
        ("snapshot", c_char_p),
        ("wasi", c_void_p),
        ("timeout", c_uint64),
        ("budget", c_uint64),
        ("wit", c_char_p),
        ("world", c_char_p),
    ]
    if TYPE_CHECKING:
        size: int
        file: Optional[bytes]
        bytes: Any
        bytes_size: int
        exports: Any
        export_count: int
        keep: Any
        keep_count: int
        imports: Any
        import_count: int
        flags: int
        warning: Any
        env: Any
        snapshot: Optional[bytes]
        wasi: Optional[int]
        timeout: int
        budget: int
        wit: Optional[bytes]
        world: Optional[bytes]


class wasm_byte_vec_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("data", c_void_p),
    ]
    if TYPE_CHECKING:
        size: int
        data: Any


class wasm_dyld_column_t(Structure):
    _fields_ = [
        ("address", c_uint64),
        ("stride", c_uint64),
    ]
    if TYPE_CHECKING:
        address: int
        stride: int


wasm_dyld_symbol_callback_t = CFUNCTYPE(None, c_void_p, c_char_p, c_uint32)


wasm_dyld_read_callback_t = CFUNCTYPE(c_int64, c_void_p, c_void_p, c_size_t)


wasm_dyld_write_callback_t = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)


class wasm_dyld_file_stat_t(Structure):
    _fields_ = [
        ("kind", c_uint32),
        ("size", c_uint64),
        ("inode", c_uint64),
        ("accessed", c_uint64),
        ("modified", c_uint64),
        ("changed", c_uint64),
    ]
    if TYPE_CHECKING:
        kind: int
        size: int
        inode: int
        accessed: int
        modified: int
        changed: int


class wasm_dyld_folder_callbacks_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("stat", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(wasm_dyld_file_stat_t))),
        ("open", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_uint32, POINTER(c_uint64))),
        ("read", CFUNCTYPE(c_int64, c_void_p, c_uint64, c_void_p, c_size_t, c_uint64)),
        ("entry", CFUNCTYPE(c_int64, c_void_p, c_char_p, c_uint64, c_void_p, c_size_t)),
        ("close", CFUNCTYPE(None, c_void_p, c_uint64)),
        ("stat_open", CFUNCTYPE(c_int32, c_void_p, c_uint64, POINTER(wasm_dyld_file_stat_t))),
        ("write", CFUNCTYPE(c_int64, c_void_p, c_uint64, c_void_p, c_size_t, c_uint64)),
        ("set_size", CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64)),
        ("sync", CFUNCTYPE(c_int32, c_void_p, c_uint64)),
        ("create_folder", CFUNCTYPE(c_int32, c_void_p, c_char_p)),
        ("remove_folder", CFUNCTYPE(c_int32, c_void_p, c_char_p)),
        ("remove_file", CFUNCTYPE(c_int32, c_void_p, c_char_p)),
        ("rename", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p)),
        ("read_link", CFUNCTYPE(c_int64, c_void_p, c_char_p, c_void_p, c_size_t)),
        ("make_link", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p)),
        ("set_times", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_uint64, c_uint64)),
    ]
    if TYPE_CHECKING:
        size: int
        stat: Any
        open: Any
        read: Any
        entry: Any
        close: Any
        stat_open: Any
        write: Any
        set_size: Any
        sync: Any
        create_folder: Any
        remove_folder: Any
        remove_file: Any
        rename: Any
        read_link: Any
        make_link: Any
        set_times: Any


class wasm_dyld_clock_callbacks_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("realtime", CFUNCTYPE(c_int32, c_void_p, POINTER(c_uint64))),
        ("monotonic", CFUNCTYPE(c_int32, c_void_p, POINTER(c_uint64))),
        ("resolution", CFUNCTYPE(c_int32, c_void_p, c_uint32, POINTER(c_uint64))),
        ("sleep", CFUNCTYPE(c_int32, c_void_p, c_uint64)),
    ]
    if TYPE_CHECKING:
        size: int
        realtime: Any
        monotonic: Any
        resolution: Any
        sleep: Any


wasm_dyld_random_callback_t = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)


class wasm_valtype_vec_t(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("data", POINTER(c_void_p)),
    ]
    if TYPE_CHECKING:
        size: int
        data: Any


wasm_func_callback_with_env_t = CFUNCTYPE(c_void_p, c_void_p, POINTER(wasm_val_vec_t), POINTER(wasm_val_vec_t))


# The result, then the parameters.
PROTOTYPES: Dict[str, Tuple[Any, ...]] = {
    "wasm_dyld_error_code": (c_uint32, c_void_p),
    "wasm_dyld_error_message": (c_char_p, c_void_p),
    "wasm_dyld_error_undefined_count": (c_size_t, c_void_p),
    "wasm_dyld_error_undefined_symbol": (c_char_p, c_void_p, c_size_t),
    "wasm_dyld_error_undefined_importer": (c_char_p, c_void_p, c_size_t),
    "wasm_dyld_error_undefined_wanted": (c_char_p, c_void_p, c_size_t),
    "wasm_dyld_error_exit_code": (c_bool, c_void_p, POINTER(c_int32)),
    "wasm_dyld_error_frame_count": (c_size_t, c_void_p),
    "wasm_dyld_error_frame_object": (c_char_p, c_void_p, c_size_t),
    "wasm_dyld_error_frame_function": (c_char_p, c_void_p, c_size_t),
    "wasm_dyld_error_frame_offset": (c_bool, c_void_p, c_size_t, POINTER(c_uint64)),
    "wasm_dyld_error_delete": (None, c_void_p),
    "wasm_dyld_config_new": (c_void_p,),
    "wasm_dyld_config_delete": (None, c_void_p),
    "wasm_dyld_config_add_library_path": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_config_add_default_path": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_config_add_preload": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_config_set_stack_size": (c_uint32, c_void_p, c_uint64, POINTER(c_void_p)),
    "wasm_dyld_config_set_bind": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_config_set_plt": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_config_set_runtime_path": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_config_set_limit": (c_uint32, c_void_p, c_uint32, c_uint64, POINTER(c_void_p)),
    "wasm_dyld_config_set_guest": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_config_set_launch": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_config_set_open": (c_uint32, c_void_p, wasm_dyld_open_callback_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_config_set_trace": (c_uint32, c_void_p, c_char_p, wasm_dyld_trace_callback_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_config_read_env": (c_uint32, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_config_set_engine_cache": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_engine_new": (c_uint32, c_void_p, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_config_add_prebuilt_cache": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_config_set_code_store": (c_uint32, c_void_p, wasm_dyld_kept_get_callback_t, wasm_dyld_kept_put_callback_t, c_void_p, c_size_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_engine_open": (c_uint32, c_char_p, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_engine_close": (None, c_void_p),
    "wasm_dyld_engine_name": (c_char_p, c_void_p),
    "wasm_dyld_engine_function": (c_void_p, c_void_p, c_char_p),
    "wasm_dyld_engine_describe": (c_uint32, c_void_p, POINTER(wasm_dyld_engine_description_t), POINTER(c_void_p)),
    "wasm_dyld_config_set_engine": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_version": (c_char_p,),
    "wasm_dyld_new": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_delete": (None, c_void_p),
    "wasm_dyld_define": (c_uint32, c_void_p, c_char_p, c_char_p, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_load": (c_uint32, c_void_p, c_char_p, c_uint32, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_load_bytes": (c_uint32, c_void_p, c_char_p, c_void_p, c_size_t, c_uint32, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_load_compiled": (c_uint32, c_void_p, c_char_p, c_void_p, c_void_p, c_size_t, c_uint32, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_run": (c_uint32, c_void_p, POINTER(c_int32), POINTER(c_void_p)),
    "wasm_dyld_unload": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_finish": (c_uint32, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_call": (c_uint32, c_void_p, c_void_p, POINTER(wasm_val_vec_t), POINTER(wasm_val_vec_t), POINTER(c_void_p)),
    "wasm_dyld_take_exit": (c_bool, c_void_p, POINTER(c_int32)),
    "wasm_dyld_memory": (c_uint32, c_void_p, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_table": (c_uint32, c_void_p, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_instance_count": (c_uint64, c_void_p),
    "wasm_dyld_link_map": (c_char_p, c_void_p),
    "wasm_dyld_library_path_count": (c_size_t, c_void_p),
    "wasm_dyld_library_path_at": (c_char_p, c_void_p, c_size_t),
    "wasm_dyld_define_func": (c_uint32, c_void_p, c_char_p, c_char_p, c_char_p, wasm_dyld_func_callback_t, c_void_p, wasm_dyld_finalizer_t, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_error_new": (c_void_p, c_char_p),
    "wasm_dyld_parse_type": (c_uint32, c_char_p, c_void_p, c_size_t, POINTER(c_size_t), POINTER(c_size_t), POINTER(c_void_p)),
    "wasm_dyld_read": (c_uint32, c_void_p, c_uint64, c_void_p, c_size_t, POINTER(c_void_p)),
    "wasm_dyld_write": (c_uint32, c_void_p, c_uint64, c_void_p, c_size_t, POINTER(c_void_p)),
    "wasm_dyld_read_string": (c_uint32, c_void_p, c_uint64, c_void_p, c_size_t, POINTER(c_size_t), POINTER(c_void_p)),
    "wasm_dyld_alloc": (c_uint32, c_void_p, c_uint64, POINTER(c_uint64), POINTER(c_void_p)),
    "wasm_dyld_free": (c_uint32, c_void_p, c_uint64, POINTER(c_void_p)),
    "wasm_dyld_heap": (c_void_p, c_void_p),
    "wasm_dyld_renew": (c_uint32, c_void_p, c_void_p, wasm_dyld_prepare_callback_t, c_void_p, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_instances_left": (c_uint64, c_void_p),
    "wasm_dyld_config_set_snapshots": (c_uint32, c_void_p, c_bool, POINTER(c_void_p)),
    "wasm_dyld_snapshot": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_restore": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_snapshot_serialize": (c_uint32, c_void_p, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_void_p)),
    "wasm_dyld_snapshot_deserialize": (c_uint32, c_void_p, c_size_t, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_snapshot_delete": (None, c_void_p),
    "wasm_dyld_config_set_control": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_interrupt": (c_uint32, c_void_p),
    "wasm_dyld_set_timeout": (c_uint32, c_void_p, c_uint64, POINTER(c_void_p)),
    "wasm_dyld_set_watcher": (c_uint32, c_void_p, c_uint64, wasm_dyld_watcher_callback_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_set_budget": (c_uint32, c_void_p, c_uint64, POINTER(c_void_p)),
    "wasm_dyld_budget_left": (c_uint32, c_void_p, POINTER(c_uint64), POINTER(c_void_p)),
    "wasm_dyld_link": (c_uint32, c_void_p, POINTER(wasm_dyld_link_options_t), POINTER(wasm_byte_vec_t), POINTER(wasm_byte_vec_t), POINTER(c_void_p)),
    "wasm_dyld_dlsym": (c_uint32, c_void_p, c_void_p, c_char_p, POINTER(c_uint32), POINTER(c_void_p), POINTER(c_uint64), POINTER(c_void_p)),
    "wasm_dyld_dlsym_next": (c_uint32, c_void_p, c_void_p, c_char_p, POINTER(c_uint32), POINTER(c_void_p), POINTER(c_uint64), POINTER(c_void_p)),
    "wasm_dyld_function_type": (c_uint32, c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_size_t), POINTER(c_size_t), POINTER(c_void_p)),
    "wasm_dyld_dladdr": (c_uint32, c_void_p, c_uint32, c_uint64, POINTER(c_void_p), POINTER(c_char_p), POINTER(c_uint64), POINTER(c_void_p)),
    "wasm_dyld_func_new": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_func_at": (c_uint32, c_void_p, c_uint64, c_void_p, c_size_t, c_size_t, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_func_delete": (None, c_void_p),
    "wasm_dyld_func_call": (c_uint32, c_void_p, POINTER(wasm_val_vec_t), POINTER(wasm_val_vec_t), POINTER(c_void_p)),
    "wasm_dyld_func_call_cells": (c_uint32, c_void_p, c_void_p, c_size_t, POINTER(c_void_p)),
    "wasm_dyld_call_args": (c_uint32, c_void_p, c_void_p, c_char_p, c_char_p, c_void_p, c_size_t, POINTER(c_void_p)),
    "wasm_dyld_func_call_rows": (c_uint32, c_void_p, POINTER(wasm_dyld_column_t), c_size_t, c_uint64, POINTER(c_uint64), POINTER(c_void_p)),
    "wasm_dyld_object_count": (c_size_t, c_void_p),
    "wasm_dyld_object_at": (c_void_p, c_void_p, c_size_t),
    "wasm_dyld_object_name": (c_char_p, c_void_p, c_void_p),
    "wasm_dyld_object_path": (c_char_p, c_void_p, c_void_p),
    "wasm_dyld_object_origin": (c_char_p, c_void_p, c_void_p),
    "wasm_dyld_object_opens": (c_uint32, c_void_p, c_void_p, POINTER(c_uint32), POINTER(c_uint32), POINTER(c_void_p)),
    "wasm_dyld_object_is_nodelete": (c_bool, c_void_p, c_void_p),
    "wasm_dyld_object_place": (c_uint32, c_void_p, c_void_p, POINTER(c_uint64), POINTER(c_uint64), POINTER(c_uint64), POINTER(c_uint64), POINTER(c_void_p)),
    "wasm_dyld_object_is_program": (c_bool, c_void_p, c_void_p),
    "wasm_dyld_object_is_global": (c_bool, c_void_p, c_void_p),
    "wasm_dyld_object_needed_count": (c_size_t, c_void_p, c_void_p),
    "wasm_dyld_object_needed_at": (c_void_p, c_void_p, c_void_p, c_size_t),
    "wasm_dyld_object_symbols": (c_uint32, c_void_p, c_void_p, wasm_dyld_symbol_callback_t, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_wasi_new": (c_void_p,),
    "wasm_dyld_wasi_delete": (None, c_void_p),
    "wasm_dyld_wasi_add_arg": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_wasi_add_env": (c_uint32, c_void_p, c_char_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_wasi_inherit_env": (c_uint32, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_wasi_inherit_stdio": (c_uint32, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_stdin_bytes": (c_uint32, c_void_p, c_void_p, c_size_t, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_stdin": (c_uint32, c_void_p, wasm_dyld_read_callback_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_stdout": (c_uint32, c_void_p, wasm_dyld_write_callback_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_stderr": (c_uint32, c_void_p, wasm_dyld_write_callback_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_output_new": (c_void_p, c_size_t),
    "wasm_dyld_output_delete": (None, c_void_p),
    "wasm_dyld_output_take": (c_uint32, c_void_p, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_void_p)),
    "wasm_dyld_wasi_set_stdout_buffer": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_stderr_buffer": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_wasi_add_folder": (c_uint32, c_void_p, c_char_p, c_char_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_max_files": (c_uint32, c_void_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_wasi_add_listener": (c_uint32, c_void_p, c_int32, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_deterministic": (c_uint32, c_void_p, c_uint64, POINTER(c_void_p)),
    "wasm_dyld_set_wasi": (c_uint32, c_void_p, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_folder_new_memory": (c_void_p, c_uint64, c_uint64),
    "wasm_dyld_folder_new_archive": (c_uint32, c_char_p, c_uint64, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_folder_new_archive_bytes": (c_uint32, c_void_p, c_size_t, c_uint64, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_folder_delete": (None, c_void_p),
    "wasm_dyld_folder_write": (c_uint32, c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_void_p)),
    "wasm_dyld_folder_make": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_folder_read": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_void_p)),
    "wasm_dyld_folder_remove": (c_uint32, c_void_p, c_char_p, POINTER(c_void_p)),
    "wasm_dyld_folder_clear": (c_uint32, c_void_p, POINTER(c_void_p)),
    "wasm_dyld_folder_list": (c_uint32, c_void_p, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_void_p)),
    "wasm_dyld_wasi_add_virtual_folder": (c_uint32, c_void_p, c_void_p, c_char_p, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_folder_new_callbacks": (c_uint32, POINTER(wasm_dyld_folder_callbacks_t), c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p), POINTER(c_void_p)),
    "wasm_dyld_wasi_set_clocks": (c_uint32, c_void_p, POINTER(wasm_dyld_clock_callbacks_t), c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_clock_scale": (c_uint32, c_void_p, c_uint32, c_uint32, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_random": (c_uint32, c_void_p, wasm_dyld_random_callback_t, c_void_p, wasm_dyld_finalizer_t, POINTER(c_void_p)),
    "wasm_dyld_wasi_set_random_seed": (c_uint32, c_void_p, c_uint64, POINTER(c_void_p)),
    "wasm_engine_delete": (None, c_void_p),
    "wasm_store_new": (c_void_p, c_void_p),
    "wasm_store_delete": (None, c_void_p),
    "wasm_valtype_new": (c_void_p, c_uint8),
    "wasm_valtype_vec_new": (None, POINTER(wasm_valtype_vec_t), c_size_t, POINTER(c_void_p)),
    "wasm_valtype_vec_new_empty": (None, POINTER(wasm_valtype_vec_t)),
    "wasm_functype_new": (c_void_p, POINTER(wasm_valtype_vec_t), POINTER(wasm_valtype_vec_t)),
    "wasm_functype_delete": (None, c_void_p),
    "wasm_globaltype_new": (c_void_p, c_void_p, c_uint8),
    "wasm_globaltype_delete": (None, c_void_p),
    "wasm_func_new_with_env": (c_void_p, c_void_p, c_void_p, wasm_func_callback_with_env_t, c_void_p, CFUNCTYPE(None, c_void_p)),
    "wasm_func_delete": (None, c_void_p),
    "wasm_func_as_extern": (c_void_p, c_void_p),
    "wasm_global_new": (c_void_p, c_void_p, c_void_p, POINTER(wasm_val_t)),
    "wasm_global_delete": (None, c_void_p),
    "wasm_global_get": (None, c_void_p, POINTER(wasm_val_t)),
    "wasm_global_set": (None, c_void_p, POINTER(wasm_val_t)),
    "wasm_global_as_extern": (c_void_p, c_void_p),
    "wasm_memory_data": (c_void_p, c_void_p),
    "wasm_memory_data_size": (c_size_t, c_void_p),
    "wasm_memory_size": (c_uint32, c_void_p),
    "wasm_memory_grow": (c_bool, c_void_p, c_uint32),
    "wasm_table_size": (c_uint32, c_void_p),
    "wasm_trap_new": (c_void_p, c_void_p, POINTER(wasm_byte_vec_t)),
    "wasm_module_new": (c_void_p, c_void_p, POINTER(wasm_byte_vec_t)),
    "wasm_module_delete": (None, c_void_p),
    "wasm_module_serialize": (None, c_void_p, POINTER(wasm_byte_vec_t)),
    "wasm_module_deserialize": (c_void_p, c_void_p, POINTER(wasm_byte_vec_t)),
    "wasm_byte_vec_delete": (None, POINTER(wasm_byte_vec_t)),
}


class Functions:
    wasm_dyld_error_code: Callable[[Any], int]
    wasm_dyld_error_message: Callable[[Any], Optional[bytes]]
    wasm_dyld_error_undefined_count: Callable[[Any], int]
    wasm_dyld_error_undefined_symbol: Callable[[Any, int], Optional[bytes]]
    wasm_dyld_error_undefined_importer: Callable[[Any, int], Optional[bytes]]
    wasm_dyld_error_undefined_wanted: Callable[[Any, int], Optional[bytes]]
    wasm_dyld_error_exit_code: Callable[[Any, Any], bool]
    wasm_dyld_error_frame_count: Callable[[Any], int]
    wasm_dyld_error_frame_object: Callable[[Any, int], Optional[bytes]]
    wasm_dyld_error_frame_function: Callable[[Any, int], Optional[bytes]]
    wasm_dyld_error_frame_offset: Callable[[Any, int, Any], bool]
    wasm_dyld_error_delete: Callable[[Any], None]
    wasm_dyld_config_new: Callable[[], Optional[int]]
    wasm_dyld_config_delete: Callable[[Any], None]
    wasm_dyld_config_add_library_path: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_config_add_default_path: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_config_add_preload: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_config_set_stack_size: Callable[[Any, int, Any], int]
    wasm_dyld_config_set_bind: Callable[[Any, int, Any], int]
    wasm_dyld_config_set_plt: Callable[[Any, int, Any], int]
    wasm_dyld_config_set_runtime_path: Callable[[Any, int, Any], int]
    wasm_dyld_config_set_limit: Callable[[Any, int, int, Any], int]
    wasm_dyld_config_set_guest: Callable[[Any, int, Any], int]
    wasm_dyld_config_set_launch: Callable[[Any, int, Any], int]
    wasm_dyld_config_set_open: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_config_set_trace: Callable[[Any, Optional[bytes], Any, Any, Any, Any], int]
    wasm_dyld_config_read_env: Callable[[Any, Any], int]
    wasm_dyld_config_set_engine_cache: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_engine_new: Callable[[Any, Any, Any], int]
    wasm_dyld_config_add_prebuilt_cache: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_config_set_code_store: Callable[[Any, Any, Any, Any, int, Any, Any, Any], int]
    wasm_dyld_engine_open: Callable[[Optional[bytes], Any, Any], int]
    wasm_dyld_engine_close: Callable[[Any], None]
    wasm_dyld_engine_name: Callable[[Any], Optional[bytes]]
    wasm_dyld_engine_function: Callable[[Any, Optional[bytes]], Optional[int]]
    wasm_dyld_engine_describe: Callable[[Any, Any, Any], int]
    wasm_dyld_config_set_engine: Callable[[Any, Any, Any], int]
    wasm_dyld_version: Callable[[], Optional[bytes]]
    wasm_dyld_new: Callable[[Any, Any, Any, Any], int]
    wasm_dyld_delete: Callable[[Any], None]
    wasm_dyld_define: Callable[[Any, Optional[bytes], Optional[bytes], Any, int, Any], int]
    wasm_dyld_load: Callable[[Any, Optional[bytes], int, Any, Any], int]
    wasm_dyld_load_bytes: Callable[[Any, Optional[bytes], Any, int, int, Any, Any], int]
    wasm_dyld_load_compiled: Callable[[Any, Optional[bytes], Any, Any, int, int, Any, Any], int]
    wasm_dyld_run: Callable[[Any, Any, Any], int]
    wasm_dyld_unload: Callable[[Any, Any, Any], int]
    wasm_dyld_finish: Callable[[Any, Any], int]
    wasm_dyld_call: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_take_exit: Callable[[Any, Any], bool]
    wasm_dyld_memory: Callable[[Any, Any, Any], int]
    wasm_dyld_table: Callable[[Any, Any, Any], int]
    wasm_dyld_instance_count: Callable[[Any], int]
    wasm_dyld_link_map: Callable[[Any], Optional[bytes]]
    wasm_dyld_library_path_count: Callable[[Any], int]
    wasm_dyld_library_path_at: Callable[[Any, int], Optional[bytes]]
    wasm_dyld_define_func: Callable[[Any, Optional[bytes], Optional[bytes], Optional[bytes], Any, Any, Any, int, Any], int]
    wasm_dyld_error_new: Callable[[Optional[bytes]], Optional[int]]
    wasm_dyld_parse_type: Callable[[Optional[bytes], Any, int, Any, Any, Any], int]
    wasm_dyld_read: Callable[[Any, int, Any, int, Any], int]
    wasm_dyld_write: Callable[[Any, int, Any, int, Any], int]
    wasm_dyld_read_string: Callable[[Any, int, Any, int, Any, Any], int]
    wasm_dyld_alloc: Callable[[Any, int, Any, Any], int]
    wasm_dyld_free: Callable[[Any, int, Any], int]
    wasm_dyld_heap: Callable[[Any], Optional[int]]
    wasm_dyld_renew: Callable[[Any, Any, Any, Any, Any, Any], int]
    wasm_dyld_instances_left: Callable[[Any], int]
    wasm_dyld_config_set_snapshots: Callable[[Any, bool, Any], int]
    wasm_dyld_snapshot: Callable[[Any, int, Any, Any], int]
    wasm_dyld_restore: Callable[[Any, Any, Any], int]
    wasm_dyld_snapshot_serialize: Callable[[Any, Any, Any, Any], int]
    wasm_dyld_snapshot_deserialize: Callable[[Any, int, Any, Any], int]
    wasm_dyld_snapshot_delete: Callable[[Any], None]
    wasm_dyld_config_set_control: Callable[[Any, int, Any], int]
    wasm_dyld_interrupt: Callable[[Any], int]
    wasm_dyld_set_timeout: Callable[[Any, int, Any], int]
    wasm_dyld_set_watcher: Callable[[Any, int, Any, Any, Any, Any], int]
    wasm_dyld_set_budget: Callable[[Any, int, Any], int]
    wasm_dyld_budget_left: Callable[[Any, Any, Any], int]
    wasm_dyld_link: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_dlsym: Callable[[Any, Any, Optional[bytes], Any, Any, Any, Any], int]
    wasm_dyld_dlsym_next: Callable[[Any, Any, Optional[bytes], Any, Any, Any, Any], int]
    wasm_dyld_function_type: Callable[[Any, Any, Any, int, Any, Any, Any], int]
    wasm_dyld_dladdr: Callable[[Any, int, int, Any, Any, Any, Any], int]
    wasm_dyld_func_new: Callable[[Any, Any, Any, Any], int]
    wasm_dyld_func_at: Callable[[Any, int, Any, int, int, Any, Any], int]
    wasm_dyld_func_delete: Callable[[Any], None]
    wasm_dyld_func_call: Callable[[Any, Any, Any, Any], int]
    wasm_dyld_func_call_cells: Callable[[Any, Any, int, Any], int]
    wasm_dyld_call_args: Callable[[Any, Any, Optional[bytes], Optional[bytes], Any, int, Any], int]
    wasm_dyld_func_call_rows: Callable[[Any, Any, int, int, Any, Any], int]
    wasm_dyld_object_count: Callable[[Any], int]
    wasm_dyld_object_at: Callable[[Any, int], Optional[int]]
    wasm_dyld_object_name: Callable[[Any, Any], Optional[bytes]]
    wasm_dyld_object_path: Callable[[Any, Any], Optional[bytes]]
    wasm_dyld_object_origin: Callable[[Any, Any], Optional[bytes]]
    wasm_dyld_object_opens: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_object_is_nodelete: Callable[[Any, Any], bool]
    wasm_dyld_object_place: Callable[[Any, Any, Any, Any, Any, Any, Any], int]
    wasm_dyld_object_is_program: Callable[[Any, Any], bool]
    wasm_dyld_object_is_global: Callable[[Any, Any], bool]
    wasm_dyld_object_needed_count: Callable[[Any, Any], int]
    wasm_dyld_object_needed_at: Callable[[Any, Any, int], Optional[int]]
    wasm_dyld_object_symbols: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_wasi_new: Callable[[], Optional[int]]
    wasm_dyld_wasi_delete: Callable[[Any], None]
    wasm_dyld_wasi_add_arg: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_wasi_add_env: Callable[[Any, Optional[bytes], Optional[bytes], Any], int]
    wasm_dyld_wasi_inherit_env: Callable[[Any, Any], int]
    wasm_dyld_wasi_inherit_stdio: Callable[[Any, Any], int]
    wasm_dyld_wasi_set_stdin_bytes: Callable[[Any, Any, int, Any], int]
    wasm_dyld_wasi_set_stdin: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_wasi_set_stdout: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_wasi_set_stderr: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_output_new: Callable[[int], Optional[int]]
    wasm_dyld_output_delete: Callable[[Any], None]
    wasm_dyld_output_take: Callable[[Any, Any, Any, Any], int]
    wasm_dyld_wasi_set_stdout_buffer: Callable[[Any, Any, Any], int]
    wasm_dyld_wasi_set_stderr_buffer: Callable[[Any, Any, Any], int]
    wasm_dyld_wasi_add_folder: Callable[[Any, Optional[bytes], Optional[bytes], int, Any], int]
    wasm_dyld_wasi_set_max_files: Callable[[Any, int, Any], int]
    wasm_dyld_wasi_add_listener: Callable[[Any, int, Any], int]
    wasm_dyld_wasi_set_deterministic: Callable[[Any, int, Any], int]
    wasm_dyld_set_wasi: Callable[[Any, Any, Any], int]
    wasm_dyld_folder_new_memory: Callable[[int, int], Optional[int]]
    wasm_dyld_folder_new_archive: Callable[[Optional[bytes], int, Any, Any], int]
    wasm_dyld_folder_new_archive_bytes: Callable[[Any, int, int, Any, Any], int]
    wasm_dyld_folder_delete: Callable[[Any], None]
    wasm_dyld_folder_write: Callable[[Any, Optional[bytes], Any, int, Any], int]
    wasm_dyld_folder_make: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_folder_read: Callable[[Any, Optional[bytes], Any, Any, Any], int]
    wasm_dyld_folder_remove: Callable[[Any, Optional[bytes], Any], int]
    wasm_dyld_folder_clear: Callable[[Any, Any], int]
    wasm_dyld_folder_list: Callable[[Any, Any, Any, Any], int]
    wasm_dyld_wasi_add_virtual_folder: Callable[[Any, Any, Optional[bytes], int, Any], int]
    wasm_dyld_folder_new_callbacks: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_wasi_set_clocks: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_wasi_set_clock_scale: Callable[[Any, int, int, Any], int]
    wasm_dyld_wasi_set_random: Callable[[Any, Any, Any, Any, Any], int]
    wasm_dyld_wasi_set_random_seed: Callable[[Any, int, Any], int]
    wasm_engine_delete: Callable[[Any], None]
    wasm_store_new: Callable[[Any], Optional[int]]
    wasm_store_delete: Callable[[Any], None]
    wasm_valtype_new: Callable[[int], Optional[int]]
    wasm_valtype_vec_new: Callable[[Any, int, Any], None]
    wasm_valtype_vec_new_empty: Callable[[Any], None]
    wasm_functype_new: Callable[[Any, Any], Optional[int]]
    wasm_functype_delete: Callable[[Any], None]
    wasm_globaltype_new: Callable[[Any, int], Optional[int]]
    wasm_globaltype_delete: Callable[[Any], None]
    wasm_func_new_with_env: Callable[[Any, Any, Any, Any, Any], Optional[int]]
    wasm_func_delete: Callable[[Any], None]
    wasm_func_as_extern: Callable[[Any], Optional[int]]
    wasm_global_new: Callable[[Any, Any, Any], Optional[int]]
    wasm_global_delete: Callable[[Any], None]
    wasm_global_get: Callable[[Any, Any], None]
    wasm_global_set: Callable[[Any, Any], None]
    wasm_global_as_extern: Callable[[Any], Optional[int]]
    wasm_memory_data: Callable[[Any], Any]
    wasm_memory_data_size: Callable[[Any], int]
    wasm_memory_size: Callable[[Any], int]
    wasm_memory_grow: Callable[[Any, int], bool]
    wasm_table_size: Callable[[Any], int]
    wasm_trap_new: Callable[[Any, Any], Optional[int]]
    wasm_module_new: Callable[[Any, Any], Optional[int]]
    wasm_module_delete: Callable[[Any], None]
    wasm_module_serialize: Callable[[Any, Any], None]
    wasm_module_deserialize: Callable[[Any, Any], Optional[int]]
    wasm_byte_vec_delete: Callable[[Any], None]
