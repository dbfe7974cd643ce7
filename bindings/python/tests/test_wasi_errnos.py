"""What WASI's functions answer for paths of every form, compared with what wasmtime's own WASI answers: both do the same to a tree of their own."""

import os
import shutil
import struct
from itertools import product
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
import wasmtime

from support import Make, wat
from wasmdyld import Wasi

FUNCTIONS: Dict[str, str] = {
    "fd_advise": "i32 i64 i64 i32",
    "fd_allocate": "i32 i64 i64",
    "fd_close": "i32",
    "fd_datasync": "i32",
    "fd_fdstat_get": "i32 i32",
    "fd_fdstat_set_flags": "i32 i32",
    "fd_filestat_get": "i32 i32",
    "fd_filestat_set_size": "i32 i64",
    "fd_filestat_set_times": "i32 i64 i64 i32",
    "fd_pread": "i32 i32 i32 i64 i32",
    "fd_prestat_get": "i32 i32",
    "fd_pwrite": "i32 i32 i32 i64 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_readdir": "i32 i32 i32 i64 i32",
    "fd_renumber": "i32 i32",
    "fd_seek": "i32 i64 i32 i32",
    "fd_sync": "i32",
    "fd_tell": "i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "path_create_directory": "i32 i32 i32",
    "path_filestat_get": "i32 i32 i32 i32 i32",
    "path_filestat_set_times": "i32 i32 i32 i32 i64 i64 i32",
    "path_link": "i32 i32 i32 i32 i32 i32 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
    "path_readlink": "i32 i32 i32 i32 i32 i32",
    "path_remove_directory": "i32 i32 i32",
    "path_rename": "i32 i32 i32 i32 i32 i32",
    "path_symlink": "i32 i32 i32 i32 i32",
    "path_unlink_file": "i32 i32 i32",
}

# Where strings, vectors and results are, from the base of the guest's data on.
TEXT, OTHER, VECTOR, BUFFER, RESULT, SIZE = 0, 4096, 8192, 8256, 12288, 16384

READ, WRITE = 1 << 1, 1 << 6
CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8

BADF, INVAL, NOTSUP = 8, 28, 58


def module(head: str) -> str:
    """Every function as an export of its own name, behind what `head` says of the memory, imports first."""
    imports, exports = [], []
    for name, parameters in FUNCTIONS.items():
        imports.append(f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {parameters}) (result i32)))')
        passed = " ".join(f"local.get {n}" for n in range(len(parameters.split())))
        exports.append(f'(func (export "{name}") (param {parameters}) (result i32) {passed} call ${name})')
    return " ".join([*imports, head, *exports])


class Side:
    """One WASI: calls by name, and the guest's data."""

    call: Callable[..., int]
    write: Callable[[int, bytes], None]
    read: Callable[[int, int], bytes]
    base: int

    def text(self, at: int, path: str) -> Tuple[int, int]:
        encoded = path.encode()
        self.write(self.base + at, encoded)
        return self.base + at, len(encoded)

    def open(self, path: str, oflags: int = 0, rights: int = READ, follow: int = 1, fdflags: int = 0, fd: int = 3) -> Tuple[int, int]:
        errno = self.call("path_open", fd, follow, *self.text(TEXT, path), oflags, rights, rights, fdflags, self.base + RESULT)
        return errno, struct.unpack("<I", self.read(self.base + RESULT, 4))[0]

    def vector(self, size: int = 16) -> Tuple[int, int]:
        self.write(self.base + VECTOR, struct.pack("<II", self.base + BUFFER, size))
        return self.base + VECTOR, 1


class Ours(Side):
    def __init__(self, make: Make, folder: Path) -> None:
        imported = '(import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))'
        text = module(imported + '(func (export "base") (result i32) global.get $base)')
        ns = make(wasi=Wasi(dirs={"/": folder}))
        library = ns.load_bytes("calls.so", wat(text, SIZE))
        self.call = lambda name, *arguments: int(library[name](*arguments))
        self.write, self.read, self.base = ns.memory.write, ns.memory.read, int(library.base())


class Theirs(Side):
    engine = wasmtime.Engine()
    compiled = wasmtime.Module(engine, bytes(wasmtime.wat2wasm("(module " + module('(memory (export "memory") 1)') + ")")))

    def __init__(self, folder: Path) -> None:
        linker, store, wasi = wasmtime.Linker(self.engine), wasmtime.Store(self.engine), wasmtime.WasiConfig()
        linker.define_wasi()
        wasi.preopen_dir(str(folder), "/")
        store.set_wasi(wasi)
        exports: Any = linker.instantiate(store, self.compiled).exports(store)
        memory = exports["memory"]
        self.call = lambda name, *arguments: int(exports[name](store, *arguments))
        self.write = lambda at, data: memory.write(store, data, at)
        self.read = lambda at, size: bytes(memory.read(store, at, at + size))
        self.base = 1024


