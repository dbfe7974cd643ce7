"""Folders for guests that are none of the system."""

from typing import Any, Dict

import pytest

from support import Make
from wasmdyld import InvalidArgument, Library, LimitReached, MemoryFolder, Wasi


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
    assert list(folder) == ["empty/", "new", "sub/a"] and len(folder) == 3 and "new" in folder
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
