"""ctypes for guests: what runs on Python's own ctypes runs on this with one changed import.

    from wasmdyld import ctypes

    z = ctypes.CDLL("libz.so")
    z.crc32.restype = ctypes.c_ulong
    print(hex(z.crc32(0, b"123456789", 9)))

Types have the guest's sizes: pointers, `long` and `size_t` have four bytes. `use(ns)` says which namespace libraries are loaded into.
"""

from . import util
from .._enums import RTLD_GLOBAL, RTLD_LOCAL
from ._array import Array, create_string_buffer, create_unicode_buffer
from ._chars import c_char, c_char_p, c_void_p, c_wchar, c_wchar_p
from ._data import ArgumentError, addressof, alignment, byref, sizeof, view
from ._dll import CDLL, DEFAULT_MODE, LibraryLoader, LoadError, cdll, get_errno, set_errno
from ._function import CFUNCTYPE, _CFuncPtr
from ._pointer import POINTER, _Pointer, cast, pointer
from ._simple import (
    _SimpleCData,
    c_bool,
    c_byte,
    c_double,
    c_float,
    c_int,
    c_int8,
    c_int16,
    c_int32,
    c_int64,
    c_long,
    c_longlong,
    c_short,
    c_size_t,
    c_ssize_t,
    c_time_t,
    c_ubyte,
    c_uint,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_ulong,
    c_ulonglong,
    c_ushort,
)
from ._space import namespace, use
from ._strings import memmove, memset, string_at, wstring_at
from ._struct import BigEndianStructure, BigEndianUnion, LittleEndianStructure, LittleEndianUnion, Structure, Union

__all__ = [
    "Array",
    "ArgumentError",
    "BigEndianStructure",
    "BigEndianUnion",
    "CDLL",
    "CFUNCTYPE",
    "DEFAULT_MODE",
    "LibraryLoader",
    "LittleEndianStructure",
    "LittleEndianUnion",
    "LoadError",
    "POINTER",
    "RTLD_GLOBAL",
    "RTLD_LOCAL",
    "Structure",
    "Union",
    "_CFuncPtr",
    "_Pointer",
    "_SimpleCData",
    "addressof",
    "alignment",
    "byref",
    "c_bool",
    "c_byte",
    "c_char",
    "c_char_p",
    "c_double",
    "c_float",
    "c_int",
    "c_int16",
    "c_int32",
    "c_int64",
    "c_int8",
    "c_long",
    "c_longlong",
    "c_short",
    "c_size_t",
    "c_ssize_t",
    "c_time_t",
    "c_ubyte",
    "c_uint",
    "c_uint16",
    "c_uint32",
    "c_uint64",
    "c_uint8",
    "c_ulong",
    "c_ulonglong",
    "c_ushort",
    "c_void_p",
    "c_wchar",
    "c_wchar_p",
    "cast",
    "cdll",
    "create_string_buffer",
    "create_unicode_buffer",
    "get_errno",
    "memmove",
    "memset",
    "namespace",
    "pointer",
    "set_errno",
    "sizeof",
    "string_at",
    "use",
    "util",
    "view",
    "wstring_at",
]
