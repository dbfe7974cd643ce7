"""A binding to zlib as people write them on Python's own ctypes. test_ctypes_bindings.py runs it as it stands, and with the import changed."""

import ctypes.util
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_ubyte, c_uint, c_ulong, c_void_p, cast, create_string_buffer, sizeof
from typing import Any, Dict, Iterator, List

Z_FINISH, Z_OK, Z_STREAM_END, Z_BUF_ERROR, Z_NO_FLUSH = 4, 0, 1, -5, 0

lib = ctypes.CDLL(ctypes.util.find_library("z"))
libc = ctypes.CDLL(ctypes.util.find_library("c"))

alloc_func = CFUNCTYPE(c_void_p, c_void_p, c_uint, c_uint)
free_func = CFUNCTYPE(None, c_void_p, c_void_p)


class z_stream(Structure):
    _fields_ = [
        ("next_in", POINTER(c_ubyte)),
        ("avail_in", c_uint),
        ("total_in", c_ulong),
        ("next_out", POINTER(c_ubyte)),
        ("avail_out", c_uint),
        ("total_out", c_ulong),
        ("msg", c_char_p),
        ("state", c_void_p),
        ("zalloc", alloc_func),
        ("zfree", free_func),
        ("opaque", c_void_p),
        ("data_type", c_int),
        ("adler", c_ulong),
        ("reserved", c_ulong),
    ]


class Error(Exception):
    pass


def check(result: int, function: Any, arguments: Any) -> int:
    if result not in (Z_OK, Z_STREAM_END, Z_BUF_ERROR):
        raise Error(function.__name__, lib.zError(result).decode())
    return result


lib.zlibVersion.restype = c_char_p
lib.zError.argtypes = [c_int]
lib.zError.restype = c_char_p
lib.crc32.argtypes = lib.adler32.argtypes = [c_ulong, c_char_p, c_uint]
lib.crc32.restype = lib.adler32.restype = c_ulong
lib.compressBound.argtypes = [c_ulong]
lib.compressBound.restype = c_ulong
lib.compress2.argtypes = [c_void_p, POINTER(c_ulong), c_char_p, c_ulong, c_int]
lib.uncompress.argtypes = [c_void_p, POINTER(c_ulong), c_char_p, c_ulong]
lib.deflateInit2_.argtypes = [POINTER(z_stream), c_int, c_int, c_int, c_int, c_int, c_char_p, c_int]
lib.inflateInit2_.argtypes = [POINTER(z_stream), c_int, c_char_p, c_int]
for name in ("deflate", "inflate"):
    getattr(lib, name).argtypes = [POINTER(z_stream), c_int]
    getattr(lib, name + "End").argtypes = [POINTER(z_stream)]
for name in ("compress2", "uncompress", "deflateInit2_", "inflateInit2_", "deflate", "inflate"):
    getattr(lib, name).errcheck = check
libc.malloc.argtypes = [c_size_t]
libc.malloc.restype = c_void_p
libc.free.argtypes = [c_void_p]
libc.free.restype = None

blocks: Dict[int, int] = {}
count: List[int] = [0, 0]


@alloc_func  # type: ignore[untyped-decorator]
def allocate(opaque: Any, items: int, size: int) -> Any:
    address = libc.malloc(items * size)
    blocks[address] = items * size
    count[0] += 1
    return address


@free_func  # type: ignore[untyped-decorator]
def release(opaque: Any, address: int) -> None:
    del blocks[address]
    count[1] += 1
    libc.free(address)


def version() -> str:
    return lib.zlibVersion().decode()  # type: ignore[no-any-return]


def crc32(data: bytes, start: int = 0) -> int:
    return lib.crc32(start, data, len(data)) & 0xFFFFFFFF  # type: ignore[no-any-return]


def adler32(data: bytes) -> int:
    return lib.adler32(1, data, len(data))  # type: ignore[no-any-return]


def compress(data: bytes, level: int = 6) -> bytes:
    size = c_ulong(lib.compressBound(len(data)))
    buffer = create_string_buffer(size.value)
    lib.compress2(buffer, byref(size), data, len(data), level)
    return buffer.raw[: size.value]


def decompress(data: bytes, most: int) -> bytes:
    size = c_ulong(most)
    buffer = create_string_buffer(most)
    lib.uncompress(buffer, size, data, len(data))
    return buffer.raw[: size.value]


def new_stream() -> z_stream:
    stream = z_stream()
    stream.zalloc, stream.zfree, stream.opaque = allocate, release, None
    return stream


def run(stream: z_stream, function: Any, data: bytes, chunk: int) -> Iterator[bytes]:
    source = (c_ubyte * len(data)).from_buffer_copy(data)
    stream.next_in = cast(source, POINTER(c_ubyte))
    stream.avail_in = len(data)
    out = create_string_buffer(chunk)
    while True:
        stream.next_out = cast(out, POINTER(c_ubyte))
        stream.avail_out = chunk
        result = function(byref(stream), Z_FINISH)
        yield out.raw[: chunk - stream.avail_out]
        if result == Z_STREAM_END:
            return
        if result == Z_BUF_ERROR and stream.avail_out == chunk:
            raise Error("truncated")


def gzip(data: bytes, chunk: int = 100) -> bytes:
    stream = new_stream()
    lib.deflateInit2_(byref(stream), 9, 8, 31, 8, 0, lib.zlibVersion(), sizeof(stream))
    found = b"".join(run(stream, lib.deflate, data, chunk))
    assert stream.total_in == len(data) and stream.total_out == len(found)
    lib.deflateEnd(byref(stream))
    return found


def gunzip(data: bytes, chunk: int = 100) -> bytes:
    stream = new_stream()
    lib.inflateInit2_(stream, 31, lib.zlibVersion(), sizeof(z_stream))
    try:
        return b"".join(run(stream, lib.inflate, data, chunk))
    finally:
        lib.inflateEnd(stream)
