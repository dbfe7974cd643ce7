"""Folders for guests whose files Python has."""

import ctypes
import errno
import itertools
from abc import ABC, abstractmethod
from ctypes import byref, c_void_p
from dataclasses import dataclass
from threading import local
from typing import Any, Dict, Generic, Iterable, Iterator, Optional, Tuple, TypeVar

from . import _ffi
from ._entry import entry
from ._enums import FileKind, OpenFor
from ._errors import check
from ._folders import Folder
from ._library import dyld
from ._quiet import Quiet, number_of
from ._state import Shared, State, callee
from ._text import Buffer, c_bytes

F = TypeVar("F")


@dataclass(frozen=True)
class FileStat:
    """What the host says of something in a folder."""

    kind: FileKind
    size: int = 0
    """Bytes of a file or of a link's contents."""
    inode: int = 0
    """A number that nothing else in the folder has. 0: one that follows from the path. Guests that open libraries have one library for each number."""
    accessed: int = 0
    """When it was last read, in nanoseconds since 1970."""
    modified: int = 0
    """When its contents were last changed."""
    changed: int = 0
    """When it itself was last changed."""


class HostFiles(ABC, Generic[F]):
    """Files that the host has, for guests: a class to derive from. `F` is whatever stands for an open file.

    A path begins in the folder, without a slash, has at most 4,095 bytes in UTF-8, and has no part that is "." or ".."; "" is the folder itself. What is above the last part of a path
    has been said by `stat` to be a folder: links, and whether a path leads out, are looked after before.

    A method that raises OSError gives the guest its errno, FileNotFoundError() and the like that of their class. Anything else that it raises gives the guest EIO, and so does an answer that
    cannot be; both are raised when the guest returns to Python. What is not overridden is EROFS, as on a file system that is read only, but for what the methods below say.

    They are called by the threads that run guests with the folder, and by several at once if these are several. They must not use the namespace.
    """

    @abstractmethod
    def stat(self, path: str) -> FileStat:
        """Tells what is at a path, of a link itself. FileNotFoundError: nothing."""

    @abstractmethod
    def open(self, path: str, how: OpenFor) -> F:
        """Opens a file: what it gives is passed to the other methods until `close`."""

    @abstractmethod
    def read(self, file: F, size: int, offset: int) -> Buffer:
        """Reads at most `size` bytes from `offset` on. b"": that is behind the end."""

    @abstractmethod
    def entries(self, path: str) -> Iterable[str]:
        """The names in a folder. "." and ".." may be among them."""

    def close(self, file: F) -> None:
        """Is called once for each file that was opened. Without it nothing happens."""

    def stat_open(self, file: F) -> FileStat:
        """As `stat`, of a file that is open. Without it `stat` is asked by the path that was opened."""
        raise OSError(errno.EROFS, "not overridden")

    def write(self, file: F, data: bytes, offset: int) -> int:
        """Writes at `offset`, and tells how many bytes. What lies between the end of the file and `offset` becomes zeros. Without it no file is opened to be
        written to, made, or emptied."""
        raise OSError(errno.EROFS, "not overridden")

    def set_size(self, file: F, size: int) -> None:
        """Gives a file another size."""
        raise OSError(errno.EROFS, "not overridden")

    def sync(self, file: F) -> None:
        """Has what was written to a file lie where it stays. Without it nothing happens."""

    def create_folder(self, path: str) -> None:
        """Makes a folder, where there is nothing."""
        raise OSError(errno.EROFS, "not overridden")

    def remove_folder(self, path: str) -> None:
        """Removes a folder that has no entries."""
        raise OSError(errno.EROFS, "not overridden")

    def remove_file(self, path: str) -> None:
        """Removes a file or a link."""
        raise OSError(errno.EROFS, "not overridden")

    def rename(self, path: str, to: str) -> None:
        """Gives something another path, in the stead of what is there: a file or a link in that of such, a folder in that of one without entries."""
        raise OSError(errno.EROFS, "not overridden")

    def read_link(self, path: str) -> str:
        """The contents of a link. Without it there are no links."""
        raise OSError(errno.EINVAL, "not overridden")

    def make_link(self, contents: str, path: str) -> None:
        """Makes a link with these contents, where there is nothing."""
        raise OSError(errno.EROFS, "not overridden")

    def set_times(self, path: str, accessed: Optional[int], modified: Optional[int]) -> None:
        """Sets when something was last read and changed, in nanoseconds since 1970. None: it stays as it is."""
        raise OSError(errno.EROFS, "not overridden")


class HostFolder(Folder):
    """A folder whose files are those of `files`. Any number of namespaces may have it, on any threads. It keeps `files`, and so does each namespace that has it."""

    def __init__(self, files: HostFiles[Any]) -> None:
        if not isinstance(files, HostFiles):
            raise TypeError(f"files are of a class that is derived from HostFiles, not {type(files).__name__}")
        self._hosted = Hosted(files)
        made = c_void_p()
        none = _ffi.wasm_dyld_finalizer_t()
        check(dyld.wasm_dyld_folder_new_callbacks, byref(callbacks_of(files)), self._hosted.number, none, byref(made))
        self._keep(made.value)

    def _serve(self, state: State) -> None:
        self._hosted.join(state)


class Listing(local):
    """What a thread lists: a folder's path, the number of the next name, and the names from there on."""

    at: Optional[Tuple[str, int, Iterator[str]]] = None


