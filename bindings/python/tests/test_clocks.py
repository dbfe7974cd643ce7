"""Clocks and random numbers that are not the system's."""

import errno
import random
import struct
import time
from fractions import Fraction
from typing import Any, List, Optional, Tuple

import pytest

import wasmdyld
from support import Make
from wasmdyld import Clock, HostClocks, Library, Wasi
from wasmdyld._clocks import scale_of

SECOND = 10**9


class Guest:
    def __init__(self, make: Make, **options: Any) -> None:
        given = {name: options.pop(name) for name in list(options) if name in ("control", "snapshots")}
        self.ns = make(wasi=Wasi(**options), **given)
        self.libc: Library = self.ns.load("libc.so")

    def now(self, clock: str = "_CLOCK_MONOTONIC", by: str = "clock_gettime") -> Optional[int]:
        room = bytearray(16)
        if self.libc[by](self.libc.address(clock), room):
            return None
        seconds, nanoseconds = struct.unpack("<qi4x", room)
        return int(seconds * SECOND + nanoseconds)

    def drawn(self, size: int = 16) -> Optional[bytes]:
        room = bytearray(size)
        return None if self.libc.getentropy(room, size) else bytes(room)


class Own(HostClocks):
    def __init__(self) -> None:
        self.time, self.slept = 5 * SECOND, 0

    def realtime(self) -> int:
        return self.time

    def monotonic(self) -> int:
        return self.time - SECOND

    def resolution(self, clock: Clock) -> int:
        return {Clock.REALTIME: 250, Clock.MONOTONIC: 0}[clock]

    def sleep(self, nanoseconds: int) -> None:
        self.slept += nanoseconds


def test_clocks_of_pythons(make: Make) -> None:
    clocks = Own()
    guest = Guest(make, clocks=clocks)
    assert guest.now("_CLOCK_REALTIME") == 5 * SECOND and guest.now() == 4 * SECOND
    assert guest.now("_CLOCK_REALTIME", "clock_getres") == 250 and guest.now(by="clock_getres") == 1
    clocks.time = 3 * SECOND
    assert guest.now("_CLOCK_REALTIME") == 3 * SECOND and guest.now() == 4 * SECOND
    assert guest.libc.sleep(3600) == 0 and clocks.slept == 3600 * SECOND
    assert guest.now() == 3604 * SECOND and guest.now("_CLOCK_REALTIME") == 3 * SECOND
    # A namespace in the place of this one has them as well.
    guest.ns = guest.ns.renew()
    guest.libc = guest.ns.load("libc.so")
    assert guest.now() == 2 * SECOND
    guest.ns.close()


def test_what_is_not_overridden_is_the_systems(make: Make) -> None:
    class Noon(HostClocks):
        def realtime(self) -> int:
            return super().realtime() + 10**9 * SECOND

    guest = Guest(make, clocks=Noon())
    ahead = guest.now("_CLOCK_REALTIME")
    assert ahead is not None and 0 <= ahead - time.time_ns() - 10**18 + 60 * SECOND < 120 * SECOND
    begun, start = guest.now(), time.monotonic_ns()
    assert guest.libc.usleep(20_000) == 0 and time.monotonic_ns() - start >= 20 * 10**6
    ended = guest.now()
    assert begun is not None and ended is not None and ended - begun >= 20 * 10**6
    # One that overrides nothing is the system's.
    shown = Guest(make, clocks=HostClocks()).now("_CLOCK_REALTIME")
    assert shown is not None and abs(shown - time.time_ns()) < 60 * SECOND
    own = HostClocks()
    assert own.monotonic() <= own.monotonic() and own.resolution(Clock.REALTIME) == 1
    own.sleep(1)


@pytest.mark.parametrize("method", ["realtime", "monotonic", "resolution", "sleep"])
def test_what_a_clock_raises(make: Make, method: str) -> None:
    answer: List[Any] = []

    def asked(*_: Any) -> Any:
        if isinstance(answer[0], BaseException):
            raise answer[0]
        return answer[0]

    clocks = Own()
    setattr(clocks, method, asked)
    guest = Guest(make, clocks=clocks)

    def ask() -> Any:
        if method == "sleep":
            return None if guest.libc.usleep(1) else 0
        by = "clock_getres" if method == "resolution" else "clock_gettime"
        return guest.now("_CLOCK_REALTIME" if method == "realtime" else "_CLOCK_MONOTONIC", by)

    answer[:] = [PermissionError(errno.EACCES, "no")]
    assert ask() is None
    answer[:] = [ZeroDivisionError("in a clock")]
    with pytest.raises(ZeroDivisionError, match="in a clock"):
        ask()
    if method != "sleep":
        for wrong in (-1, 1 << 64, 1.5, None, "1", True):
            answer[:] = [wrong]
            with pytest.raises((TypeError, OverflowError), match="time is|resolution is"):
                ask()
    answer[:] = [7]
    assert ask() in (0, 7)


