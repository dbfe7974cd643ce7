"""Guests that are stopped: by signals, other threads, time, a budget."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from typing import Any, Callable, Iterator, List

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import Control, Namespace

LOOPS = wat(
    """
    (import "env" "__memory_base" (global i32))
    (import "env" "__table_base" (global i32))
    (func (export "loops") (loop (br 0)))
    (func (export "one") (result i32) (i32.const 1))
    """
)
CALLS = wat(
    """
    (import "env" "host" (func $host (param i32) (result i32)))
    (func (export "calls") (param i32) (result i32)
      (loop (result i32) (drop (call $host (local.get 0))) (br 0)))
    (func (export "once") (param i32) (result i32) (call $host (local.get 0)))
    """
)
ENDLESS_CONSTRUCTOR = wat('(func (export "__wasm_call_ctors") (loop (br 0)))')

# Far more than it takes: a machine that is busy must not fail.
SOON = 20.0


@pytest.fixture
def loops(ns: Namespace) -> wasmdyld.Library:
    return ns.load_bytes("loops.so", LOOPS)


@pytest.fixture
def default_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Signals:
    """A process of its own that sends a signal to this one, by kill(2), after a while."""

    def __init__(self, number: int = signal.SIGINT, count: int = 1) -> None:
        code = f"import os, sys, time\nfor _ in range({count}): time.sleep(0.2); print(time.monotonic(), flush=True); os.kill({os.getpid()}, {int(number)})"
        self._process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)

    def latency(self) -> float:
        """How long ago the first one was sent, in seconds. The clock is the machine's."""
        now = time.monotonic()
        out, _ = self._process.communicate()
        assert self._process.returncode == 0
        return now - float(out.split()[0])


def interrupted(what: str, run: Callable[[], Any]) -> None:
    signals = Signals()
    with pytest.raises(KeyboardInterrupt):
        run()
    latency = signals.latency()
    print(f"{what}: KeyboardInterrupt {latency * 1000:.1f} ms after the signal")
    assert 0 <= latency < SOON


def test_ctrl_c_while_a_guest_runs(loops: wasmdyld.Library, ns: Namespace, default_handler: None) -> None:
    before = signal.getsignal(signal.SIGINT), signal.set_wakeup_fd(-1)
    for _ in range(2):
        interrupted("an endless loop", loops.loops)
        assert loops.one() == 1
    interrupted("a constructor", lambda: ns.load_bytes("constructor.so", ENDLESS_CONSTRUCTOR))
    assert [object.name for object in ns.objects] == ["loops.so"]
    assert before == (signal.getsignal(signal.SIGINT), signal.set_wakeup_fd(-1))


def test_ctrl_c_while_a_guest_waits(make: Make, default_handler: None) -> None:
    ns = make()
    libc = ns.load("libc.so")
    interrupted("a sleep", lambda: libc.sleep(1000))
    assert libc.sleep(0) == 0
    read, write = os.pipe()
    stdin = os.dup(0)
    os.dup2(read, 0)
    try:
        reader = make(wasi=wasmdyld.Wasi(stdin=wasmdyld.INHERIT))
        getchar = reader.load("libc.so").getchar
        interrupted("an empty pipe", getchar)
        os.write(write, b"x")
        assert getchar() == ord("x")
    finally:
        os.dup2(stdin, 0)
        for descriptor in (read, write, stdin):
            os.close(descriptor)


def test_a_python_function_is_interrupted_as_any_other(ns: Namespace, default_handler: None) -> None:
    """The guest calls Python all the time: the signal may come anywhere, also where a call just begins."""
    calls: List[int] = []

    def host(n: int) -> int:
        calls.append(n)
        return n + 1

    ns.define("env", "host", host, "(i32) -> i32")
    library = ns.load_bytes("calls.so", CALLS)
    for _ in range(10):
        calls.clear()
        interrupted("callbacks", lambda: library.calls(4))
        assert calls
    assert library.once(4) == 5


def test_an_exception_that_python_catches_in_the_callback_is_its_own(ns: Namespace, default_handler: None) -> None:
    def host(n: int) -> int:
        try:
            time.sleep(1000)
        except KeyboardInterrupt:
            return 7
        return 0

    ns.define("env", "host", host, "(i32) -> i32")
    library = ns.load_bytes("calls.so", CALLS)
    signals = Signals()
    assert library.once(4) == 7
    assert signals.latency() < SOON


def test_a_handler_that_does_not_raise_lets_the_guest_go_on(loops: wasmdyld.Library, ns: Namespace) -> None:
    seen: List[float] = []

    def handler(number: int, frame: object) -> None:
        seen.append(time.monotonic())
        # It may look, and not run the guest in the midst of what that does.
        assert ns.objects
        with pytest.raises(wasmdyld.Busy):
            loops.one()
        time.sleep(0.01)
        if len(seen) == 3:
            raise ZeroDivisionError("enough")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        signals = Signals(signal.SIGUSR1, 3)
        with pytest.raises(ZeroDivisionError, match="enough"):
            loops.loops()
        assert signals.latency() < SOON
        assert len(seen) == 3 and loops.one() == 1
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_namespace_inside_of_another_one(make: Make, default_handler: None) -> None:
    outer, inner = make(), make()
    loops = inner.load_bytes("loops.so", LOOPS)
    outer.define("env", "host", lambda n: loops.loops() or n, "(i32) -> i32")
    library = outer.load_bytes("calls.so", CALLS)
    interrupted("a guest inside of a guest", lambda: library.once(1))
    assert loops.one() == 1
    assert outer.load_bytes("loops.so", LOOPS).one() == 1


