"""What guests get of the machine."""

import errno
import io
import socket
import sys
from pathlib import Path
from typing import Any, Callable, List

import pytest

import wasmdyld
from support import Make
from wasmdyld import INHERIT, Library, Namespace, Output, Wasi, c_char_p


def libc_of(ns: Namespace) -> Library:
    return ns.load("libc.so")


def test_by_default_nothing(make: Make, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SECRET", "1")
    libc = libc_of(make())
    assert libc.getenv("SECRET") == 0
    assert libc.puts("nobody sees this") >= 0
    assert libc.getchar() == -1
    assert libc.fopen("/etc/passwd", "r") == 0
    assert capfd.readouterr() == ("", "")


def test_environment(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_PROCESS", "outer")
    monkeypatch.setenv("BOTH", "outer")
    libc = libc_of(make(wasi=Wasi(env={"BOTH": "inner", "TEXT": "grüße"}, inherit_env=True)))
    libc.getenv.restype = str
    assert [libc.getenv(name) for name in ("FROM_PROCESS", "BOTH", "TEXT", "NONE")] == ["outer", "inner", "grüße", None]
    with pytest.raises(ValueError):
        make(wasi=Wasi(env={"A": "\0"}))


def test_output(make: Make) -> None:
    out, err, file = Output(), Output(limit=10), io.BytesIO()
    wasi = Wasi(stdout=out, stderr=err)
    for _ in range(2):
        # One description serves any number of namespaces.
        libc = libc_of(make(wasi=wasi))
        libc.puts("one")
        libc.perror("p")
    assert out.text() == "one\none\n" and out.take() == b""
    assert 0 < len(err.take()) <= 10
    pieces: List[bytes] = []
    libc = libc_of(make(wasi=Wasi(stdout=pieces.append, stderr=file)))
    libc.puts("two")
    libc.perror("three")
    assert b"".join(pieces) == b"two\n" and file.getvalue().startswith(b"three: ")


def test_output_to_a_text_file_is_text_however_it_is_cut(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    text = io.StringIO()
    libc = libc_of(make(wasi=Wasi(stdout=text, stderr=sys.stderr)))
    # One write for each of the two bytes.
    for byte in "é€".encode():
        libc.write(1, bytes([byte]), 1)
    libc.write(1, b"\xff!", 2)
    assert text.getvalue() == "é€\ufffd!"
    libc.perror("oops")
    print("own")
    assert capsys.readouterr() == ("own\n", "oops: Success\n")


@pytest.mark.parametrize(
    "source",
    [lambda: b"abc", lambda: io.BytesIO(b"abc"), lambda: iter([b"a", b"bc", b""]).__next__],
    ids=["bytes", "file", "function"],
)
def test_input(make: Make, source: Callable[[], Any]) -> None:
    given = source()
    # A function is asked for so many bytes at most.
    stdin = given if isinstance(given, (bytes, io.BytesIO)) else lambda size: given()
    libc = libc_of(make(wasi=Wasi(stdin=stdin)))
    assert [libc.getchar() for _ in range(4)] == [97, 98, 99, -1]


def test_inherited_output(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    libc = libc_of(make(wasi=Wasi(stdout=INHERIT)))
    libc.puts("to the process")
    libc.perror("not this")
    assert libc.getchar() == -1
    assert capfd.readouterr() == ("to the process\n", "")
    libc = libc_of(make(wasi=Wasi(stderr=INHERIT, stdout=Output())))
    libc.puts("not this")
    libc.perror("this")
    assert capfd.readouterr().err.startswith("this: ")


def test_exceptions_of_input_and_output(make: Make) -> None:
    def full(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    libc = libc_of(make(wasi=Wasi(stdout=full)))
    assert libc.puts("x") == -1
    libc.strerror.restype = c_char_p
    location = libc["__errno_location"]()
    assert b"space" in libc.strerror(libc._core.memory.unpack("i", location)[0]).lower()

    def broken(data: bytes) -> None:
        raise ZeroDivisionError("in a callback")

    ns = make(wasi=Wasi(stdout=broken, stdin=lambda size: b"x" * (size + 1)))
    libc = libc_of(ns)
    with pytest.raises(ZeroDivisionError, match="in a callback"):
        libc.puts("x")
    with pytest.raises(ValueError, match="stdin was asked for at most"):
        libc.getchar()
    assert libc.abs(-3) == 3

    ns = make(wasi=Wasi(stdout=lambda data: ns.alloc(10)))
    with pytest.raises(wasmdyld.Busy, match="must not use the namespace"):
        libc_of(ns).puts("x")


def test_folders(make: Make, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "file").write_text("content")
    ns = make(wasi=Wasi(read_only_dirs={"/in": tmp_path / "in"}, dirs={"/out": tmp_path / "out"}))
    libc = libc_of(ns)
    file = libc.fopen("/in/file", "r")
    line = bytearray(100)
    assert file != 0 and libc.fgets(line, 100, file) != 0
    assert line.startswith(b"content\0")
    assert libc.fopen("/in/new", "w") == 0
    out = libc.fopen("/out/new", "w")
    libc.fputs("written", out)
    libc.fclose(out)
    assert (tmp_path / "out" / "new").read_text() == "written"
    assert libc.fopen("/out/../in/file", "r") == 0
    with pytest.raises(wasmdyld.Error, match="nowhere"):
        make(wasi=Wasi(dirs={"/x": "/nowhere"}))


def test_a_bound_on_open_files(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    libc = libc_of(make(wasi=Wasi(dirs={"/in": tmp_path}, max_files=2)))
    first = libc.fopen("/in/file", "r")
    assert first != 0 and libc.fopen("/in/file", "r") != 0
    assert libc.fopen("/in/file", "r") == 0
    libc.fclose(first)
    assert libc.fopen("/in/file", "r") != 0
    for number in (-1, 1 << 32):
        with pytest.raises(OverflowError, match="number of files"):
            Wasi(max_files=number)


def test_listeners(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        libc = libc_of(make(wasi=Wasi(listeners=[listener])))
        fd = libc.accept(3, 0, 0)
        assert fd == 4 and libc.write(fd, b"answer", 6) == 6
        assert client.recv(100) == b"answer"
        client.sendall(b"hello")
        room = bytearray(8)
        assert libc.read(fd, room, 8) == 5 and room == b"hello\0\0\0"
        closed = socket.create_server(("127.0.0.1", 0))
        closed.close()
        with pytest.raises(wasmdyld.Error, match="no TCP socket"):
            make(wasi=Wasi(listeners=[closed]))


def test_deterministic(make: Make) -> None:
    def run(seed: int) -> bytes:
        libc = libc_of(make(wasi=Wasi(deterministic=seed)))
        assert libc.sleep(3600) == 0
        room = bytearray(16)
        assert libc.getentropy(room, 16) == 0
        return bytes(room)

    assert run(1) == run(1) != run(2)
    for seed in (-1, 1 << 64):
        with pytest.raises(OverflowError, match="seed"):
            Wasi(deterministic=seed)