def grow(folder: Path) -> None:
    """The tree in which all is done; anew, whatever has become of it, in a folder that stays."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    for name in ("empty", "full"):
        (folder / name).mkdir(parents=True)
    (folder / "full" / "inner").write_text("inner")
    (folder / "file").write_text("text")
    for name, to in LINKS.items():
        (folder / name).symlink_to(to)


LINKS = {
    "to-file": "file",
    "to-empty": "empty",
    "to-none": "none",
    "to-slash": "empty/",
    "loop": "loop",
    "out": "../outside",
    "absolute": "/file",
}
PATHS = """file file/ file/. file/x empty empty/ empty/. full full/ full/inner full/.. full/../file none none/ none/. none/x to-file to-file/ to-file/x
to-empty to-empty/ to-empty/. to-empty/x to-none to-none/ to-slash to-slash/ loop loop/ loop/x out out/ absolute absolute/ .. ../ ../file / /file . ./""".split() + [
    "",
    "file\0",
    "n" * 300,
    "d/" * 3000,
]

Case = Tuple[str, Callable[[Side, str], int]]


def opening(oflags: int, rights: int, follow: int) -> Case:
    flags = [name for bit, name in ((1, "creat"), (2, "directory"), (4, "excl"), (8, "trunc")) if oflags & bit]
    names = ["open", *flags, {READ: "r", WRITE: "w", READ | WRITE: "rw"}[rights], *(["follow"] if follow else [])]

    def run(side: Side, path: str) -> int:
        errno, fd = side.open(path, oflags, rights, follow)
        if errno == 0:
            side.call("fd_close", fd)
        return errno

    return " ".join(names), run


def call(name: str, *arguments: object) -> Case:
    """A call of one function, where `...` stands for the path and its length, and a text for its own."""

    def run(side: Side, path: str) -> int:
        passed: List[int] = []
        for n, argument in enumerate(arguments):
            if isinstance(argument, int):
                passed.append(argument)
            elif argument is RESULT_AT:
                passed.append(side.base + RESULT)
            else:
                passed += side.text(TEXT if n < 3 else OTHER, path if argument is ... else str(argument))
        return side.call(name, *passed)

    shown = ["the path" if argument is ... else str(argument) for argument in arguments if argument is ... or isinstance(argument, str)]
    numbers = [str(argument) for argument in arguments[1:] if isinstance(argument, int)]
    return f"{name} {' to '.join(shown)} {numbers}", run


RESULT_AT = object()
CASES: List[Case] = [
    *(opening(o, r, f) for o, r, f in product((0, CREAT, CREAT | EXCL, DIRECTORY, TRUNC, CREAT | TRUNC, CREAT | DIRECTORY), (READ, WRITE, READ | WRITE), (0, 1))),
    call("path_create_directory", 3, ...),
    call("path_remove_directory", 3, ...),
    call("path_unlink_file", 3, ...),
    *(call("path_filestat_get", 3, follow, ..., RESULT_AT) for follow in (0, 1)),
    *(call("path_filestat_set_times", 3, follow, ..., 5, 5, 5) for follow in (0, 1)),
    call("path_readlink", 3, ..., BUFFER, 16, RESULT_AT),
    call("path_symlink", "file", 3, ...),
    call("path_symlink", ..., 3, "new"),
    *(call("path_rename", 3, old, 3, new) for old, new in [(..., "new"), (..., "file"), (..., "empty"), ("file", ...), ("empty", ...), ("full", ...), ("to-file", ...)]),
    *(call("path_link", 3, 0, old, 3, new) for old, new in [(..., "new"), ("file", ...), ("to-file", ...)]),
]


Sides = Tuple[Tuple[Side, Path], Tuple[Side, Path]]


@pytest.fixture
def sides(make: Make, tmp_path: Path) -> Sides:
    """Ours and wasmtime's, each with the folder that it has."""
    folders = [tmp_path / name / "root" for name in ("ours", "theirs")]
    for folder in folders:
        folder.mkdir(parents=True)
        grow(folder)
    return (Ours(make, folders[0]), folders[0]), (Theirs(folders[1]), folders[1])


def tree(folder: Path) -> List[str]:
    """What there is, with what it holds."""
    found = []
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            kind = f"-> {os.readlink(path)}" if os.path.islink(path) else "folder" if name in folders else Path(path).read_text()
            found.append(f"{os.path.relpath(path, folder)} {kind}")
    return sorted(found)


