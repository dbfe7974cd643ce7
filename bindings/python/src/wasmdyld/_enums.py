"""The numbers of the C interface by name."""

from enum import IntEnum, IntFlag

from . import _ffi


class Code(IntEnum):
    """What became of a call: `Error.code`."""

    OK = _ffi.WASM_DYLD_OK
    INVALID_ARGUMENT = _ffi.WASM_DYLD_INVALID_ARGUMENT
    NOT_FOUND = _ffi.WASM_DYLD_NOT_FOUND
    IO = _ffi.WASM_DYLD_IO
    MALFORMED = _ffi.WASM_DYLD_MALFORMED
    UNSUPPORTED = _ffi.WASM_DYLD_UNSUPPORTED
    UNDEFINED_SYMBOL = _ffi.WASM_DYLD_UNDEFINED_SYMBOL
    TYPE_MISMATCH = _ffi.WASM_DYLD_TYPE_MISMATCH
    LIMIT = _ffi.WASM_DYLD_LIMIT
    ENGINE = _ffi.WASM_DYLD_ENGINE
    TRAP = _ffi.WASM_DYLD_TRAP
    EXIT = _ffi.WASM_DYLD_EXIT
    BUSY = _ffi.WASM_DYLD_BUSY
    INTERNAL = _ffi.WASM_DYLD_INTERNAL
    INTERRUPTED = _ffi.WASM_DYLD_INTERRUPTED
    TIMED_OUT = _ffi.WASM_DYLD_TIMED_OUT
    OUT_OF_BUDGET = _ffi.WASM_DYLD_OUT_OF_BUDGET


class FileKind(IntEnum):
    """What something in a folder is."""

    FILE = _ffi.WASM_DYLD_KIND_FILE
    FOLDER = _ffi.WASM_DYLD_KIND_FOLDER
    LINK = _ffi.WASM_DYLD_KIND_LINK


class OpenFor(IntFlag):
    """What a file is opened for, beside to be read."""

    WRITE = _ffi.WASM_DYLD_OPEN_WRITE
    CREATE = _ffi.WASM_DYLD_OPEN_CREATE
    """It is not there and has to be made. Without this it is there."""
    TRUNCATE = _ffi.WASM_DYLD_OPEN_TRUNCATE
    """Nothing of what is in it stays."""


class Clock(IntEnum):
    """A clock of guests."""

    REALTIME = _ffi.WASM_DYLD_CLOCK_REALTIME
    MONOTONIC = _ffi.WASM_DYLD_CLOCK_MONOTONIC


class Flags(IntFlag):
    """How an object is loaded; see dlopen(3)."""

    LAZY = _ffi.WASM_DYLD_LAZY
    NOW = _ffi.WASM_DYLD_NOW
    NOLOAD = _ffi.WASM_DYLD_NOLOAD
    LOCAL = _ffi.WASM_DYLD_LOCAL
    GLOBAL = _ffi.WASM_DYLD_GLOBAL
    NODELETE = _ffi.WASM_DYLD_NODELETE
    DEEPBIND = _ffi.WASM_DYLD_DEEPBIND
    PROGRAM = _ffi.WASM_DYLD_PROGRAM


RTLD_LAZY = Flags.LAZY
RTLD_NOW = Flags.NOW
RTLD_NOLOAD = Flags.NOLOAD
RTLD_LOCAL = Flags.LOCAL
RTLD_GLOBAL = Flags.GLOBAL
RTLD_NODELETE = Flags.NODELETE
RTLD_DEEPBIND = Flags.DEEPBIND


class SymbolKind(IntEnum):
    """What a symbol is: a function, a datum, or a number of which the program does not say which it is."""

    FUNC = _ffi.WASM_DYLD_FUNC
    DATA = _ffi.WASM_DYLD_DATA
    NUMBER = _ffi.WASM_DYLD_NUMBER


class Bind(IntEnum):
    """When undefined functions are an error: at the load or at the call."""

    NOW = _ffi.WASM_DYLD_BIND_NOW
    LAZY = _ffi.WASM_DYLD_BIND_LAZY


class Plt(IntEnum):
    """How calls reach functions of other objects."""

    AUTO = _ffi.WASM_DYLD_PLT_AUTO
    WASM = _ffi.WASM_DYLD_PLT_WASM
    HOST = _ffi.WASM_DYLD_PLT_HOST


class RuntimePath(IntEnum):
    """How far RUNTIME_PATH entries of modules are followed."""

    OFF = _ffi.WASM_DYLD_RUNTIME_PATH_OFF
    ORIGIN = _ffi.WASM_DYLD_RUNTIME_PATH_ORIGIN
    ANY = _ffi.WASM_DYLD_RUNTIME_PATH_ANY


class Control(IntEnum):
    """Whether guests can be stopped."""

    NONE = _ffi.WASM_DYLD_CONTROL_NONE
    INTERRUPT = _ffi.WASM_DYLD_CONTROL_INTERRUPT
    """By Ctrl-C and other signals, by interrupt(), by time-outs."""
    BUDGET = _ffi.WASM_DYLD_CONTROL_BUDGET
    """By these, and by a budget, which counts the same on every engine."""
    INTERRUPT_BY_ENGINE = _ffi.WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE
    """As INTERRUPT: by the engine's own checks, if it was made with them."""


class Limit(IntEnum):
    """Bounds of a namespace."""

    MEMORY_PAGES = _ffi.WASM_DYLD_LIMIT_MEMORY_PAGES
    TABLE_SLOTS = _ffi.WASM_DYLD_LIMIT_TABLE_SLOTS
    OBJECTS = _ffi.WASM_DYLD_LIMIT_OBJECTS
    NESTING = _ffi.WASM_DYLD_LIMIT_NESTING
    HOST_MEMORY = _ffi.WASM_DYLD_LIMIT_HOST_MEMORY
