"""What stands behind a namespace, and what its libraries, functions and callbacks share."""

import ctypes
import itertools
import math
import weakref
from collections import deque
from contextlib import contextmanager
from ctypes import byref, c_void_p
from threading import RLock, get_ident
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Tuple

from . import _ffi
from ._engine import EngineHandle, unraisable
from ._enums import Code
from ._errors import Busy, Closed, take
from ._library import dyld
from ._turns import in_turn, refused


class Handles:
    """The C objects of a namespace, to be deleted once and in order. Refers to nothing that could refer to the namespace."""

    def __init__(self, engine: EngineHandle) -> None:
        self.engine = engine
        self.api = engine.api
        self.store = c_void_p(self.api.wasm_store_new(engine.engine))
        if not self.store:
            raise MemoryError("the engine makes no store")
        self.namespace = c_void_p()
        self.owned: Dict[int, Callable[[int], None]] = {}
        # Owned, and forgotten by whoever had them; deleted where the namespace is used.
        self.retired: "Deque[int]" = deque()
        self.running = 0
        self.closed = False
        # Whoever uses the namespace has taken the entry: see _turns.
        self.turn: Dict[int, None] = {0: None}
        # What C calls as long as the namespace is there.
        self.watcher: Any = None
        self.watched = False
        self.views: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()
        """Who looks at the memory itself: it stays as long as they do."""

    def own(self, handle: int, delete: Callable[[int], None]) -> None:
        """Something of the store that has to go before it does."""
        self.owned[handle] = delete

    def disown(self, handle: int) -> None:
        delete = self.owned.pop(handle, None)
        if delete is not None:
            delete(handle)

    def delete_retired(self) -> None:
        while self.retired:
            self.disown(self.retired.popleft())

    def forget(self) -> None:
        """Nobody has the namespace any more, or the interpreter ends. A thread that uses it then goes on doing so until the process ends."""
        if self.running or len(self.views):
            return
        try:
            del self.turn[0]
        except KeyError:
            return
        self.close()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        while self.owned:
            handle, delete = self.owned.popitem()
            delete(handle)
        dyld.wasm_dyld_delete(self.namespace)
        self.api.wasm_store_delete(self.store)


# What runs guests, which may grow the memory. A look-up may ask a program by a function of its own.
RUNS_GUESTS = frozenset(
    f"wasm_dyld_{name}" for name in "alloc dlsym dlsym_next finish free func_call_rows load load_bytes load_compiled run unload".split()
)


class State:
    """A namespace's handles, the thread whose turn it is, and the exceptions of its callbacks on their way through the guest."""

    def __init__(self, engine: EngineHandle) -> None:
        self.handles = Handles(engine)
        self.api = engine.api
        self.turn = self.handles.turn
        # Who has taken the turn; 0: nobody.
        self.thread = 0
        # Who had it last.
        self.last = get_ident()
        self.in_callback_of_io = 0
        # Rises with what may change where names lead.
        self.changes = 0
        self.moves_memory = engine.moves_memory
        self.views = self.handles.views
        self.default_paths: List[Any] = []
        """The folders that are searched last."""
        # What C knows by number is kept here.
        self.callees: List[Callee] = []
        self._pending: Optional[BaseException] = None
        self._pending_text = ""
        self._deferred: Optional[BaseException] = None
        self._timeout: Optional[float] = None
        self.forget = weakref.finalize(self, self.handles.forget)

    @property
    def _state(self) -> "State":
        return self

    def take_settings(self, other: "State") -> None:
        """Knows what C carries over."""
        self.default_paths = list(other.default_paths)
        self._timeout = other._timeout

    def close(self) -> None:
        """Ends the namespace, in this thread's turn."""
        self.forget.detach()
        self.handles.close()

    def check(self) -> None:
        """Refuses what would not be safe."""
        if self.handles.closed:
            raise Closed("the namespace is closed")
        if self.thread and self.thread != get_ident():
            raise refused(self)
        if self.in_callback_of_io:
            raise Busy("a callback for input, output or debug output must not use the namespace")

    def check_views(self) -> None:
        """Refuses what may grow the memory where that would leave views behind."""
        if self.moves_memory and len(self.views):
            raise BufferError("there are views of the namespace's memory, which this engine may move when it grows: release() them before the guest runs")

    def move(self, thread: int) -> None:
        """Another thread uses the namespace than before."""
        from ._signals import follow

        self.last = thread
        follow(self)

    @property
    def namespace(self) -> c_void_p:
        self.check()
        return self.handles.namespace

    @property
    def store(self) -> c_void_p:
        self.check()
        return self.handles.store

    def call(self, function: Callable[..., int], *arguments: Any) -> None:
        """Calls a C function with the namespace, the arguments and an error, and raises what went wrong: in C or in a callback."""
        __tracebackhide__ = True
        self.call_prepared(function, self.namespace, *arguments)

    @in_turn
    def call_prepared(self, function: Callable[..., int], *arguments: Any) -> None:
        """As `call`, of a function that is not given the namespace."""
        __tracebackhide__ = True
        self.check()
        if self.moves_memory and function.__name__ in RUNS_GUESTS:
            self.check_views()
        error = c_void_p()
        handles = self.handles
        handles.running += 1
        try:
            code = function(*arguments, byref(error))
        finally:
            handles.running -= 1
        self.finish(code, error)

    def has_exception(self) -> bool:
        """Whether an exception of a callback waits to be raised, or to be forgotten."""
        return self._pending is not None or self._deferred is not None

    def take_exception(self, other: "State") -> None:
        """Has what waits to be raised for another namespace be raised for this one."""
        deferred, other._deferred = other._deferred, None
        if deferred is not None:
            self.defer(deferred)

    def finish(self, code: int, error: c_void_p) -> None:
        """Raises what a call went wrong with, and lets go of what it did not."""
        __tracebackhide__ = True
        handles = self.handles
        pending, self._pending = self._pending, None
        deferred = None
        if not handles.running:
            deferred, self._deferred = self._deferred, None
        if not code:
            if deferred is not None:
                raise deferred
            return
        problem: BaseException = take(code, error)
        # A guest may survive the trap of a callback, in its dlopen for instance, and trap again for another reason.
        if pending is not None and code in (Code.TRAP, Code.EXIT) and self._pending_text in str(problem):
            problem = pending
        try:
            raise deferred or problem
        finally:
            # Or the exception and this frame would refer to each other, and all that the frames above refer to would stay until they are collected.
            del pending, deferred, problem

    @property
    def timeout(self) -> Optional[float]:
        """How many seconds each call may take that is not inside of another one."""
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: Optional[float]) -> None:
        self.call(dyld.wasm_dyld_set_timeout, nanoseconds(seconds))
        self._timeout = seconds

    @contextmanager
    def within(self, seconds: Optional[float]) -> Iterator[None]:
        """Calls within this may take so long each; None: as long as they may anyway."""
        if seconds is None:
            yield
            return
        self.check()
        if self.handles.running:
            raise Busy("a call inside of another one shares the time of that one: it cannot be given a timeout of its own")
        before = self._timeout
        self.timeout = seconds
        try:
            yield
        finally:
            if not self.handles.closed:
                self.timeout = before

    def trap(self, exception: BaseException) -> Optional[int]:
        """A trap that ends the guest because of an exception, which is raised where Python called the guest."""
        try:
            told = str(exception)
        except Exception:  # It is the exception's own code.
            told = ""
        line = f"{type(exception).__name__}: {told}".splitlines()[0]
        # Engines decorate the text; this much of it all of them keep.
        self._pending_text = "".join(c if c.isprintable() else "?" for c in line)[:200].strip()
        self._pending = exception
        message = self._pending_text.encode("utf-8", "replace") + b"\0"
        # An array, since the engine reads the NUL too.
        buffer = ctypes.create_string_buffer(message, len(message))
        vector = _ffi.wasm_byte_vec_t(len(message), ctypes.addressof(buffer))
        return self.api.wasm_trap_new(self.handles.store, byref(vector))

    def defer(self, exception: BaseException) -> None:
        """Keeps an exception that cannot stop the guest, to be raised when the call returns to Python. The first one counts."""
        if self._deferred is None:
            self._deferred = exception


