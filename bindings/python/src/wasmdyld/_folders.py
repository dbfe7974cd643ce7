"""Folders for guests that are none of the system."""

import ctypes
import weakref
from collections.abc import MutableMapping
from ctypes import byref, c_size_t, c_void_p
from typing import Iterator, List, Mapping, Optional

from ._errors import Error, check
from ._library import dyld
from ._text import Buffer, c_bytes, c_path


class Folder:
    """A folder for guests that is none of the system. Any number of namespaces may have it."""

    _handle: c_void_p

    def _keep(self, handle: Optional[int]) -> None:
        if not handle:
            raise MemoryError("too many folders")
        self._handle = c_void_p(handle)
        weakref.finalize(self, dyld.wasm_dyld_folder_delete, self._handle)


class MemoryFolder(Folder, MutableMapping[str, bytes]):
    """A folder in memory: a mapping of paths, which begin in it without a slash, to what the files have. It can be used while guests use
    it, and after they have ended.

    `files` is what it begins with. It holds at most `max_bytes` in files, names and links, and at most `max_nodes` of these and folders; where a guest
    would have more, it gets ENOSPC. What Python puts there bears the time 0 (1970).

    Listed are files, links, and folders that are empty, each of these with a slash at its end.
    """

    def __init__(self, files: Optional[Mapping[str, Buffer]] = None, *, max_bytes: int = 256 << 20, max_nodes: int = 1 << 16) -> None:
        for what, value in (("bytes", max_bytes), ("nodes", max_nodes)):
            if not 0 < value < 1 << 64:
                raise OverflowError(f"{value} is no number of {what}")
        self._keep(dyld.wasm_dyld_folder_new_memory(max_bytes, max_nodes))
        for path, data in (files or {}).items():
            self[path] = data

    def __setitem__(self, path: str, data: Buffer) -> None:
        data = c_bytes(data)
        check(dyld.wasm_dyld_folder_write, self._handle, c_path(path, "a path"), data, len(data))

    def make(self, path: str) -> None:
        """Makes a folder, with those on the way."""
        check(dyld.wasm_dyld_folder_make, self._handle, c_path(path, "a path"))

    def __getitem__(self, path: str) -> bytes:
        data, size = c_void_p(), c_size_t()
        try:
            check(dyld.wasm_dyld_folder_read, self._handle, c_path(path, "a path"), byref(data), byref(size))
        except Error as error:
            raise KeyError(path) from error
        return ctypes.string_at(data, size.value) if size.value else b""

    def __delitem__(self, path: str) -> None:
        """Removes a file, a link, or a folder with all that is in it."""
        try:
            check(dyld.wasm_dyld_folder_remove, self._handle, c_path(path, "a path"))
        except Error as error:
            raise KeyError(path) from error

    def _paths(self) -> List[str]:
        data, size = c_void_p(), c_size_t()
        check(dyld.wasm_dyld_folder_list, self._handle, byref(data), byref(size))
        raw = ctypes.string_at(data, size.value) if size.value else b""
        return [path.decode() for path in raw.split(b"\0")[:-1]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths())

    def __len__(self) -> int:
        return len(self._paths())

    def __repr__(self) -> str:
        return f"<wasmdyld.MemoryFolder, {len(self)} files>"