def test_other_threads_are_left_alone(make: Make, loops: wasmdyld.Library, default_handler: None) -> None:
    """The main thread gets the KeyboardInterrupt, and no guest of another thread is stopped by it."""
    ended: List[object] = []
    started = threading.Event()
    others: List[Namespace] = []

    def run() -> None:
        with Namespace() as other:
            library = other.load_bytes("loops.so", LOOPS)
            others.append(other)
            started.set()
            try:
                library.loops()
            except wasmdyld.Interrupted as error:
                ended.append(error.code)

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    interrupted("with another thread's guest", loops.loops)
    assert thread.is_alive() and not ended
    while thread.is_alive():
        others[0].interrupt()
        thread.join(0.01)
    assert ended == [wasmdyld.Code.INTERRUPTED]
    others[0].interrupt()  # It is gone, and nothing happens.


def test_time_is_over_in_a_child_process_as_well(loops: wasmdyld.Library) -> None:
    with pytest.raises(wasmdyld.TimedOut):
        loops.loops(timeout=0.05)
    # What was due before the fork is no concern of the child's.
    time.sleep(1.5)
    with warnings.catch_warnings():
        # That there are threads: the one that counts time is meant to be missing in the child.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            loops.loops(timeout=0.05)
        except wasmdyld.TimedOut:
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(wasmdyld.TimedOut):
        loops.loops(timeout=0.05)


def test_timeouts(make: Make, loops: wasmdyld.Library, ns: Namespace) -> None:
    for timeout in (0.02, 0):
        with pytest.raises(wasmdyld.TimedOut) as caught:
            loops.loops(timeout=timeout)
        assert caught.value.code == wasmdyld.Code.TIMED_OUT and isinstance(caught.value, TimeoutError)
        assert ns.timeout is None and loops.one() == 1
    with pytest.raises(wasmdyld.TimedOut):
        ns.load_bytes("constructor.so", ENDLESS_CONSTRUCTOR, timeout=0.02)
    ns.timeout = 0.02
    with pytest.raises(wasmdyld.TimedOut):
        loops.loops()
    assert loops.one(timeout=SOON) == 1 and ns.timeout == 0.02
    ns.timeout = None
    with make(timeout=0.02) as other, pytest.raises(wasmdyld.TimedOut):
        other.load_bytes("constructor.so", ENDLESS_CONSTRUCTOR)
    for bad in (-1, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            loops.one(timeout=bad)
    assert loops.one(timeout=float("inf")) == 1


def test_a_call_inside_of_another_one_has_no_time_of_its_own(ns: Namespace, loops: wasmdyld.Library) -> None:
    ns.define("env", "host", lambda n: loops.one(timeout=1), "(i32) -> i32")
    with pytest.raises(wasmdyld.Busy, match="shares the time"):
        ns.load_bytes("calls.so", CALLS).once(1)


def test_budgets(make: Make) -> None:
    ns = make(budget=10_000)
    loops = ns.load_bytes("loops.so", LOOPS)
    with pytest.raises(wasmdyld.OutOfBudget):
        loops.loops()
    assert ns.budget == 0
    ns.budget = None
    assert ns.budget is None and loops.one() == 1
    for bad in (-1, 1 << 64):
        with pytest.raises(OverflowError):
            ns.budget = bad
    with pytest.raises(TypeError, match="a budget is an int.*got float"):
        ns.budget = 1.5  # type: ignore[assignment]
    assert make(control=Control.BUDGET).budget is None
    with pytest.raises(wasmdyld.Unsupported):
        make().budget


def test_without_a_control(make: Make) -> None:
    ns = make(control=Control.NONE)
    with pytest.raises(wasmdyld.Unsupported):
        ns.interrupt()
    with pytest.raises(wasmdyld.Unsupported):
        ns.timeout = 1
    with wasmdyld.Engine(interruptible=False) as engine:
        plain = make(engine=engine)
        with pytest.raises(wasmdyld.Unsupported):
            plain.interrupt()
        # By checks in its modules.
        checked = make(engine=engine, control=Control.INTERRUPT)
        with pytest.raises(wasmdyld.TimedOut):
            checked.load_bytes("loops.so", LOOPS).loops(timeout=0.02)
        # The engine has no means of its own, so that these get checks, too.
        checked = make(engine=engine, control=Control.INTERRUPT_BY_ENGINE)
        with pytest.raises(wasmdyld.TimedOut):
            checked.load_bytes("loops.so", LOOPS).loops(timeout=0.02)
    ns.close()
