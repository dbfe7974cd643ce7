"""What guests get of WASI, and callbacks of the configuration."""

import codecs
import ctypes
import errno
import io
import os
import socket
import weakref
from ctypes import byref, c_char_p, c_size_t, c_void_p
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Protocol, TextIO, Tuple, Union, runtime_checkable

from . import _ffi
from ._clocks import HostClocks, RandomFrom, Scale, apply_clocks, apply_random, scale_of
from ._entry import entry
from ._errors import check
from ._folders import Folder, MemoryFolder
from ._library import dyld
from ._quiet import Quiet
from ._state import Carried, State, callee
from ._text import Buffer, PathLike, c_bytes, c_path


class _Inherit:
    def __repr__(self) -> str:
        return "wasmdyld.INHERIT"


INHERIT = _Inherit()
"""The process's own standard input, output or error."""


@runtime_checkable
class Writer(Protocol):
    def write(self, data: bytes) -> Any: ...


@runtime_checkable
class Reader(Protocol):
    def read(self, size: int) -> bytes: ...


Input = Union[None, _Inherit, Buffer, Reader, Callable[[int], bytes]]
GuestDir = Union[PathLike, Folder, Mapping[str, Buffer]]
OutputTo = Union[None, _Inherit, "Output", Writer, TextIO, Callable[[bytes], Any]]


class Output:
    """A buffer that collects what guests write. With a limit, a guest that has more than so many bytes in it gets an error."""

    def __init__(self, limit: int = 0) -> None:
        self.handle = c_void_p(dyld.wasm_dyld_output_new(limit))
        weakref.finalize(self, dyld.wasm_dyld_output_delete, self.handle)

    def take(self) -> bytes:
        """Takes out what has been written since the last time."""
        data, size = c_void_p(), c_size_t()
        check(dyld.wasm_dyld_output_take, self.handle, byref(data), byref(size))
        return ctypes.string_at(data, size.value) if size.value else b""

    def text(self, encoding: str = "utf-8") -> str:
        """Takes out what has been written, as text."""
        return self.take().decode(encoding)


