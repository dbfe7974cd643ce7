"""Guests in threads of asyncio's."""

import asyncio
import contextvars
import functools
import threading
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._errors import Unsupported

if TYPE_CHECKING:
    from ._namespace import Namespace

T = TypeVar("T")

AGAIN = 0.01
"""After how many seconds a guest is interrupted anew: it may have called into a Python function, or not yet have begun."""


async def in_thread(namespace: "Namespace", function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """As asyncio.to_thread. Does not end before the thread has done with the namespace."""
    lock, begun, unwanted = threading.Lock(), False, False

    def work() -> T:
        nonlocal begun
        with lock:
            if unwanted:
                raise asyncio.CancelledError
            begun = True
        return function(*arguments, **named)

    call = functools.partial(contextvars.copy_context().run, work)
    future = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        with lock:
            unwanted = True
        if not begun:
            # It waits for a thread, and gives up when it gets one.
            future.cancel()
        while not future.done():
            try:
                namespace.interrupt()
            except Unsupported:
                # It cannot be stopped: it is waited for.
                pass
            try:
                await asyncio.wait([future], timeout=AGAIN)
            except asyncio.CancelledError:
                # Asked once more: it is under way.
                pass
        if not future.cancelled():
            # Told to nobody, since the task is cancelled.
            future.exception()
        raise
