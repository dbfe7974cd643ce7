"""What a type checker has to see of the package. Checked by mypy, never run."""

from pathlib import Path
from typing import Any, List, Optional, Tuple

from typing_extensions import assert_type

import wasmdyld
from wasmdyld import ctypes


def show(ns: wasmdyld.Namespace) -> None:
    lib = ns.load(Path("lib.so"), wasmdyld.RTLD_NOW | wasmdyld.RTLD_GLOBAL)
    assert_type(lib, wasmdyld.Library)
    assert_type(lib.some_function, wasmdyld.Function)
    assert_type(lib["some_function"], wasmdyld.Function)
    assert_type(lib.address("datum"), int)
    assert_type(lib.object.path, Optional[str])
    assert_type(ns.objects, List[wasmdyld.Object])
    assert_type(ns.run("main.wasm"), int)
    assert_type(ns.memory.read(1, 2), bytes)
    assert_type(ns.memory.string(1), str)
    assert_type(ns.memory.unpack("I", 1), Tuple[Any, ...])
    with ns.alloc(4) as block, ns.memory.view(block.address, 4) as view:
        assert_type(block, wasmdyld.Allocation)
        assert_type(view[0], Any)

    def f(a: wasmdyld.i64, b: wasmdyld.c_void_p) -> wasmdyld.f32:
        assert_type(a, int)
        assert_type(b, Optional[int])
        return 1.0

    ns.define("env", "f", f)
    assert_type(ns.callback(f).slot, int)
    lib.some_function.argtypes = [wasmdyld.c_int, str, wasmdyld.CFUNCTYPE(None, float)]
    lib.some_function.restype = wasmdyld.c_char_p
    wasmdyld.Namespace(engine=Path("libwasmi.so"), wasi=False, bind=wasmdyld.Bind.LAZY)
    wasmdyld.Namespace(wasi=wasmdyld.Wasi(stdout=wasmdyld.INHERIT, stderr=lambda data: None, stdin=b""))

    class Files(wasmdyld.HostFiles[bytes]):
        def stat(self, path: str) -> wasmdyld.FileStat:
            return wasmdyld.FileStat(wasmdyld.FileKind.FILE, size=5)

        def open(self, path: str, how: wasmdyld.OpenFor) -> bytes:
            return b"bytes" if how & wasmdyld.OpenFor.WRITE else b""

        def read(self, file: bytes, size: int, offset: int) -> memoryview:
            return memoryview(file)[offset : offset + size]

        def entries(self, path: str) -> List[str]:
            return ["file"]

    class Late(wasmdyld.HostClocks):
        def realtime(self) -> int:
            assert_type(super().realtime(), int)
            return 5

        def sleep(self, nanoseconds: int) -> None:
            assert_type(wasmdyld.Clock.REALTIME.value, int)

    wasmdyld.Wasi(dirs={"/data": wasmdyld.HostFolder(Files())}, clocks=Late(), random=lambda size: bytes(size))
    wasmdyld.Wasi(clock_scale=0.5, random=7)

    wasmdyld.Namespace(control=wasmdyld.Control.BUDGET, timeout=0.5, budget=1_000_000)
    assert_type(ns.timeout, Optional[float])
    assert_type(ns.budget, Optional[int])
    ns.budget, ns.timeout = 5, None
    ns.interrupt()
    lib.some_function(1, timeout=0.5)

    # Mistakes: an ignore that is not needed is an error.
    ns.load(5)  # type: ignore[arg-type]
    ns.memory.write(1, "text")  # type: ignore[arg-type]
    wasmdyld.Namespace(["libs"])  # type: ignore[misc]
    wasmdyld.Namespace(wasi=wasmdyld.Wasi(stdout=5))  # type: ignore[arg-type]
    wasmdyld.HostFolder(5)  # type: ignore[arg-type]
    wasmdyld.Wasi(random="seed")  # type: ignore[arg-type]
    wasmdyld.Wasi(clocks=Late)  # type: ignore[arg-type]


def as_ctypes(ns: wasmdyld.Namespace) -> None:
    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int)]

    point = Point(1, x=2)
    assert_type(point.x, Any)
    assert_type(ctypes.c_int(5).value, int)
    assert_type(ctypes.c_double(5).value, float)
    assert_type(ctypes.pointer(point), ctypes._Pointer[Point])
    assert_type(ctypes.pointer(point).contents, Point)
    assert_type(ctypes.cast(5, ctypes.POINTER(Point)).contents, Point)
    assert_type(Point.from_buffer_copy(b""), Point)
    assert_type((ctypes.c_int * 3)(1, 2), ctypes.Array[ctypes.c_int])
    assert_type(ctypes.create_string_buffer(5), ctypes.Array[ctypes.c_char])
    assert_type(ctypes.sizeof(Point), int)
    assert_type(ctypes.string_at(ctypes.addressof(point), 3), bytes)
    assert_type(ctypes.use(ns), Optional[wasmdyld.Namespace])
    ctypes.CDLL("libz.so", namespace=ns).crc32.argtypes = [ctypes.c_ulong, ctypes.c_char_p, ctypes.c_uint]
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda at: 0)
    ns.load("libz.so").f(callback, ctypes.byref(point))
    with ctypes.view(point) as view:
        assert_type(view.tobytes(), bytes)

    ctypes.sizeof(5)  # type: ignore[arg-type]
    ctypes.byref("text")  # type: ignore[arg-type]
    ctypes.create_string_buffer("text")  # type: ignore[arg-type]


def errors(error: wasmdyld.Error) -> None:
    assert_type(error.code, wasmdyld.Code)
    assert_type(error.undefined, Tuple[wasmdyld.Undefined, ...])
    assert_type(error.exit_code, Optional[int])