class Wasi:
    """What guests get of the machine, by WASI preview1. By default nothing.

    `args` are the program's arguments, its name first. `env` are variables; `inherit_env` adds those of the process. `dirs` maps
    folders of the guest's to the host's, for reading and writing, `read_only_dirs` for reading. Instead of a folder of the host's there may be a
    MemoryFolder, an ArchiveFolder, a HostFolder of Python's own functions, or a mapping of paths to bytes: each namespace then has a folder in memory of its own that begins with these files. `stdin` is bytes, a function that
    is asked for at most so many bytes and gives b"" at the end, or a binary file; `stdout` and `stderr` are an Output, a function
    that takes bytes, or a file, a text file as well: `stdout=sys.stdout` is where print() writes, in a notebook the cell. Each may be INHERIT, the
    process's own. A function that raises OSError gives the guest its errno; anything
    else that it raises gives the guest EIO, and is raised when the guest returns to Python. It must not use the namespace.

    `max_files` is how many files and folders a guest may have open at a time, beside those that it is given; None is 256, or half
    of what the process may open if that is less.

    `listeners` are TCP sockets that listen, on which guests may accept connections. Guests find them by number, in this order, after their
    folders: the first is 3 where there are none. They do not block from then on. `deterministic` is a seed: random numbers come from it, and clocks stand still
    but for sleeps, which pass at once, so that runs are the same each time.

    `clocks` are a HostClocks, which guests then see. `clock_scale` has time pass so many times as fast for them, from one millionth to a million: their clocks show so, and their
    sleeps last so long. `random` is where random numbers come from: a seed, which is no secret, or a function that is asked for so many bytes and gives them.

    It only describes: one may serve any number of namespaces.
    """

    def __init__(
        self,
        *,
        args: Iterable[str] = (),
        env: Optional[Mapping[str, str]] = None,
        inherit_env: bool = False,
        dirs: Optional[Mapping[str, GuestDir]] = None,
        read_only_dirs: Optional[Mapping[str, GuestDir]] = None,
        stdin: Input = None,
        stdout: OutputTo = None,
        stderr: OutputTo = None,
        max_files: Optional[int] = None,
        listeners: Iterable[socket.socket] = (),
        deterministic: Optional[int] = None,
        clocks: Optional[HostClocks] = None,
        clock_scale: Optional[Scale] = None,
        random: Optional[RandomFrom] = None,
    ) -> None:
        self.args = tuple(args)
        self.env = dict(env or {})
        self.inherit_env = inherit_env
        self.dirs: Dict[str, GuestDir] = dict(dirs or {})
        self.read_only_dirs: Dict[str, GuestDir] = dict(read_only_dirs or {})
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        if max_files is not None and not 0 <= max_files < 1 << 32:
            raise OverflowError(f"{max_files} is no number of files")
        self.max_files = max_files
        self.listeners = tuple(listeners)
        for seed in (deterministic, random if isinstance(random, int) else None):
            if seed is not None and not 0 <= seed < 1 << 64:
                raise OverflowError(f"{seed} is no seed of 64 bits")
        if sum(given is not None for given in (deterministic, clocks, clock_scale)) > 1:
            raise ValueError("clocks are those of deterministic, of clocks or of clock_scale, and not of two")
        if not isinstance(clocks, (HostClocks, type(None))):
            raise TypeError(f"clocks are of a class that is derived from HostClocks, not {type(clocks).__name__}")
        if random is not None and not isinstance(random, int) and not callable(random):
            raise TypeError(f"random is a seed or a function, not {type(random).__name__}")
        self.deterministic, self.clocks, self.random = deterministic, clocks, random
        self.clock_scale = None if clock_scale is None else scale_of(clock_scale)

    def _apply(self, state: State) -> None:
        wasi = c_void_p(dyld.wasm_dyld_wasi_new())
        try:
            self._fill(wasi, state)
        except BaseException:
            dyld.wasm_dyld_wasi_delete(wasi)
            raise
        # Takes it, also on failure.
        state.call(dyld.wasm_dyld_set_wasi, wasi)

    def _fill(self, wasi: c_void_p, state: State) -> None:
        for arg in self.args:
            check(dyld.wasm_dyld_wasi_add_arg, wasi, c_path(arg, "an argument"))
        for name, value in self.env.items():
            check(dyld.wasm_dyld_wasi_add_env, wasi, c_path(name, "a variable's name"), c_path(value, "a variable"))
        if self.inherit_env:
            check(dyld.wasm_dyld_wasi_inherit_env, wasi)
        for dirs, access in ((self.dirs, _ffi.WASM_DYLD_FOLDER_READ_WRITE), (self.read_only_dirs, _ffi.WASM_DYLD_FOLDER_READ_ONLY)):
            for guest, host in dirs.items():
                called = c_path(guest, "a folder's name for guests")
                if isinstance(host, Mapping) and not isinstance(host, Folder):
                    host = MemoryFolder(host)
                if isinstance(host, Folder):
                    host._serve(state)
                    check(dyld.wasm_dyld_wasi_add_virtual_folder, wasi, host._handle, called, access)
                else:
                    check(dyld.wasm_dyld_wasi_add_folder, wasi, c_path(host, "a folder"), called, access)
        if self.max_files is not None:
            check(dyld.wasm_dyld_wasi_set_max_files, wasi, self.max_files)
        for listener in self.listeners:
            check(dyld.wasm_dyld_wasi_add_listener, wasi, listener.fileno())
        if self.deterministic is not None:
            check(dyld.wasm_dyld_wasi_set_deterministic, wasi, self.deterministic)
        if self.clocks is not None:
            apply_clocks(wasi, state, self.clocks)
        if self.clock_scale is not None:
            check(dyld.wasm_dyld_wasi_set_clock_scale, wasi, *self.clock_scale)
        if self.random is not None:
            apply_random(wasi, state, self.random)
        streams = (self.stdin, self.stdout, self.stderr)
        inherit = any(isinstance(stream, _Inherit) for stream in streams)
        if inherit:
            # All three; those that are not wanted are replaced.
            check(dyld.wasm_dyld_wasi_inherit_stdio, wasi)
        self._fill_stdin(wasi, state, inherit)
        setters = (
            (self.stdout, dyld.wasm_dyld_wasi_set_stdout, dyld.wasm_dyld_wasi_set_stdout_buffer),
            (self.stderr, dyld.wasm_dyld_wasi_set_stderr, dyld.wasm_dyld_wasi_set_stderr_buffer),
        )
        none = _ffi.wasm_dyld_finalizer_t()
        for to, set_callback, set_buffer in setters:
            if isinstance(to, Output):
                check(set_buffer, wasi, to.handle)
            elif to is None and inherit:
                check(set_callback, wasi, write_callback, Sink(state, lambda data: None).number, none)
            elif to is not None and not isinstance(to, _Inherit):
                check(set_callback, wasi, write_callback, Sink(state, writer(to)).number, none)

    def _fill_stdin(self, wasi: c_void_p, state: State, inherit: bool) -> None:
        source = self.stdin
        if isinstance(source, (bytes, bytearray, memoryview)) or (source is None and inherit):
            data = b"" if source is None else c_bytes(source)
            check(dyld.wasm_dyld_wasi_set_stdin_bytes, wasi, data, len(data))
        elif source is not None and not isinstance(source, _Inherit):
            read = source.read if isinstance(source, Reader) else source
            check(dyld.wasm_dyld_wasi_set_stdin, wasi, read_callback, Source(state, read).number, _ffi.wasm_dyld_finalizer_t())