def nanoseconds(seconds: Optional[float]) -> int:
    """As the C interface counts: 0 is no bound."""
    if seconds is None or seconds == math.inf:
        return 0
    if not seconds >= 0:
        raise ValueError(f"a timeout of {seconds} seconds: None is no timeout, 0 no time")
    return min(max(math.ceil(seconds * 1e9), 1), (1 << 64) - 1)


class Callee:
    """Something in Python that C calls, known there by a number. Kept by its namespace's state."""

    def __init__(self, state: State) -> None:
        self.register()
        self.state = state
        state.callees.append(self)

    def register(self) -> None:
        self.number = next(_numbers)
        _callees[self.number] = self

    def defer(self, exception: BaseException) -> None:
        """Keeps an exception of it, to be raised where Python called the guest."""
        self.state.defer(exception)

    def in_use(self) -> "List[State]":
        """The namespaces that this thread uses where it is called, and that this may be called for."""
        return [self.state]


class Carried(Callee):
    """A callback of the configuration, which a namespace has in common with those that are made in its place."""

    _states: "Tuple[weakref.ref[State], ...]" = ()

    def join(self, state: State) -> None:
        """Another namespace has it as well."""
        self.state = state
        state.callees.append(self)

    def in_use(self) -> List[State]:
        states = [state for state in (of() for of in reversed(self._states)) if state is not None]
        me = get_ident()
        return [state for state in states if state.thread == me] or states[:1]

    @property
    def state(self) -> State:
        """That for which it is called: the latest that this thread uses."""
        return self.in_use()[0]

    @state.setter
    def state(self, state: State) -> None:
        self._states = (*(of for of in self._states if of() is not None), weakref.ref(state))


class Shared(Carried):
    """What namespaces have in common that need know nothing of each other, on any threads. It is called for those that the thread uses which calls it, and
    by one that goes for none."""

    def __init__(self) -> None:
        self.register()

    def join(self, state: State) -> None:
        # Two threads may make namespaces at a time, and so may a handler of a signal meanwhile.
        with _joining:
            self._states = (*(of for of in self._states if of() is not None), weakref.ref(state))
        if self not in state.callees:
            state.callees.append(self)

    def in_use(self) -> List[State]:
        me = get_ident()
        states = (of() for of in reversed(self._states))
        return [state for state in states if state is not None and state.thread == me and not state.handles.closed]

    def defer(self, exception: BaseException) -> None:
        used = self.in_use()
        if used:
            used[0].defer(exception)
        else:
            unraisable(exception, f"what {type(self).__name__} is for")


_joining = RLock()

# Weak, so that a namespace which only its own callbacks refer to can be collected.
_callees: "weakref.WeakValueDictionary[int, Callee]" = weakref.WeakValueDictionary()
_numbers = itertools.count(1)


def callee(number: Optional[int]) -> Any:
    return _callees.get(number or 0)
