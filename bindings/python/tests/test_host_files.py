"""Folders for guests whose files Python has."""

import errno
import gc
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import pytest

import wasmdyld
from support import Make, wat
from test_folders import Files
from wasmdyld import FileKind, FileStat, HostFiles, HostFolder, Namespace, OpenFor, Wasi


class Tree(HostFiles[str]):
    """Files, folders (None) and links (a str) by their paths; what stands for an open file is its path."""

    def __init__(self, **content: Any) -> None:
        self.content: Dict[str, Any] = {"": None, **content}
        self.times: Dict[str, Tuple[Optional[int], Optional[int]]] = {}
        self.opened = self.closed = 0

    def at(self, path: str) -> Any:
        if path not in self.content:
            raise FileNotFoundError(path)
        return self.content[path]

    def stat(self, path: str) -> FileStat:
        found = self.at(path)
        kind = FileKind.FOLDER if found is None else FileKind.LINK if isinstance(found, str) else FileKind.FILE
        return FileStat(kind, size=len(found or b""), modified=5)

    def open(self, path: str, how: OpenFor) -> str:
        if how & OpenFor.CREATE:
            assert path not in self.content
            self.content[path] = b""
        if how & OpenFor.TRUNCATE:
            self.content[path] = b""
        self.at(path)
        self.opened += 1
        return path

    def close(self, file: str) -> None:
        self.closed += 1

    def read(self, file: str, size: int, offset: int) -> bytes:
        return bytes(self.content[file][offset : offset + size])

    def entries(self, path: str) -> Iterable[str]:
        inside = path + "/" if path else ""
        return [name[len(inside) :] for name in sorted(self.content) if name.startswith(inside) and "/" not in name[len(inside) :] and name != path]


class Writable(Tree):
    def write(self, file: str, data: bytes, offset: int) -> int:
        before = self.content[file].ljust(offset, b"\0")
        self.content[file] = before[:offset] + data + before[offset + len(data) :]
        return len(data)

    def stat_open(self, file: str) -> FileStat:
        return FileStat(FileKind.FILE, size=len(self.content[file]))

    def set_size(self, file: str, size: int) -> None:
        self.content[file] = self.content[file][:size].ljust(size, b"\0")

    def create_folder(self, path: str) -> None:
        self.content[path] = None

    def remove_folder(self, path: str) -> None:
        del self.content[path]

    def remove_file(self, path: str) -> None:
        del self.content[path]

    def rename(self, path: str, to: str) -> None:
        self.content[to] = self.content.pop(path)

    def read_link(self, path: str) -> str:
        return str(self.content[path])

    def make_link(self, contents: str, path: str) -> None:
        self.content[path] = contents

    def set_times(self, path: str, accessed: Optional[int], modified: Optional[int]) -> None:
        self.times[path] = accessed, modified


def guest_errno(files: Files) -> int:
    return int(files.ns.memory.unpack("i", files.libc["__errno_location"]())[0])


def names(files: Files, path: str) -> List[str]:
    folder, found = files.libc.opendir(path), []
    assert folder
    while True:
        entry = files.libc.readdir(folder)
        if not entry:
            break
        # struct dirent: inode, type, name.
        found.append(files.ns.memory.string(entry + 9))
    files.libc.closedir(folder)
    return sorted(found)


def test_what_python_has_guests_read(make: Make) -> None:
    tree = Tree(sub=None, **{"sub/a": b"contents", "b": b"x" * 100_000})
    folder = HostFolder(tree)
    files = Files(make, dirs={"/data": folder}, read_only_dirs={"/view": folder})
    assert files.read("/data/sub/a") == files.read("/view/sub/a") == b"contents"
    assert files.read("/data/b") == b"x" * (1 << 16)
    assert names(files, "/data") == [".", "..", "b", "sub"]
    assert names(files, "/data/sub") == [".", "..", "a"]
    with pytest.raises(OSError):
        files.read("/data/none")
    assert tree.opened == tree.closed == 3
    # What is not overridden is as on a file system that is read only.
    assert not files.write("/data/b", "other") and guest_errno(files) == 69
    assert not files.write("/data/new", "other") and files.libc.unlink("/data/b") == -1 and files.libc.mkdir("/data/d", 0o777) == -1
    assert sorted(tree.content) == ["", "b", "sub", "sub/a"]


