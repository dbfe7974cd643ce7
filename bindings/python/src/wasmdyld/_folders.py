"""Folders for guests that are none of the system."""

import ctypes
import threading
import weakref
from collections.abc import MutableMapping
from ctypes import byref, c_size_t, c_void_p
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Mapping, Optional, Union

from ._errors import InvalidArgument, NotFound, check
from ._library import dyld
from ._text import Buffer, PathLike, c_bytes, c_path

if TYPE_CHECKING:
    from ._state import State


class Folder:
    """A folder for guests that is none of the system. Any number of namespaces may have it."""

    _handle: c_void_p

    def _keep(self, handle: Optional[int]) -> None:
        if not handle:
            raise MemoryError("too many folders")
        self._handle = c_void_p(handle)
        weakref.finalize(self, dyld.wasm_dyld_folder_delete, self._handle)

    def _serve(self, state: "State") -> None:
        """Is told of a namespace that has it."""


class MemoryFolder(Folder, MutableMapping[str, bytes]):
    """A folder in memory: a mapping of paths, which begin in it without a slash, to what the files have. It can be used while guests use
    it, and after they have ended, by any thread.

    `files` is what it begins with. It holds at most `max_bytes` in files, names and links, and at most `max_nodes` files, links, folders and further names
    of files; where a guest would have more, it gets ENOSPC. What Python puts there bears the time 0 (1970).

    Its keys are the paths of what can be read: files, and links that lead to such. What lies deeper than a path of 4,095 bytes is left out. To tell which links
    lead to a file, iteration and `len` read each.
    """

    def __init__(self, files: Optional[Mapping[str, Buffer]] = None, *, max_bytes: int = 256 << 20, max_nodes: int = 1 << 16) -> None:
        for what, value in (("bytes", max_bytes), ("nodes", max_nodes)):
            if not 0 < value < 1 << 64:
                raise OverflowError(f"{value} is no number of {what}")
        # What is read lies in the handle until it is copied from there, and the next read by another thread frees it.
        self._lock = threading.Lock()
        self._keep(dyld.wasm_dyld_folder_new_memory(max_bytes, max_nodes))
        for path, data in (files or {}).items():
            self[path] = data

    def _call(self, function: Callable[..., int], *args: Any) -> None:
        with self._lock:
            check(function, self._handle, *args)

    def _bytes(self, function: Callable[..., int], *args: Any) -> bytes:
        data, size = c_void_p(), c_size_t()
        with self._lock:
            check(function, self._handle, *args, byref(data), byref(size))
            return ctypes.string_at(data, size.value) if size.value else b""

    def __setitem__(self, path: str, data: Buffer) -> None:
        data = c_bytes(data)
        self._call(dyld.wasm_dyld_folder_write, c_path(path, "a path"), data, len(data))

    def make(self, path: str) -> None:
        """Makes a folder, with those on the way."""
        self._call(dyld.wasm_dyld_folder_make, c_path(path, "a path"))

    def __getitem__(self, path: str) -> bytes:
        try:
            return self._bytes(dyld.wasm_dyld_folder_read, c_path(path, "a path"))
        except (NotFound, InvalidArgument) as error:
            # A path that is a folder's, or leads out, is no key either.
            raise KeyError(path) from error

    def __delitem__(self, path: str) -> None:
        """Removes a file, a link, or a folder with all that is in it."""
        try:
            self._call(dyld.wasm_dyld_folder_remove, c_path(path, "a path"))
        except (NotFound, InvalidArgument) as error:
            raise KeyError(path) from error

    def clear(self) -> None:
        """Removes all that is in it, folders and links too."""
        self._call(dyld.wasm_dyld_folder_clear)

    def _paths(self) -> List[str]:
        raw = self._bytes(dyld.wasm_dyld_folder_list)
        paths = [path.decode() for path in raw.split(b"\0")[:-1]]
        return [path for path in paths if not path.endswith("/") and path in self]

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        try:
            self._call(dyld.wasm_dyld_folder_read, c_path(path, "a path"), None, None)
        except (NotFound, InvalidArgument):
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths())

    def __len__(self) -> int:
        return len(self._paths())

    def __repr__(self) -> str:
        return f"<wasmdyld.MemoryFolder, {len(self)} files>"


class ArchiveFolder(Folder):
    """A folder that a zip archive is, for reading alone. `archive` is the path of one or its bytes. Its directory is read at once, and of its
    files what guests read, when they do. The file stays open as long as anything has the folder, and has to stay as it is.

    It may have at most `max_nodes` files, folders and links. What is no archive, or one that leads readers astray (entries that overlap or have one name, names
    that lead elsewhere), raises Malformed.
    """

    def __init__(self, archive: Union[PathLike, Buffer], *, max_nodes: int = 1 << 16) -> None:
        if not 0 < max_nodes < 1 << 64:
            raise OverflowError(f"{max_nodes} is no number of nodes")
        made = c_void_p()
        if isinstance(archive, (bytes, bytearray, memoryview)):
            data = c_bytes(archive)
            check(dyld.wasm_dyld_folder_new_archive_bytes, data, len(data), max_nodes, byref(made))
        else:
            check(dyld.wasm_dyld_folder_new_archive, c_path(archive, "an archive"), max_nodes, byref(made))
        self._keep(made.value)