def writer(to: Union[Writer, TextIO, Callable[[bytes], Any]]) -> Callable[[bytes], Any]:
    """What takes a guest's bytes. For a text file they are UTF-8, however they are cut."""
    if isinstance(to, (io.TextIOBase, TextIO)):
        text, decoder = to, codecs.getincrementaldecoder("utf-8")("replace")
        return lambda data: text.write(decoder.decode(data))
    return to.write if isinstance(to, Writer) else to


class Source(Quiet):
    def __init__(self, state: State, read: Callable[[int], bytes]) -> None:
        super().__init__(state)
        self.read = read

    def fill(self, buffer: int, size: int) -> int:
        data = bytes(self.read(size))
        if len(data) > size:
            raise ValueError(f"stdin was asked for at most {size} bytes, and gave {len(data)}")
        ctypes.memmove(buffer, data, len(data))
        return len(data)


class Sink(Quiet):
    def __init__(self, state: State, write: Callable[[bytes], Any]) -> None:
        super().__init__(state)
        self.write = write

    def take(self, data: int, size: int) -> int:
        self.write(ctypes.string_at(data, size) if size else b"")
        return 0


@entry(-errno.EIO)
def read_stdin(env: Optional[int], buffer: int, size: int) -> int:
    source: Optional[Source] = callee(env)
    return -errno.EIO if source is None else source.guarded(-1, lambda: source.fill(buffer, size))


@entry(errno.EIO)
def write_output(env: Optional[int], data: int, size: int) -> int:
    sink: Optional[Sink] = callee(env)
    return errno.EIO if sink is None else sink.guarded(1, lambda: sink.take(data, size))


Found = Union[None, Buffer, Tuple[Buffer, Union[bytes, str]]]
OpenCallback = Callable[[str, Optional[str]], Found]
TraceCallback = Callable[[str, str], Any]


class Opener(Carried):
    """The open callback."""

    def __init__(self, state: State, open: OpenCallback) -> None:
        super().__init__(state)
        self.open = open
        self._kept: Any = None

    def answer(self, name: bytes, needed_by: Optional[bytes], out: Tuple[Any, Any, Any, Any]) -> int:
        try:
            found = self.open(os.fsdecode(name), None if needed_by is None else os.fsdecode(needed_by))
            if found is None:
                return 1
            data, identity = found if isinstance(found, tuple) else (found, None)
            if isinstance(identity, str):
                identity = identity.encode()
            data = c_bytes(data)
            # Kept until the linker has copied them, which it does before it asks again.
            self._kept = kept = (c_char_p(data), c_char_p(identity))
            out[0][0], out[1][0] = ctypes.cast(kept[0], c_void_p), len(data)
            if identity is not None:
                out[2][0], out[3][0] = ctypes.cast(kept[1], c_void_p), len(identity)
            return 0
        except BaseException as error:
            self.state.defer(error)
            return -1


@entry(-1)
def answer_open(env: Optional[int], name: bytes, needed_by: Optional[bytes], data: Any, size: Any, identity: Any, length: Any) -> int:
    opener: Optional[Opener] = callee(env)
    return 1 if opener is None else opener.answer(name, needed_by, (data, size, identity, length))


class Tracer(Quiet, Carried):
    def __init__(self, state: State, trace: TraceCallback) -> None:
        super().__init__(state)
        self.trace = trace

    def say(self, category: bytes, text: bytes) -> int:
        self.trace(category.decode(), text.decode("utf-8", "replace"))
        return 0


@entry(0)
def say_trace(env: Optional[int], category: bytes, text: bytes) -> None:
    tracer: Optional[Tracer] = callee(env)
    if tracer is not None:
        tracer.guarded(1, lambda: tracer.say(category, text))


# One of each for all namespaces: what C may call lives as long as the process.
read_callback = _ffi.wasm_dyld_read_callback_t(read_stdin)
write_callback = _ffi.wasm_dyld_write_callback_t(write_output)
open_callback = _ffi.wasm_dyld_open_callback_t(answer_open)
trace_callback = _ffi.wasm_dyld_trace_callback_t(say_trace)
