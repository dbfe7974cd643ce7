"""Whose turn it is to use a namespace: it may move between threads, and one thread uses it at a time.

A thread takes its turn for as long as one use of the namespace lasts, with all that happens inside of it: what the guest calls in Python uses the namespace
in the same turn. A thread that comes meanwhile is refused and does not wait, so that nothing of this package's can block for ever: a Python
function that the guest calls may well wait for the very thread that has come.

The turn is an entry in a dict, taken by `del`. That is one instruction, which is done or not; and no signal's handler can raise between it and
the `try` that gives the turn back, since handlers run behind calls, at the heads of loops and where functions begin (Python 3.11 and later).
What takes a turn therefore has these lines in it, in place of a call.
"""

import functools
import threading
from threading import get_ident
from typing import TYPE_CHECKING, Any, Callable, TypeVar, cast

from ._errors import WrongThread

if TYPE_CHECKING:
    from ._state import State

F = TypeVar("F", bound=Callable[..., Any])


def in_turn(method: F) -> F:
    """A method that is one use of the namespace: `self._state` is that namespace's."""

    @functools.wraps(method)
    def alone(self: Any, *arguments: Any, **named: Any) -> Any:
        # Shells and notebooks leave such frames out of tracebacks.
        __tracebackhide__ = True
        state = self._state
        me = get_ident()
        mine = state.thread == me
        if not mine:
            try:
                del state.turn[0]
            except KeyError:
                raise refused(state) from None
            state.thread = me
        try:
            if state.last != me:
                state.move(me)
            return method(self, *arguments, **named)
        finally:
            if not mine:
                state.thread = 0
                state.turn[0] = None

    return cast(F, alone)


def refused(state: "State") -> WrongThread:
    user = next((thread.name for thread in threading.enumerate() if thread.ident == state.thread), "another thread")
    return WrongThread(
        f"the namespace is in use by {user}, and one thread uses it at a time: make a namespace for each thread, or have the threads wait for each "
        "other, by a threading.Lock or, in asyncio, an asyncio.Lock"
    )
