"""Folders for guests that are none of the system."""

import io
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any, Dict, List

import pytest

from support import Make
from wasmdyld import ArchiveFolder, InvalidArgument, Library, LimitReached, Malformed, MemoryFolder, NotFound, Wasi


class Files:
    """What a guest does with files."""

    def __init__(self, make: Make, **wasi: Any) -> None:
        self.ns = make(wasi=Wasi(**wasi))
        self.libc: Library = self.ns.load("libc.so")

    def read(self, path: str) -> bytes:
        file = self.libc.fopen(path, "r")
        if not file:
            raise OSError(path)
        room = self.ns.alloc(1 << 16)
        count = self.libc.fread(room.address, 1, 1 << 16, file)
        self.libc.fclose(file)
        return bytes(self.ns.memory.read(room.address, count))

    def write(self, path: str, text: str, mode: str = "w") -> bool:
        file = self.libc.fopen(path, mode)
        if not file:
            return False
        written = self.libc.fputs(text, file)
        return bool(self.libc.fclose(file) == 0 and written >= 0)


def test_a_folder_in_memory(make: Make) -> None:
    folder = MemoryFolder({"sub/a": b"contents"})
    folder.make("empty")
    files = Files(make, dirs={"/data": folder}, read_only_dirs={"/view": folder})
    assert files.read("/data/sub/a") == files.read("/view/sub/a") == b"contents"
    assert files.write("/data/new", "written") and not files.write("/view/new", "other")
    assert folder["new"] == b"written"
    assert list(folder) == ["new", "sub/a"] and len(folder) == 2 and "new" in folder
    del folder["sub"]
    with pytest.raises(KeyError):
        folder["sub/a"]
    with pytest.raises(KeyError):
        del folder["sub"]
    with pytest.raises(OSError):
        files.read("/data/sub/a")
    with pytest.raises(InvalidArgument):
        folder["/absolute"] = b""
    with pytest.raises(ValueError):
        folder["a\0b"] = b""
    with pytest.raises(OverflowError):
        MemoryFolder(max_bytes=0)


def packed(files: Dict[str, bytes]) -> bytes:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return room.getvalue()


def test_a_folder_in_an_archive(make: Make, tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(5000))
    data = packed({"sub/a": b"contents", "text": text})
    (tmp_path / "a.zip").write_bytes(data)
    archives = {"/bytes": ArchiveFolder(data), "/file": ArchiveFolder(tmp_path / "a.zip"), "/array": ArchiveFolder(bytearray(data))}
    files = Files(make, dirs=archives)
    for name in archives:
        assert files.read(f"{name}/sub/a") == b"contents" and files.read(f"{name}/text") == text[: 1 << 16]
        assert not files.write(f"{name}/sub/a", "other") and not files.write(f"{name}/new", "other")
    with pytest.raises(NotFound):
        ArchiveFolder(tmp_path / "none.zip")
    with pytest.raises(Malformed):
        ArchiveFolder(b"no archive")
    with pytest.raises(Malformed):
        ArchiveFolder(packed({"../a": b""}))
    with pytest.raises(LimitReached):
        ArchiveFolder(data, max_nodes=2)
    with pytest.raises(OverflowError):
        ArchiveFolder(data, max_nodes=0)
    with pytest.raises(TypeError):
        ArchiveFolder(7)  # type: ignore[arg-type]


def test_a_mapping_is_a_folder_of_each_namespace(make: Make) -> None:
    given: Dict[str, bytes] = {"a": b"1"}
    wasi = {"dirs": {"/data": given}}
    one, two = Files(make, **wasi), Files(make, **wasi)
    assert one.write("/data/a", "2") and one.read("/data/a") == b"2"
    assert two.read("/data/a") == b"1" and given == {"a": b"1"}


def test_it_is_bounded(make: Make) -> None:
    folder = MemoryFolder(max_bytes=100, max_nodes=3)
    with pytest.raises(LimitReached):
        folder["a"] = bytes(100)
    files = Files(make, dirs={"/": folder})
    assert not files.write("/a", "x" * 100)
    assert files.write("/a", "x" * 99)
    assert not files.write("/b", "x")


def test_it_is_a_mapping_of_what_can_be_read(make: Make) -> None:
    folder = MemoryFolder({"sub/a": b"1"})
    folder.make("empty")
    libc = Files(make, dirs={"/data": folder}).libc
    for target, name in (("sub/a", "file"), ("sub", "folder"), ("none", "dangling"), ("round", "round")):
        assert libc.symlink(target, f"/data/{name}") == 0
    assert dict(folder) == {"file": b"1", "sub/a": b"1"} and len(folder) == 2
    for path in ("empty", "empty/", "sub", "folder", "dangling", "round", "sub/a/b", "/sub/a"):
        assert path not in folder and folder.get(path) is None
    folder.clear()
    assert not folder and libc.access("/data/empty", 0) == -1
    assert libc.symlink("none", "/data/dangling") == 0


def test_what_is_no_matter_of_the_path_is_no_key_error(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = MemoryFolder({"a": b"1"})

    def no_room(*_: Any) -> None:
        raise LimitReached("no room")

    monkeypatch.setattr("wasmdyld._folders.check", no_room)
    with pytest.raises(LimitReached):
        folder["a"]
    with pytest.raises(LimitReached):
        del folder["a"]


def test_threads_read_what_they_ask_for() -> None:
    wanted = {"a": b"a" * 100_000, "b": b"b" * 300_000}
    folder = MemoryFolder(wanted)
    wrong: List[object] = []

    def read(name: str) -> None:
        try:
            wrong.extend(name for _ in range(500) if folder[name] != wanted[name])
        except Exception as error:
            wrong.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read, args=(name,)) for name in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
