"""Signals that come while a guest runs: their handlers run meanwhile, and what these raise stops the guest.

Python runs handlers of signals in the main thread, where it goes from one instruction to the next. While a guest runs in that thread
there is none; so the linker asks us every few milliseconds (wasm_dyld_set_watcher). Nothing is changed about how signals are handled: no
handler is replaced, the descriptor of set_wakeup_fd stays the program's, and no thread of ours waits. A namespace that has moved to another
thread is not asked there.
"""

import threading
import weakref
from typing import TYPE_CHECKING, Any, Generator

from . import _ffi
from ._errors import check
from ._library import dyld

if TYPE_CHECKING:
    from ._state import State

EVERY = 20_000_000
"""How many nanoseconds signals wait at most."""


def look(of: "weakref.ref[State]") -> Generator[bool, Any, None]:
    """Tells the linker whether the guest is to stop, each time that it is sent something.

    A generator, since handlers run where Python code begins or goes on. What they raise at the beginning of a function called by C would
    be lost; a generator that goes on does so inside of its `try`.
    """
    stop = False
    while True:
        try:
            while True:
                yield stop
                stop = False
        except GeneratorExit:
            return
        except BaseException as error:
            state = of()
            stop = state is not None
            if state is not None:
                state.defer(error)


def watch(state: "State") -> None:
    """Has handlers of signals run while guests of this namespace do."""
    looks = look(weakref.ref(state))
    next(looks)
    # As long as the namespace.
    state.handles.watcher = _ffi.wasm_dyld_watcher_callback_t(looks.send)
    follow(state)


def follow(state: "State") -> None:
    """Looks only while the namespace is the main thread's: Python runs handlers in no other one, and ends those that ask for its lock when the
    interpreter ends, in the midst of a guest."""
    handles = state.handles
    wanted = handles.watcher is not None and threading.current_thread() is threading.main_thread()
    if wanted == handles.watched or handles.closed:
        return
    callback = handles.watcher if wanted else _ffi.wasm_dyld_watcher_callback_t()
    check(dyld.wasm_dyld_set_watcher, handles.namespace, EVERY, callback, None, _ffi.wasm_dyld_finalizer_t())
    handles.watched = wanted
