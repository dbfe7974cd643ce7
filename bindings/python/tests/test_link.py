"""One module of a program and its libraries, linked in memory."""

import gc
from typing import Any

import pytest

import wasmdyld
from support import GUESTS

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