def test_what_guests_write_python_gets(make: Make) -> None:
    tree = Writable(b=b"12345")
    files = Files(make, dirs={"/data": HostFolder(tree)}, read_only_dirs={"/view": HostFolder(tree)})
    libc = files.libc
    assert files.write("/data/new", "written") and tree.content["new"] == b"written"
    assert files.write("/data/new", "!", "a") and tree.content["new"] == b"written!"
    assert files.write("/data/b", "1") and tree.content["b"] == b"1"
    assert not files.write("/view/b", "2") and not files.write("/view/c", "2")
    assert libc.truncate("/data/b", 3) == 0 and tree.content["b"] == b"1\0\0"
    assert libc.mkdir("/data/d", 0o777) == 0 and tree.content["d"] is None
    assert libc.rename("/data/new", "/data/d/moved") == 0 and tree.content["d/moved"] == b"written!"
    assert libc.rmdir("/data/d") == -1
    assert libc.symlink("d/moved", "/data/link") == 0 and files.read("/data/link") == b"written!"
    assert libc.unlink("/data/d/moved") == 0 and libc.rmdir("/data/d") == 0 and libc.unlink("/data/link") == 0
    assert sorted(tree.content) == ["", "b"]
    assert libc.utimes("/data/b", 0) == 0
    accessed, modified = tree.times["b"]
    assert accessed == modified and accessed is not None and abs(accessed - time.time_ns()) < 3600 * 10**9
    assert tree.opened == tree.closed


def test_guests_open_libraries_out_of_it(make: Make) -> None:
    tree = Tree(**{"lib.so": wat('(func (export "twice") (param i32) (result i32) (i32.mul (i32.const 2) (local.get 0)))')})
    files = Files(make, dirs={"/lib": HostFolder(tree)})
    opener = wat(
        """(import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
        (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
        (import "env" "__indirect_function_table" (table 0 funcref))
        (func (export "run") (param i32 i32 i32) (result i32)
          (call_indirect (param i32) (result i32) (local.get 2) (call $dlsym (call $dlopen (local.get 0) (i32.const 2)) (local.get 1))))"""
    )
    library = files.ns.load_bytes("opener.so", opener)
    library.run.argtypes = [str, str, wasmdyld.c_int]
    assert library.run("/lib/lib.so", "twice", 21) == 42
    assert tree.opened == tree.closed > 0


def failing(make: Make, method: str, answer: Callable[..., Any]) -> Files:
    tree = Writable(a=b"contents", d=None, link="a")
    setattr(tree, method, answer)
    return Files(make, dirs={"/data": HostFolder(tree)})


def attempt(files: Files, method: str) -> None:
    """Has the guest do what asks this method, and fail."""
    libc = files.libc
    if method in ("read", "write", "set_size", "stat_open", "sync"):
        fd = libc.open("/data/a", 0x14000000, 0)
        assert fd > 0
        room = bytearray(8)
        done = {
            "read": lambda: libc.read(fd, room, 8),
            "write": lambda: libc.write(fd, b"12345678", 8),
            "set_size": lambda: libc.ftruncate(fd, 8),
            "stat_open": lambda: libc.fstat(fd, bytearray(200)),
            "sync": lambda: libc.fsync(fd),
        }[method]()
        number = guest_errno(files)
        libc.close(fd)
        files.ns.memory.pack("i", libc["__errno_location"](), number)
    else:
        done = {
            "stat": lambda: libc.access("/data/a", 0),
            "open": lambda: libc.open("/data/a", 0x04000000, 0),
            "entries": lambda: libc.scandir("/data/d", room_for(files), 0, 0),
            "create_folder": lambda: libc.mkdir("/data/new", 0o777),
            "remove_folder": lambda: libc.rmdir("/data/d"),
            "remove_file": lambda: libc.unlink("/data/a"),
            "rename": lambda: libc.rename("/data/a", "/data/b"),
            "read_link": lambda: libc.readlink("/data/link", bytearray(8), 8),
            "make_link": lambda: libc.symlink("a", "/data/new"),
            "set_times": lambda: libc.utimes("/data/a", 0),
        }[method]()
    assert done == -1, method


