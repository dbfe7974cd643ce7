"""Snapshots: the state of a namespace as a value."""

from __future__ import annotations

import ctypes
import weakref
from ctypes import byref, c_size_t, c_void_p

from ._errors import check
from ._library import dyld
from ._text import Buffer, c_bytes


class Snapshot:
    """The state of a namespace, taken by Namespace.snapshot and put back by Namespace.restore.

    It never changes, any number of threads may use it at once, and it outlives its namespace.
    """

    def __init__(self, handle: c_void_p) -> None:
        # Of Namespace.snapshot and from_bytes.
        self.handle = handle
        weakref.finalize(self, dyld.wasm_dyld_snapshot_delete, handle)

    def to_bytes(self) -> bytes:
        """The snapshot as bytes, for a file or another process. They hold the modules of its objects."""
        data, size = c_void_p(), c_size_t()
        check(dyld.wasm_dyld_snapshot_serialize, self.handle, byref(data), byref(size))
        return ctypes.string_at(data, size.value)

    @classmethod
    def from_bytes(cls, data: Buffer) -> Snapshot:
        """The snapshot that to_bytes gave, perhaps in another process; raises Malformed where the bytes are damaged.

        The bytes are as trusted as the guest that they bring: whatever they say harms that guest alone.
        """
        handle, data = c_void_p(), c_bytes(data)
        check(dyld.wasm_dyld_snapshot_deserialize, data, len(data), byref(handle))
        return cls(handle)
