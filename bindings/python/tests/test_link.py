"""One module of a program and its libraries, linked in memory."""

import gc
from pathlib import Path
from typing import Any, List

import pytest

import wasmdyld
from support import GUESTS, wat

LIB = GUESTS / "lib"
HELLO = GUESTS / "cases/hello/main-pie.wasm"

# They are there.
pytestmark = pytest.mark.usefixtures("guests")


def run(module: bytes) -> str:
    """Runs it where no library is found."""
    output = wasmdyld.Output()
    with wasmdyld.Namespace(default_paths=[], wasi=wasmdyld.Wasi(stdout=output)) as ns:
        ns.load_bytes("whole.wasm", module, wasmdyld.Flags.PROGRAM)
        assert ns.run() == 0
    return output.take().decode()


def test_a_program_runs_alone() -> None:
    linked = wasmdyld.link(HELLO, library_paths=[LIB], default_paths=[])
    assert run(linked.bytes) == "Hello from a program with a shared libc.\n"
    assert [placed["name"] for placed in linked.map["objects"]] == ["main-pie.wasm", "libc.so"]
    assert linked.warnings == ()
    assert b"libc.so!fwrite" in linked.bytes and b"libc.so!qsort" not in linked.bytes
    gc.collect()
    data = HELLO.read_bytes()
    for given in (data, bytearray(data), memoryview(bytearray(data))):
        assert wasmdyld.link("main-pie.wasm", given, library_paths=[LIB], default_paths=[]) == linked
    with pytest.raises(TypeError, match="bytes-like object is required, not 'int'"):
        wasmdyld.link("main-pie.wasm", 5)  # type: ignore[arg-type]


def test_options() -> None:
    def link(**options: Any) -> wasmdyld.Linked:
        return wasmdyld.link(HELLO, library_paths=[LIB], default_paths=[], **options)

    kept = link(keep=["qsort"], exports=["malloc", "free"])
    assert b"libc.so!qsort" in kept.bytes and kept.map["exports"] == ["free", "malloc"]
    assert b"libc.so!" not in link(names=False).bytes
    assert len(link(gc=False).bytes) > 2 * len(kept.bytes)
    assert link(stack_size=1 << 16).bytes != link().bytes
    # These objects have no debug information.
    assert link(debug=True) == link()
    with pytest.raises(wasmdyld.InvalidArgument, match="WASM_DYLD_LINK_DEBUG does not go with a snapshot"):
        link(debug=True, snapshot=True)
    with pytest.raises(TypeError, match="exports takes a list, and is 'malloc' alone"):
        link(exports="malloc")
    with pytest.raises(ValueError, match="NUL"):
        link(keep=["a\0b"])
    with pytest.raises(wasmdyld.NotFound, match="no_such_symbol, which is to be kept"):
        link(keep=["no_such_symbol"])
    with pytest.raises(wasmdyld.InvalidArgument, match="is a program"):
        link(library=True)


def test_what_is_searched_and_what_is_missing() -> None:
    zlib = wasmdyld.link("libz.so", library_paths=[LIB], default_paths=[], library=True)
    assert "crc32" in zlib.map["exports"]
    with pytest.raises(wasmdyld.NotFound, match="libc.so"):
        wasmdyld.link(HELLO, default_paths=[])
    with pytest.raises(wasmdyld.Malformed, match="damaged"):
        wasmdyld.link("damaged.wasm", b"\0asm\1\0\0\0\1")
    with pytest.raises(wasmdyld.Malformed, match="empty"):
        wasmdyld.link("empty.wasm", b"")


def test_a_program_that_opens_libraries() -> None:
    opens = GUESTS / "cases/dl-main/main-pie.wasm"
    with pytest.raises(wasmdyld.UndefinedSymbol, match="dlopen"):
        wasmdyld.link(opens, library_paths=[LIB], default_paths=[])
    linked = wasmdyld.link(opens, library_paths=[LIB], default_paths=[], no_dlopen=True)
    assert any(placed["name"] == "no-dlopen" for placed in linked.map["objects"])
    with pytest.raises(wasmdyld.InvalidArgument, match="LINK_DYNAMIC"):
        wasmdyld.link(opens, library_paths=[LIB], default_paths=[], no_dlopen=True, dynamic=True)
    linked = wasmdyld.link(opens, library_paths=[LIB], default_paths=[], dynamic=True)
    with wasmdyld.Namespace(default_paths=[], wasi=wasmdyld.Wasi()) as ns:
        ns.load_bytes("main-pie.wasm", linked.bytes, wasmdyld.Flags.PROGRAM)
        assert "libc.so" in [loaded.name for loaded in ns.objects]