def room_for(files: Files) -> int:
    return files.ns.alloc(8).address


METHODS = "stat open read entries stat_open write set_size sync create_folder remove_folder remove_file rename read_link make_link set_times".split()


@pytest.mark.parametrize("method", METHODS)
def test_what_is_raised_becomes_an_errno(make: Make, method: str) -> None:
    def raises(error: BaseException) -> Callable[..., Any]:
        def method(*_: Any) -> Any:
            raise error

        return method

    for error, number in (
        (OSError(errno.EACCES, "no"), 2),
        (PermissionError(), 2),
        (TimeoutError("late"), 73),
        (OSError("without a number"), 29),
        (OSError(-5, "none"), 29),
        (OSError(1 << 40, "none"), 29),
    ):
        files = failing(make, method, raises(error))
        attempt(files, method)
        assert guest_errno(files) == number, error
    files = failing(make, method, raises(ZeroDivisionError("in a method")))
    with pytest.raises(ZeroDivisionError, match="in a method"):
        attempt(files, method)
    # It was raised once, and the guest goes on.
    assert files.libc.abs(-3) == 3


WRONG: List[Tuple[str, Any, str]] = [
    ("stat", None, "FileStat"),
    ("stat", FileStat(7), "7"),  # type: ignore[arg-type]
    ("stat", FileStat(FileKind.FILE, size=-1), "size is -1"),
    ("stat", FileStat(FileKind.FILE, size=1 << 64), "size is"),
    ("stat", FileStat(FileKind.FILE, size="1"), "size is a number"),  # type: ignore[arg-type]
    ("stat", FileStat(FileKind.FILE, modified=1.5), "modified"),  # type: ignore[arg-type]
    ("stat_open", 3, "FileStat"),
    ("read", b"123456789" * 10_000, "at most"),
    ("read", "text", "bytes-like"),
    ("read", 5, "bytes-like"),
    ("write", None, "what was written"),
    ("write", -1, "is -1"),
    ("write", 9, "took 9"),
    ("write", True, "bool"),
    ("entries", None, "iterable"),
    ("entries", [b"name"], "a name is a str"),
    ("entries", [""], "0 bytes"),
    ("entries", ["n" * 300], "300 bytes"),
    ("read_link", b"a", "is a str"),
    ("read_link", "a" * 5000, "5000 bytes"),
]


@pytest.mark.parametrize("method, answer, why", WRONG, ids=[f"{method}-{why}" for method, _, why in WRONG])
def test_answers_that_cannot_be_are_raised(make: Make, method: str, answer: Any, why: str) -> None:
    files = failing(make, method, lambda *_: answer)
    with pytest.raises((TypeError, ValueError, OverflowError), match=why):
        attempt(files, method)
    assert files.libc.abs(-3) == 3


@pytest.mark.parametrize("name", ["a/b", "a\0b"])
def test_names_that_lead_elsewhere_are_no_names(make: Make, name: str) -> None:
    attempt(failing(make, "entries", lambda *_: [name]), "entries")


def test_a_listing_without_an_end_ends(make: Make) -> None:
    def endless(path: str) -> Iterable[str]:
        number = 0
        while True:
            number += 1
            yield f"name-{number}"

    files = failing(make, "entries", endless)
    attempt(files, "entries")


