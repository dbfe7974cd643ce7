"""Namespaces that move between threads, one thread at a time."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, List, Tuple

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import Library, Namespace, WrongThread

SPIN = wat(
    """
    (import "env" "__memory_base" (global i32))
    (import "env" "meet" (func $meet (param i32) (result i32)))
    (func (export "meets") (param i32) (result i32) (call $meet (local.get 0)))
    (func (export "spin") (param i32) (drop (call $meet (local.get 0))) (loop (br 0)))
    (func (export "sum") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "count") (param i32) (result i32) (local i32)
      (loop
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get 1) (local.get 0))))
      (local.get 1))
    """
)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def busy(ns: Namespace, pool: ThreadPoolExecutor) -> Iterator[Tuple[Namespace, Library]]:
    """A namespace whose guest runs in another thread, until the test ends."""
    inside, leave = threading.Event(), threading.Event()

    def meet(n: int) -> int:
        inside.set()
        leave.wait(60)
        return n

    ns.define("env", "meet", meet, "(i32) -> i32")
    library = ns.load_bytes("spin.so", SPIN)
    library.sum
    running = pool.submit(library.meets, 3)
    assert inside.wait(60)
    yield ns, library
    leave.set()
    assert running.result(60) == 3


def elsewhere(work: Callable[[], Any]) -> Any:
    """What work gives in a thread that is there for it alone."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(work).result(60)


def test_a_namespace_moves_between_threads(make: Make) -> None:
    def begin() -> Tuple[Namespace, Library]:
        ns = make("library-only")
        return ns, ns.load("libcalc.so")

    ns, calc = elsewhere(begin)
    for n in range(5):
        assert elsewhere(lambda: calc.calc_evaluate("1 2 + 3 * 4 /")) == 2.25
        assert calc.calc_factorial(20) == 2432902008176640000
        block = elsewhere(lambda: ns.buffer(b"there"))
        assert ns.memory.read(block.address, 5) == b"there"
        elsewhere(block.free)
        callback = elsewhere(lambda: ns.callback(lambda x: x + 1, "(i32) -> i32"))
        called = ns.function_at(callback.slot, "(i32) -> i32")
        assert called(n) == elsewhere(lambda: called(n)) == n + 1
        with pytest.raises(wasmdyld.Trap):
            elsewhere(calc.calc_crash)
    elsewhere(calc.unload)
    assert "libcalc.so" not in [object.name for object in ns.objects]
    elsewhere(ns.close)
    with pytest.raises(wasmdyld.Closed):
        ns.objects


def test_a_trap_is_told_in_every_thread(ns: Namespace, calc: Library) -> None:
    """Engines catch them by handlers that need something of each thread."""
    for _ in range(3):
        with pytest.raises(wasmdyld.Trap) as there:
            elsewhere(calc.calc_crash)
        with pytest.raises(wasmdyld.Trap) as here:
            calc.calc_crash()
        assert here.value.frames == there.value.frames != ()


def test_a_deep_recursion_ends_in_every_thread(ns: Namespace) -> None:
    deep = ns.load_bytes("deep.so", wat('(func $f (export "f") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1)))')).f
    for _ in range(2):
        for run in (elsewhere, lambda work: work()):
            with pytest.raises(wasmdyld.Trap):
                run(lambda: deep(0))


def test_a_second_thread_is_told_so_at_once(busy: Tuple[Namespace, Library]) -> None:
    ns, library = busy
    uses: List[Callable[[], Any]] = [
        lambda: library.sum(1, 2),
        lambda: library.sum("text", 2),
        lambda: library.sum.rows(1, 2, rows=3),
        lambda: library.sum.type,
        lambda: library.sum.slot,
        lambda: library.count,
        lambda: library.object.name,
        lambda: library.object.place,
        lambda: library.unload(),
        lambda: ns.load("libz.so"),
        lambda: ns.load_bytes("other.so", SPIN),
        lambda: ns.run(),
        lambda: ns.finish(),
        lambda: ns.objects,
        lambda: ns.library_paths,
        lambda: ns.link_map(),
        lambda: ns.instance_count,
        lambda: ns.table_size,
        lambda: ns.symbol("sum"),
        lambda: ns.dladdr(5),
        lambda: ns.alloc(8),
        lambda: len(ns.memory),
        lambda: ns.memory.view(),
        lambda: ns.memory.read(0, 1),
        lambda: ns.callback(lambda: None, "() -> ()"),
        lambda: ns.define("a", "b", lambda: None, "() -> ()"),
        lambda: ns.new_global("i32"),
        lambda: ns.compile(SPIN),
        lambda: ns.function_at(1, "() -> ()"),
        lambda: setattr(ns, "timeout", 1),
        lambda: ns.close(),
    ]
    for use in uses:
        with pytest.raises(WrongThread, match="in use by ThreadPoolExecutor.* one thread uses it at a time") as told:
            use()
        assert told.value.code is wasmdyld.Code.BUSY
    assert isinstance(told.value, wasmdyld.Busy) and not ns.closed