def test_a_program_that_is_started_ahead_of_time() -> None:
    def link(**options: Any) -> wasmdyld.Linked:
        return wasmdyld.link(HELLO, library_paths=[LIB], default_paths=[], **options)

    plain, output = link(), wasmdyld.Output()
    started = link(snapshot=True, wasi=wasmdyld.Wasi(env={"NAME": "value"}, stdout=output), timeout=60.0)
    assert started.bytes not in (plain.bytes, b"") and output.take() == b""
    assert run(started.bytes) == "Hello from a program with a shared libc.\n"
    assert link(snapshot=True).bytes == link(snapshot=True, budget=10**9).bytes
    with pytest.raises(wasmdyld.NotFound, match="nobody defines nobody"):
        link(snapshot="nobody")
    with pytest.raises(wasmdyld.NotFound, match="wasmdyld_snapshot"):
        link(snapshot="ready")
    with pytest.raises(TypeError, match="not asked for"):
        link(timeout=1.0)
    with pytest.raises(OverflowError):
        link(snapshot=True, budget=0)



# A library with a function that writes "w", one that never ends, and one with a parameter.
WARM = """
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (data (global.get $base) "w")
  (func (export "writes")
    (i32.store offset=4 (global.get $base) (global.get $base))
    (i32.store offset=8 (global.get $base) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.add (global.get $base) (i32.const 4)) (i32.const 1) (i32.add (global.get $base) (i32.const 12)))))
  (func (export "spins") (loop (br 0)))
  (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
"""


def test_what_runs_until_a_snapshot() -> None:
    def link(snapshot: str, **options: Any) -> wasmdyld.Linked:
        return wasmdyld.link("libwarm.so", wat(WARM, memory=16), snapshot=snapshot, **options)

    written: List[bytes] = []
    linked = link("writes", wasi=wasmdyld.Wasi(stdout=written.append))
    assert written == [b"w"]
    # As it is in memory then.
    assert linked.bytes != wasmdyld.link("libwarm.so", wat(WARM, memory=16)).bytes

    def fails(data: bytes) -> None:
        raise ZeroDivisionError(data)

    with pytest.raises(ZeroDivisionError, match="w"):
        link("writes", wasi=wasmdyld.Wasi(stdout=fails))
    with pytest.raises(wasmdyld.OutOfBudget, match="its budget before the snapshot"):
        link("spins", budget=1000)
    with pytest.raises(wasmdyld.TimedOut, match="give it more time"):
        link("spins", timeout=0.05)
    with pytest.raises(wasmdyld.TypeMismatch, match="its type is another one"):
        link("twice")


WORLDS = """package test:numbers;
world numbers { export twice: func(a: s32) -> s32; }
world others { export thrice: func(a: s32) -> s32; }
"""


def test_components(tmp_path: Path) -> None:
    def link(**options: Any) -> bytes:
        return wasmdyld.link("libwarm.so", wat(WARM, memory=16), component=True, **options).bytes

    magic = b"\0asm\x0d\0\x01\0"
    assert wasmdyld.link(HELLO, library_paths=[LIB], default_paths=[], component=True).bytes.startswith(magic)
    wit = tmp_path / "numbers.wit"
    wit.write_text(WORLDS)
    component = link(wit=wit, world="numbers")
    assert component.startswith(magic) and b"twice" in component
    with pytest.raises(wasmdyld.InvalidArgument, match="give one by --wit"):
        link()
    with pytest.raises(wasmdyld.Unsupported, match="thrice"):
        link(wit=wit, world="others")
    with pytest.raises(wasmdyld.Unsupported, match="nowhere.wit"):
        link(wit=tmp_path / "nowhere.wit")
    with pytest.raises(wasmdyld.InvalidArgument, match="no WIT"):
        link(world="numbers")
    with pytest.raises(wasmdyld.InvalidArgument, match="LINK_COMPONENT"):
        wasmdyld.link(HELLO, library_paths=[LIB], default_paths=[], wit=wit)