def test_the_namespace_is_not_used_meanwhile(make: Make) -> None:
    kept: List[Namespace] = []

    class Meddles(Tree):
        def read(self, file: str, size: int, offset: int) -> bytes:
            return b"%d" % kept[0].alloc(8).address

    files = Files(make, dirs={"/data": HostFolder(Meddles(a=b"1"))})
    kept.append(files.ns)
    with pytest.raises(wasmdyld.Busy, match="must not use the namespace"):
        files.read("/data/a")
    kept.clear()
    assert files.libc.abs(-3) == 3


def test_another_namespace_may_be_used_also_with_the_same_folder(make: Make) -> None:
    class Asks(Tree):
        other: Optional[Files] = None

        def read(self, file: str, size: int, offset: int) -> bytes:
            other, self.other = self.other, None
            return super().read(file, size, offset) if other is None else other.read("/data/a")[offset:]

    tree = Asks(a=b"contents")
    folder = HostFolder(tree)
    one, two = (Files(make, dirs={"/data": folder}) for _ in range(2))
    tree.other = two
    assert one.read("/data/a") == b"contents" and tree.other is None


def test_exceptions_go_where_the_guest_was_called(make: Make) -> None:
    class Fails(Tree):
        def read(self, file: str, size: int, offset: int) -> bytes:
            raise ZeroDivisionError(threading.current_thread().name)

    folder = HostFolder(Fails(a=b"1"))
    raised: Dict[str, str] = {}

    def run(files: Files) -> None:
        for _ in range(20):
            try:
                files.read("/data/a")
            except ZeroDivisionError as error:
                raised[threading.current_thread().name] = str(error)

    threads = [threading.Thread(target=run, args=(Files(make, dirs={"/data": folder}),), name=f"thread-{n}") for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == {thread.name: thread.name for thread in threads}


def test_it_is_kept_as_long_as_anything_has_it(guests: Path, engine: wasmdyld.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    class Counts(Writable):
        def close(self, file: str) -> None:
            super().close(file)
            if file == "bad":
                raise ZeroDivisionError("at the end")

    tree = Counts(a=b"contents", bad=b"1")
    gone, counted = weakref.ref(tree), tree.__dict__
    ns = Namespace(library_paths=[guests / "lib"], engine=engine, wasi=Wasi(dirs={"/data": HostFolder(tree)}))
    del tree
    gc.collect()
    # Neither the files nor the folder are anybody's but the namespace's, and then those of the one in its place.
    assert ns.load("libc.so").fopen("/data/a", "r") and (counted["opened"], counted["closed"]) == (1, 0)
    renewed = ns.renew()
    ns.close()
    assert counted["closed"] == 1
    del ns
    gc.collect()
    libc = renewed.load("libc.so")
    assert libc.fopen("/data/a", "r") and libc.fopen("/data/bad", "r") and counted["opened"] == 3
    # Files that a guest leaves open are closed with its namespace. What is raised then nobody can catch.
    renewed.close()
    assert counted["closed"] == 3
    assert "ZeroDivisionError: at the end" in capsys.readouterr().err
    del renewed, libc
    gc.collect()
    assert gone() is None


def test_files_that_refer_to_their_namespace_go_with_it(guests: Path, engine: wasmdyld.Engine) -> None:
    class Knows(Tree):
        namespace: Optional[Namespace] = None

    tree = Knows(a=b"contents")
    gone = weakref.ref(tree)
    tree.namespace = Namespace(library_paths=[guests / "lib"], engine=engine, wasi=Wasi(dirs={"/data": HostFolder(tree)}))
    assert tree.namespace.load("libc.so").fopen("/data/a", "r")
    del tree
    gc.collect()
    assert gone() is None


def test_what_is_no_such_class_is_refused() -> None:
    with pytest.raises(TypeError, match="HostFiles"):
        HostFolder(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="abstract"):
        HostFiles()  # type: ignore[abstract]