def test_a_callback_that_waits_for_another_thread_gets_an_error_and_no_deadlock(ns: Namespace, pool: ThreadPoolExecutor) -> None:
    library: List[Library] = []

    def ask(n: int) -> int:
        # The guest's own thread may, however deep.
        assert library[0].sum(n, 1) == n + 1
        return int(pool.submit(library[0].sum, n, 1).result(60))

    ns.define("env", "meet", ask, "(i32) -> i32")
    library.append(ns.load_bytes("spin.so", SPIN))
    with pytest.raises(WrongThread):
        library[0].meets(1)
    assert library[0].sum(1, 2) == pool.submit(library[0].sum, 1, 2).result() == 3


def test_races_end_in_a_result_or_an_error(ns: Namespace, pool: ThreadPoolExecutor) -> None:
    """No result is another thread's, and none is lost."""
    ns.define("env", "meet", lambda n: n, "(i32) -> i32")
    library, libc = ns.load_bytes("spin.so", SPIN), ns.load("libc.so")
    every = threading.Barrier(4)
    told: List[str] = []

    def hammer(who: int) -> int:
        done, end = 0, time.monotonic() + 1.5
        every.wait(60)
        while time.monotonic() < end:
            step = (who * 7919 + done) % 1000
            try:
                assert library.sum(step, who) == step + who
                assert library.meets(step) == step
                assert libc.strlen("x" * step) == step
                with ns.buffer(bytes([who]) * 8) as block:
                    told.append("")
                    assert block.read() == bytes([who]) * 8
                with ns.callback(lambda n: n + who, "(i32) -> i32") as callback:
                    assert ns.function_at(callback.slot, "(i32) -> i32")(step) == step + who
                done += 1
            except WrongThread as error:
                told.append(str(error))
        return done

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        done = list(pool.map(hammer, range(4)))
    finally:
        sys.setswitchinterval(before)
    assert any(done) and any(told), (done, len(told))
    assert library.sum(1, 2) == 3 and ns._state.thread == 0


def test_threads_that_wait_for_each_other_all_come_through(ns: Namespace, pool: ThreadPoolExecutor) -> None:
    ns.define("env", "meet", lambda n: n, "(i32) -> i32")
    library, lock = ns.load_bytes("spin.so", SPIN), threading.Lock()

    def work(n: int) -> Any:
        with lock:
            return library.sum(library.meets(n), 1)

    assert list(pool.map(work, range(200))) == list(range(1, 201))


def test_what_is_forgotten_may_be_collected_in_any_thread(ns: Namespace, pool: ThreadPoolExecutor) -> None:
    """Functions, callbacks and whole namespaces, in the midst of a guest of another one."""
    kept: List[Any] = []

    def drop(n: int) -> int:
        kept.clear()
        gc.collect()
        return n

    ns.define("env", "meet", drop, "(i32) -> i32")
    library = ns.load_bytes("spin.so", SPIN)
    handles = []
    for n in range(8):
        other = Namespace()
        other.define("env", "meet", lambda n, other=other: n, "(i32) -> i32")
        kept += [other, other.load_bytes("spin.so", SPIN).sum, ns.callback(lambda n: n, "(i32) -> i32"), ns.load_bytes(f"{n}.so", SPIN).sum]
        assert kept[-1](1, 2) == 3
        handles.append(other._state.handles)
        del other
        assert (pool.submit(library.meets, n).result(60) if n % 2 else library.meets(n)) == n
    assert all(one.closed for one in handles)
    assert library.sum(1, 2) == 3