class Hosted(Quiet, Shared):
    """Files as C asks for them. What C gets here is checked: it does not know how long Python's values are."""

    def __init__(self, files: HostFiles[Any]) -> None:
        super().__init__()
        self.files = files
        self.opened: Dict[int, Any] = {}
        self.numbers = itertools.count(1)
        self.listing = Listing()

    def file(self, number: int) -> Any:
        try:
            return self.opened[number]
        except KeyError:
            raise OSError(errno.EBADF, "the file is closed") from None

    def stat(self, path: bytes, to: Any) -> int:
        return told(self.files.stat(path.decode()), to)

    def open(self, path: bytes, flags: int, to: Any) -> int:
        file = self.files.open(path.decode(), OpenFor(flags))
        number = next(self.numbers)
        self.opened[number] = file
        to[0] = number
        return 0

    def read(self, number: int, to: int, size: int, offset: int) -> int:
        data = c_bytes(self.files.read(self.file(number), size, offset))
        if len(data) > size:
            raise ValueError(f"a file was asked for at most {size} bytes, and gave {len(data)}")
        ctypes.memmove(to, data, len(data))
        return len(data)

    def entry(self, folder: bytes, number: int, to: int, size: int) -> int:
        path, at = folder.decode(), self.listing.at
        if number and at is not None and at[:2] == (path, number):
            names = at[2]
        else:
            names = itertools.islice(self.files.entries(path), number, None)
        for name in names:
            self.listing.at = path, number + 1, names
            return text(name, "a name", to, size)
        self.listing.at = None
        return 0

    def close(self, number: int) -> int:
        file = self.file(number)
        del self.opened[number]
        self.files.close(file)
        return 0

    def stat_open(self, number: int, to: Any) -> int:
        return told(self.files.stat_open(self.file(number)), to)

    def write(self, number: int, data: int, size: int, offset: int) -> int:
        written = number_of(self.files.write(self.file(number), ctypes.string_at(data, size), offset), "what was written")
        if written > size:
            raise ValueError(f"a file was given {size} bytes, and took {written}")
        return written

    def set_size(self, number: int, size: int) -> int:
        self.files.set_size(self.file(number), size)
        return 0

    def sync(self, number: int) -> int:
        self.files.sync(self.file(number))
        return 0

    def create_folder(self, path: bytes) -> int:
        self.files.create_folder(path.decode())
        return 0

    def remove_folder(self, path: bytes) -> int:
        self.files.remove_folder(path.decode())
        return 0

    def remove_file(self, path: bytes) -> int:
        self.files.remove_file(path.decode())
        return 0

    def rename(self, path: bytes, to: bytes) -> int:
        self.files.rename(path.decode(), to.decode())
        return 0

    def read_link(self, path: bytes, to: int, size: int) -> int:
        return text(self.files.read_link(path.decode()), "the contents of a link", to, size)

    def make_link(self, contents: bytes, path: bytes) -> int:
        self.files.make_link(contents.decode(), path.decode())
        return 0

    def set_times(self, path: bytes, *times: int) -> int:
        accessed, modified = (None if time == KEEP else time for time in times)
        self.files.set_times(path.decode(), accessed, modified)
        return 0


KEEP = (1 << 64) - 1
"""A time that is not set."""


def told(said: FileStat, to: Any) -> int:
    if not isinstance(said, FileStat):
        raise TypeError(f"stat gives a FileStat, not {type(said).__name__}")
    numbers = {name: number_of(getattr(said, name), name) for name in ("size", "inode", "accessed", "modified", "changed")}
    numbers["kind"] = FileKind(said.kind)
    for name, number in numbers.items():
        setattr(to[0], name, number)
    return 0


def text(value: str, what: str, to: int, size: int) -> int:
    if not isinstance(value, str):
        raise TypeError(f"{what} is a str, not {type(value).__name__}")
    data = value.encode()
    if not 0 < len(data) <= size:
        raise ValueError(f"{what} has {len(data)} bytes")
    ctypes.memmove(to, data, len(data))
    return len(data)


FIELDS: Dict[str, Any] = {field[0]: field[1] for field in _ffi.wasm_dyld_folder_callbacks_t._fields_}
REQUIRED = ("stat", "open", "read", "entry")
COUNTS = ("read", "entry", "write", "read_link")
"""Those that give a number of bytes, and an errno negated."""


def callback(name: str) -> Any:
    """What C calls for this method of Hosted."""
    failed = -1 if name in COUNTS else 1

    @entry(failed * errno.EIO)
    def answer(env: Optional[int], *arguments: Any) -> int:
        hosted: Optional[Hosted] = callee(env)
        return failed * errno.EIO if hosted is None else hosted.guarded(failed, lambda: int(getattr(hosted, name)(*arguments)))

    return FIELDS[name](answer)


@entry(0)
def answer_close(env: Optional[int], number: int) -> None:
    hosted: Optional[Hosted] = callee(env)
    if hosted is not None:
        hosted.guarded(0, lambda: hosted.close(number))


# One of each for all folders: what C may call lives as long as the process.
CALLBACKS: Dict[str, Any] = {name: callback(name) for name in FIELDS if name not in ("size", "close")}
CALLBACKS["close"] = FIELDS["close"](answer_close)


def callbacks_of(files: HostFiles[Any]) -> Any:
    """The functions for what is overridden: C knows what to do without the others."""
    given = _ffi.wasm_dyld_folder_callbacks_t(size=ctypes.sizeof(_ffi.wasm_dyld_folder_callbacks_t))
    for name, function in CALLBACKS.items():
        own = getattr(getattr(files, name, None), "__func__", None)
        if name in REQUIRED or own is not getattr(HostFiles, name):
            setattr(given, name, function)
    return given
