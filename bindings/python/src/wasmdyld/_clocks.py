"""Clocks and random numbers for guests that are not the system's."""

import ctypes
import errno
import threading
import time
from ctypes import byref, c_void_p
from fractions import Fraction
from typing import Any, Callable, Dict, Optional, Tuple, Union

from . import _ffi
from ._entry import entry
from ._enums import Clock
from ._errors import check
from ._library import dyld
from ._quiet import Quiet, number_of
from ._state import State, callee
from ._text import Buffer, c_bytes


class HostClocks:
    """Clocks for guests: a class to derive from. What is not overridden is as on the system, which is what the methods here do when they are called.

    A method that raises OSError gives the guest its errno. Anything else that it raises gives the guest EIO, and so does an answer that cannot be; both are raised when the guest returns to Python. They
    are called by the thread that runs the guest, and must not use the namespace. A guest that is to stop does so when they have returned.
    """

    def realtime(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def monotonic(self) -> int:
        """Nanoseconds since any moment. What a guest sees does not go back, whatever this says."""
        return time.monotonic_ns()

    def resolution(self, clock: Clock) -> int:
        """Nanoseconds between two times of a clock that can be told apart."""
        return 1

    def sleep(self, nanoseconds: int) -> None:
        """Lets so much time of the monotonic clock pass, at least 1 nanosecond: how guests sleep. Without it they sleep as long in the system's time, which an interrupt or
        a time-out ends at once."""
        # A guest may ask for more than Python's sleep takes.
        time.sleep(min(nanoseconds / 1e9, threading.TIMEOUT_MAX))


Scale = Union[int, float, Fraction]
RandomFrom = Union[int, Callable[[int], Buffer]]

MOST = 1_000_000
"""Time passes at most so many times as fast, or as slowly."""


def scale_of(factor: Scale) -> Tuple[int, int]:
    """The fraction of two numbers of 32 bits that is the nearest to a factor."""
    exact, most = Fraction(factor), (1 << 32) - 1
    # A float is hardly ever what was written: 1e-6 is a little less than a millionth.
    near = exact.limit_denominator(max(int(most / max(exact, Fraction(1))), 1))
    if not Fraction(1, MOST) <= near <= MOST:
        raise ValueError(f"clocks cannot be {factor} times as fast: from 1/{MOST} to {MOST} times is possible")
    return near.numerator, near.denominator


class ClockCallee(Quiet):
    def __init__(self, state: State, clocks: HostClocks) -> None:
        super().__init__(state)
        self.clocks = clocks

    def realtime(self, to: Any) -> int:
        to[0] = number_of(self.clocks.realtime(), "the time")
        return 0

    def monotonic(self, to: Any) -> int:
        to[0] = number_of(self.clocks.monotonic(), "the time")
        return 0

    def resolution(self, clock: int, to: Any) -> int:
        to[0] = number_of(self.clocks.resolution(Clock(clock)), "the resolution")
        return 0

    def sleep(self, nanoseconds: int) -> int:
        self.clocks.sleep(nanoseconds)
        return 0


FIELDS: Dict[str, Any] = {field[0]: field[1] for field in _ffi.wasm_dyld_clock_callbacks_t._fields_}


def callback(name: str) -> Any:
    """What C calls for this method of ClockCallee."""

    @entry(errno.EIO)
    def answer(env: Optional[int], *arguments: Any) -> int:
        clocks: Optional[ClockCallee] = callee(env)
        return errno.EIO if clocks is None else clocks.guarded(1, lambda: int(getattr(clocks, name)(*arguments)))

    return FIELDS[name](answer)


# One of each for all namespaces: what C may call lives as long as the process.
CALLBACKS: Dict[str, Any] = {name: callback(name) for name in FIELDS if name != "size"}


def apply_clocks(wasi: c_void_p, state: State, clocks: HostClocks) -> None:
    given = _ffi.wasm_dyld_clock_callbacks_t(size=ctypes.sizeof(_ffi.wasm_dyld_clock_callbacks_t))
    overridden = [name for name in CALLBACKS if getattr(getattr(clocks, name, None), "__func__", None) is not getattr(HostClocks, name)]
    for name in overridden:
        setattr(given, name, CALLBACKS[name])
    if overridden:
        check(dyld.wasm_dyld_wasi_set_clocks, wasi, byref(given), ClockCallee(state, clocks).number, _ffi.wasm_dyld_finalizer_t())


class RandomCallee(Quiet):
    def __init__(self, state: State, random: Callable[[int], Buffer]) -> None:
        super().__init__(state)
        self.random = random

    def fill(self, to: int, size: int) -> int:
        data = c_bytes(self.random(size))
        if len(data) != size:
            raise ValueError(f"random was asked for {size} bytes, and gave {len(data)}")
        ctypes.memmove(to, data, size)
        return 0


@entry(errno.EIO)
def fill_random(env: Optional[int], to: int, size: int) -> int:
    random: Optional[RandomCallee] = callee(env)
    return errno.EIO if random is None else random.guarded(1, lambda: random.fill(to, size))


random_callback = _ffi.wasm_dyld_random_callback_t(fill_random)


def apply_random(wasi: c_void_p, state: State, random: RandomFrom) -> None:
    if isinstance(random, int):
        check(dyld.wasm_dyld_wasi_set_random_seed, wasi, random)
    else:
        check(dyld.wasm_dyld_wasi_set_random, wasi, random_callback, RandomCallee(state, random).number, _ffi.wasm_dyld_finalizer_t())
