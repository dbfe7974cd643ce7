"""A namespace in the place of another: what goes over, what is refused, and that nothing of the old ones stays."""

import gc
import os
import signal
import threading
from pathlib import Path
from typing import Any, Callable, List, Optional

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import Control, Namespace, _state
from wasmdyld import ctypes as C

COUNTER = wat(
    """(import "host" "give" (func $give (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "__memory_base" (global $base i32))
    (func (export "count") (result i32)
      (i32.store (global.get $base) (i32.add (i32.load (global.get $base)) (i32.const 1)))
      (i32.load (global.get $base)))
    (func (export "ask") (result i32) call $give)
    (func (export "spin") (loop br 0))""",
    memory=16,
)
TWICE = wat('(func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "libcounter.so").write_bytes(COUNTER)
    return tmp_path


@pytest.fixture
def old(make: Make, folder: Path) -> Namespace:
    ns = make("library-only", library_paths=[folder])
    ns.define("host", "give", lambda: 40, "() -> i32")
    return ns


def test_libraries_and_definitions_go_over_and_memory_begins_anew(old: Namespace) -> None:
    counter = old.load("libcounter.so", wasmdyld.RTLD_GLOBAL)
    old.load("libcounter.so")
    closed = old.load("libcalc.so")
    closed.unload()
    assert [counter.count(), counter.count(), counter.ask()] == [1, 2, 40]
    with old.renew() as new:
        assert isinstance(new, Namespace) and not old.closed
        again = new.load("libcounter.so", wasmdyld.RTLD_NOLOAD)
        assert [object.name for object in new.objects] == ["libcounter.so"]
        assert again.object.opens.host == 3 and again.object.is_global
        assert again.count() == 1 and again.ask() == 40 and new.function("count")() == 2
        # The old one is there to be read, and to be used.
        assert counter.count() == 3 and old.memory.read(0, 4) == new.memory.read(0, 4)
        assert new.library_paths == old.library_paths
        new.define("host", "give", lambda: 41, "() -> i32")
        old.close()
        for use in (counter.count, lambda: old.objects, lambda: old.renew()):
            with pytest.raises(wasmdyld.Closed):
                use()
        with new.renew() as third:
            assert third.load("libcounter.so").ask() == 41


def test_of_the_old_one_nothing_is_of_the_new_one(make: Make) -> None:
    old = make()
    libc = old.load("libc.so")
    block, callback, view = old.buffer("text"), old.callback(lambda n: n + 1, "(i32) -> i32"), old.memory.view()
    pointed = C.create_string_buffer(b"text")
    before = C.use(old)
    try:
        C.addressof(pointed)
        new = old.renew()
        strlen = new.load("libc.so").strlen
        ctyped = C.CDLL(new.load("libc.so"))
        others: List[Any] = [callback, libc.strlen]
        for other in others:
            with pytest.raises(wasmdyld.InvalidArgument, match="another namespace"):
                strlen(other)
        strlen.argtypes = [wasmdyld.c_char_p]
        for other in (*others, block):
            with pytest.raises(wasmdyld.InvalidArgument, match="another namespace"):
                strlen(other)
        others = [pointed, C.byref(pointed), C.pointer(pointed)]
        for other in others:
            with pytest.raises(wasmdyld.InvalidArgument, match="one namespace"):
                ctyped.strlen(other)
        ctyped.strlen.argtypes = [C.c_void_p]
        with pytest.raises(wasmdyld.InvalidArgument, match="another namespace"):
            ctyped.strlen(callback)
        # Views keep the old memory: it does not close under them.
        with pytest.raises(BufferError):
            old.close()
        assert bytes(view[block.address : block.address + 5]) == b"text\0"
        view.release()
        old.close()
        uses: List[Callable[[], Any]] = [
            lambda: strlen(pointed),
            lambda: pointed.value,
            lambda: C.string_at(0),
            lambda: int(block),
            lambda: new.load("libc.so").strlen(block),
            lambda: libc.strlen(b"a"),
            lambda: callback.function(1) and old.function("abs"),
        ]
        for use in uses[1:]:
            with pytest.raises((wasmdyld.Closed, ValueError)):
                use()
        with pytest.raises(wasmdyld.InvalidArgument):
            uses[0]()
        callback.close()
        C.use(new)
        assert C.CDLL("libc.so").strlen(C.create_string_buffer(b"four")) == 4
        new.close()
    finally:
        C.use(before)


def test_callbacks_are_made_anew(make: Make) -> None:
    old = make("callbacks")
    first = old.callback(lambda n: n + 1, "(i32) -> i32")
    assert old.function_at(first.slot, "(i32) -> i32")(1) == 2
    for _ in range(3):
        new = old.renew()
        assert new.objects == []
        second, third = new.callback(lambda n: n + 2, "(i32) -> i32"), new.callback(lambda: 3, "() -> i32")
        assert new.function_at(second.slot, "(i32) -> i32")(1) == 3
        assert new.function_at(third.slot, "() -> i32")() == 3
        assert old.function_at(first.slot, "(i32) -> i32")(1) >= 2
        old.close()
        old, first = new, second
    old.close()


def test_prepare_gives_what_is_of_one_store(old: Namespace) -> None:
    twice = old.load_bytes("libtwice.so", TWICE)
    # An old handle would name nothing there.
    with pytest.raises(wasmdyld.NotFound, match="libtwice.so was loaded from bytes"):
        old.renew()
    level = old.new_global("i32", 5, mutable=True)
    old.define("host", "level", level)
    seen: List[Namespace] = []

    def prepare(new: Namespace) -> None:
        seen.append(new)
        assert new.objects == []
        for use in (new.close, old.close):
            with pytest.raises(wasmdyld.Busy):
                use()
        new.load_bytes("libtwice.so", TWICE)

    with pytest.raises(wasmdyld.Unsupported, match="host.level: a global that changes"):
        old.renew(prepare)
    assert seen[0].closed and twice.twice(4) == 8
    def prepare_all(new: Namespace) -> None:
        prepare(new)
        new.define("host", "level", new.new_global("i32", 7, mutable=True))

    with old.renew(prepare_all) as new:
        assert new is seen[1] and new.load("libtwice.so").twice(4) == 8


def test_what_goes_wrong_leaves_the_old_one_in_use(old: Namespace, folder: Path) -> None:
    counter = old.load("libcounter.so")

    class Mine(Exception):
        pass

    kept: List[Any] = []
    uses: List[Callable[[], Any]] = [lambda: kept[-4].objects, lambda: kept[-1](b"abc"), lambda: kept[-4].load("libc.so"), lambda: kept[-2].value]

    def fails(new: Namespace) -> None:
        kept.extend([new, new.load("libc.so"), new.new_global("i32"), new.load("libc.so").strlen])
        kept[-1](b"abc")
        raise Mine("no")

    def fails_with_a_view(new: Namespace) -> None:
        new.load("libc.so")
        kept.append(new.memory.view())
        fails(new)

    for prepare in (fails, fails_with_a_view):
        with pytest.raises(Mine):
            old.renew(prepare)
        for use in uses if prepare is fails else ():
            with pytest.raises(wasmdyld.Closed):
                use()
        assert counter.count() == (1 if prepare is fails else 2)
    # The view is good as long as it is kept.
    view = next(part for part in kept if isinstance(part, memoryview))
    assert len(bytes(view)) == len(view) > 0
    with pytest.raises(wasmdyld.InvalidArgument):
        kept[-4].load("libc.so")
    with pytest.raises(BufferError):
        kept[-4].close()
    view.release()
    del view
    (folder / "libcounter.so").write_bytes(b"\0asm")
    with pytest.raises(wasmdyld.Error, match="libcounter.so"):
        old.renew()
    assert counter.count() == 3
    (folder / "libcounter.so").unlink()
    with pytest.raises(wasmdyld.NotFound):
        old.renew()
    assert counter.count() == 4


def test_callbacks_of_the_configuration_serve_both(make: Make, folder: Path) -> None:
    asked: List[str] = []
    lines: List[str] = []
    output: List[bytes] = []

    def find(name: str, needed_by: Optional[str]) -> Optional[bytes]:
        asked.append(name)
        if name == "libbad.so":
            raise LookupError(name)
        return TWICE if name == "libtwice.so" else None

    wasi = wasmdyld.Wasi(stdout=output.append, stdin=b"input")
    old = make(open=find, trace=("libs", lambda category, text: lines.append(text)), wasi=wasi)
    old.load("libtwice.so")
    spaces = [old]
    for _ in range(3):
        asked.clear()
        lines.clear()
        new = spaces[-1].renew()
        spaces.append(new)
        assert asked[:1] == ["libtwice.so"] and lines
        for space in reversed(spaces):
            with pytest.raises(LookupError):
                space.load("libbad.so")
            assert space.load("libtwice.so").twice(3) == 6
    for space in spaces[:-1]:
        space.close()
    del spaces[:], space, old
    gc.collect()
    with pytest.raises(LookupError):
        new.load("libbad.so")
    libc = new.load("libc.so")
    libc.puts("to the same place")
    new.finish()
    assert b"".join(output) == b"to the same place\n"
    new.close()


def test_settings_go_over(make: Make, folder: Path) -> None:
    old = make(library_paths=[folder], control=Control.BUDGET, timeout=0.2, budget=1_000_000)
    old.define("host", "give", lambda: 1, "() -> i32")
    old.load("libcounter.so").count()
    left = old.budget
    new = old.renew()
    old.close()
    assert left is not None and new.budget is not None and left - 1000 < new.budget <= left and new.timeout == 0.2
    new.budget = None
    with pytest.raises(wasmdyld.TimedOut):
        new.load("libcounter.so").spin()
    new.close()


def test_signals_stop_guests_of_the_new_one(old: Namespace) -> None:
    old.load("libcounter.so")
    new = old.renew()
    old.close()
    del old
    gc.collect()
    counter = new.load("libcounter.so")
    for _ in range(2):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            counter.spin()
    assert counter.count() == 1
    made: List[Namespace] = []
    thread = threading.Thread(target=lambda: made.append(new.renew()))
    thread.start()
    thread.join()
    # From another thread, and back: there it is not watched, here it is.
    counter = made[0].load("libcounter.so")
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        counter.spin()
    new.close()
    made[0].close()


def test_a_function_that_the_guest_calls_may_renew(make: Make, folder: Path) -> None:
    ns = make(library_paths=[folder])
    made: List[Namespace] = []

    def give() -> int:
        if not made:
            made.append(ns.renew())
            return int(made[0].load("libcounter.so").ask()) + 1
        return 5

    ns.define("host", "give", give, "() -> i32")
    assert ns.load("libcounter.so").ask() == 6
    assert made[0].load("libcounter.so").count() == 1
    made[0].close()


def test_a_subclass_stays_one(old: Namespace, folder: Path) -> None:
    class Plugins(Namespace):
        pass

    with Plugins(library_paths=[folder]) as plugins:
        plugins.label = "mine"  # type: ignore[attr-defined]
        with plugins.renew() as new:
            assert type(new) is Plugins and new.label == "mine"  # type: ignore[attr-defined]


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_thousands_of_renewals_leave_nothing_behind(guests: Path, folder: Path) -> None:
    ns = Namespace(library_paths=[folder], open=lambda name, by: None, trace=("libs", lambda category, text: None))
    ns.define("host", "give", lambda: 40, "() -> i32")
    ns.load("libcounter.so")
    early = (0, 0, 0)
    for n in range(2000):
        callback = ns.callback(lambda: n, "() -> i32")
        assert ns.function_at(callback.slot, "() -> i32")() == n
        counter = ns.load("libcounter.so")
        assert (counter.count(), counter.ask(), len(ns.objects)) == (1, 40, 3)
        counter.unload()
        new = ns.renew()
        ns.close()
        ns = new
        if n in (500, 1999):
            del callback, counter, new
            gc.collect()
            now = (resident(), len(_state._callees), sum(isinstance(thing, _state.State) for thing in gc.get_objects()))
            if n == 500:
                early = now
    ns.close()
    assert now[1:] == early[1:] and now[2] <= 5
    # A store with a memory and compiled code that stayed would be more than that each.
    assert now[0] - early[0] < 16 << 20, (early, now)