def test_clocks_must_not_use_the_namespace(make: Make) -> None:
    kept: List[wasmdyld.Namespace] = []

    class Meddles(HostClocks):
        def realtime(self) -> int:
            return kept[0].alloc(8).address

    guest = Guest(make, clocks=Meddles())
    kept.append(guest.ns)
    with pytest.raises(wasmdyld.Busy, match="must not use the namespace"):
        guest.now("_CLOCK_REALTIME")


def test_time_passes_faster(make: Make) -> None:
    guest = Guest(make, clock_scale=100_000)
    begun, start = guest.now(), time.monotonic_ns()
    assert guest.libc.sleep(3600) == 0
    took, ended = time.monotonic_ns() - start, guest.now()
    assert begun is not None and ended is not None and ended - begun >= 3600 * SECOND
    assert 36 * 10**6 <= took < 3600 * SECOND


def test_time_outs_end_sleeps_that_are_slow(make: Make) -> None:
    guest = Guest(make, clock_scale=Fraction(1, 1_000_000), control=wasmdyld.Control.INTERRUPT)
    guest.ns.timeout = 0.05
    with pytest.raises(wasmdyld.TimedOut):
        guest.libc.sleep(1)


def test_scales() -> None:
    assert [scale_of(scale) for scale in (2, 0.5, 0.1, Fraction(1, 3), 1_000_000, 1e-6)] == [(2, 1), (1, 2), (1, 10), (1, 3), (1_000_000, 1), (1, 1_000_000)]
    for scale in (3.14159265358979, 999_999.123456789, 1.23456789e-6):
        guest, host = scale_of(scale)
        assert 0 < guest < 1 << 32 and 0 < host < 1 << 32 and abs(guest / host / scale - 1) < 1e-6
    wrong: Tuple[Any, ...] = (0, -1, 1_000_001, 9e-7, float("nan"), float("inf"), "fast")
    for scale in wrong:
        with pytest.raises((ValueError, OverflowError)):
            Wasi(clock_scale=scale)
    with pytest.raises(TypeError):
        Wasi(clock_scale=[])  # type: ignore[arg-type]


def test_random_numbers(make: Make) -> None:
    assert Guest(make, random=lambda size: b"x" * size).drawn() == b"x" * 16
    source = random.Random(7)
    # libc draws some when it is loaded.
    guest = Guest(make, random=source.randbytes)
    state = source.getstate()
    drawn = guest.drawn()
    source.setstate(state)
    assert drawn == source.randbytes(16)
    by_seed = Guest(make, random=7)
    numbers = by_seed.drawn()
    assert numbers == Guest(make, random=7).drawn() == Guest(make, deterministic=7).drawn() != Guest(make, random=8).drawn()
    now = by_seed.now("_CLOCK_REALTIME")
    assert now is not None and abs(now - time.time_ns()) < 60 * SECOND
    # Clocks stand still, and the numbers are others.
    both = Guest(make, deterministic=7, random=lambda size: b"y" * size)
    assert both.drawn(2) == b"yy" and both.now("_CLOCK_REALTIME") == 10**9 * SECOND


@pytest.mark.parametrize("answer, kind, why", [(b"x" * 15, ValueError, "gave 15"), (b"x" * 17, ValueError, "gave 17"), (5, TypeError, "bytes"), (None, TypeError, "bytes")], ids=str)
def test_random_numbers_that_cannot_be(make: Make, answer: Any, kind: Any, why: str) -> None:
    answers: List[Any] = []
    guest = Guest(make, random=lambda size: answers[0] if answers else bytes(size))
    answers.append(answer)
    with pytest.raises(kind, match=why):
        guest.drawn()

    def fails(size: int) -> bytes:
        raise OSError(errno.EACCES, "no")

    assert Guest(make, random=fails).drawn() is None


def test_what_cannot_be_given() -> None:
    one: Tuple[Any, ...] = ({"deterministic": 1, "clocks": Own()}, {"deterministic": 1, "clock_scale": 2}, {"clocks": Own(), "clock_scale": 2})
    for options in one:
        with pytest.raises(ValueError, match="not of two"):
            Wasi(**options)
    for seed in (-1, 1 << 64):
        with pytest.raises(OverflowError, match="seed"):
            Wasi(random=seed)
    with pytest.raises(TypeError, match="HostClocks"):
        Wasi(clocks=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="seed or a function"):
        Wasi(random="x")  # type: ignore[arg-type]


def test_a_snapshot_that_is_put_back_takes_no_time_back(make: Make) -> None:
    clocks = Own()
    guest = Guest(make, clocks=clocks, snapshots=True)
    snapshot = guest.ns.snapshot()
    clocks.time += SECOND
    assert guest.now() == 5 * SECOND
    guest.ns.restore(snapshot)
    assert guest.now() == 5 * SECOND