def test_paths(sides: Sides) -> None:
    (ours, own), (theirs, other) = sides
    for (label, run), path in product(CASES, PATHS):
        errnos = run(ours, path), run(theirs, path)
        assert errnos[0] == errnos[1], f"{label}: {path[:20]!r}"
        if errnos[0] == 0:
            assert tree(own) == tree(other), f"{label}: {path[:20]!r}"
            grow(own)
            grow(other)
    assert tree(own) == tree(other)


# What a descriptor is opened as, in the tree: path, oflags, rights, fdflags.
OPENED = {
    "a file for reading": ("file", 0, READ, 0),
    "a file for writing": ("file", 0, WRITE, 0),
    "a file for both": ("file", 0, READ | WRITE, 0),
    "a file to append to": ("file", 0, WRITE, 1),
    "a folder": ("full", DIRECTORY, READ, 0),
}
OF_FOLDERS = "path_create_directory path_filestat_get path_readlink path_remove_directory path_unlink_file".split()


def operations(side: Side, fd: int) -> Iterator[Tuple[str, int]]:
    """The answers to all that can be done with a descriptor, with what was read or told."""

    def told(name: str, *arguments: int, size: int = 0) -> Tuple[str, int]:
        return name, side.call(name, fd, *arguments)

    at, count = side.vector()
    result = side.base + RESULT
    far = 1 << 63
    for offset, length, advice in product((0, 5, far), (0, 5, far), (0, 5)):
        yield told("fd_advise", offset, length, advice)
    for name in ("fd_datasync", "fd_sync"):
        yield told(name)
    yield told("fd_allocate", 0, 100)
    for offset in (0, 100):
        yield told("fd_pread", at, count, offset, result)
        yield told("fd_pwrite", at, count, offset, result)
    for offset in (0, 100, far):
        for whence in (0, 1, 2):
            yield told("fd_seek", offset, whence, result)
    yield told("fd_seek", -100, 1, result)
    yield told("fd_tell", result)
    yield told("fd_read", at, count, result)
    yield told("fd_write", at, count, result)
    yield told("fd_filestat_get", result)
    for size in (0, 100, far):
        yield told("fd_filestat_set_size", size)
    for flags in range(16):
        yield told("fd_filestat_set_times", 5, 5, flags)
    for flags in (0, 1, 4):
        yield told("fd_fdstat_set_flags", flags)
    yield told("fd_readdir", side.base + BUFFER, 100, 0, result)
    for name in OF_FOLDERS:
        rest = {"path_filestat_get": (result,), "path_readlink": (side.base + BUFFER, 16, result)}.get(name, ())
        before = (0,) if name == "path_filestat_get" else ()
        yield told(name, *before, *side.text(TEXT, "none"), *rest)
    yield told("fd_renumber", 1000)
    yield told("fd_close")
    yield told("fd_close")


@pytest.mark.parametrize("opened", OPENED)
def test_descriptors(sides: Sides, opened: str) -> None:
    path, oflags, rights, fdflags = OPENED[opened]
    answers = []
    for side, _ in sides:
        errno, fd = side.open(path, oflags, rights, fdflags=fdflags)
        assert errno == 0
        answers.append(list(operations(side, fd)))
    for n, (one, other) in enumerate(zip(*answers)):
        assert one == other, n
    assert tree(sides[0][1]) == tree(sides[1][1])


def test_where_the_two_differ(sides: Sides) -> None:
    """As docs/DESIGN.md says."""

    opened = [side.open("full", DIRECTORY) for side, _ in sides]
    assert opened[0] == opened[1] and opened[0][0] == 0
    fd = opened[0][1]
    assert [side.call("fd_prestat_get", fd, side.base + RESULT) for side, _ in sides] == [NOTSUP, BADF]
    # What a folder that was opened passes on: of writing wasmtime says nothing, and lets it happen.
    passes_on = []
    for side, _ in sides:
        assert side.call("fd_fdstat_get", fd, side.base + RESULT) == 0
        passes_on.append(struct.unpack("<Q", side.read(side.base + RESULT + 16, 8))[0] & WRITE)
        assert side.open("inner", 0, READ | WRITE, fd=fd)[0] == 0
    assert passes_on == [WRITE, 0]
    # What is no value of an enumeration is an error for the guest, and not its end.
    (ours, _), (theirs, _) = sides
    assert ours.call("fd_advise", fd, 0, 0, 6) == INVAL
    with pytest.raises(wasmtime.WasmtimeError, match="Invalid enum value"):
        theirs.call("fd_advise", fd, 0, 0, 6)