def test_time_and_budget_are_the_namespaces_in_every_thread(make: Make) -> None:
    ns = make(budget=10_000_000)
    ns.define("env", "meet", lambda n: n, "(i32) -> i32")
    library = ns.load_bytes("spin.so", SPIN)
    spent = []
    for run in (lambda work: work(), elsewhere, elsewhere):
        had = ns.budget or 0
        assert run(lambda: library.count(1000)) == 1000
        spent.append(had - (run(lambda: ns.budget) or 0))
    assert spent[0] == spent[1] == spent[2] > 900
    ns.budget = None
    for run in (elsewhere, lambda work: work()):
        before = time.monotonic()
        with pytest.raises(wasmdyld.TimedOut):
            run(lambda: library.spin(1, timeout=0.05))
        assert 0.05 <= time.monotonic() - before < 20
        assert ns.timeout is None
    ns.budget = 1000
    with pytest.raises(wasmdyld.OutOfBudget):
        elsewhere(lambda: library.spin(1))
    assert ns.budget == 0


def test_asyncio_to_thread(ns: Namespace) -> None:
    ns.define("env", "meet", lambda n: n, "(i32) -> i32")
    library = ns.load_bytes("spin.so", SPIN)

    async def main() -> None:
        lock = asyncio.Lock()

        async def add(n: int) -> Any:
            async with lock:
                return await asyncio.to_thread(library.sum, n, 1)

        assert await asyncio.gather(*(add(n) for n in range(20))) == list(range(1, 21))
        assert await ns.to_thread(library.sum, 4, 5) == 9
        with pytest.raises(wasmdyld.TimedOut):
            await asyncio.to_thread(library.spin, 1, timeout=0.05)
        with pytest.raises(TypeError, match="takes 2 arguments"):
            await ns.to_thread(library.sum, 4)

    asyncio.run(main())
    assert library.sum(1, 2) == 3


def test_a_task_that_is_cancelled_stops_its_guest(ns: Namespace) -> None:
    ns.define("env", "meet", lambda n: n, "(i32) -> i32")
    library = ns.load_bytes("spin.so", SPIN)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ns.to_thread(library.spin, 1), 0.05)
            # The namespace is free as soon as the task has ended.
            assert library.sum(1, 2) == 3
        # One that waits for a thread has no guest to stop, and stops nobody else's.
        other = asyncio.create_task(asyncio.to_thread(time.sleep, 0.2))
        waiting = asyncio.create_task(ns.to_thread(library.spin, 1))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await other
        assert await ns.to_thread(library.sum, 1, 2) == 3

    asyncio.run(main())


# The main thread waits, a guest runs in another one: Ctrl-C ends the waiting, and then the program stops the guest.
WAITS = {
    "a thread pool": """
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(spin)
            try:
                running.result()
            except KeyboardInterrupt:
                ns.interrupt()
                try:
                    running.result()
                except wasmdyld.Interrupted:
                    print("stopped")
    """,
    "asyncio": """
        try:
            asyncio.run(ns.to_thread(spin))
        except KeyboardInterrupt:
            print("stopped")
    """,
    "a guest in the main thread as well": """
        other = wasmdyld.Namespace()
        other.define("env", "meet", lambda n: n, "(i32) -> i32")
        mine = other.load_bytes("spin.so", code)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(spin)
            try:
                mine.spin(1)
            except KeyboardInterrupt:
                assert not running.done()
                ns.interrupt()
                assert isinstance(running.exception(), wasmdyld.Interrupted)
                print("stopped")
    """,
    "a namespace that was made in another thread": """
        with ThreadPoolExecutor(1) as pool:
            ns, library = pool.submit(begin).result()
        try:
            library.spin(1)
        except KeyboardInterrupt:
            print("stopped")
    """,
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=list(WAITS))
def test_ctrl_c_while_another_thread_runs_a_guest(wait: str) -> None:
    script = """
        import asyncio, os, signal, subprocess, sys, threading, time, wasmdyld
        from concurrent.futures import ThreadPoolExecutor
        code = bytes.fromhex(sys.argv[1])

        def meet(n):
            # From outside, once the guest runs: not a call of this process's own, which would say what thread gets it.
            subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(0.1); os.kill({os.getpid()}, {int(signal.SIGINT)})"])
            return n

        def begin():
            ns = wasmdyld.Namespace()
            ns.define("env", "meet", meet, "(i32) -> i32")
            return ns, ns.load_bytes("spin.so", code)

        ns, library = begin()

        def spin():
            library.spin(1)
    """
    text = textwrap.dedent(script) + textwrap.dedent(wait) + "\nassert library.sum(1, 2) == 3\nprint('done')\n"
    done = subprocess.run([sys.executable, "-c", text, SPIN.hex()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "stopped\ndone\n"), done.stderr
