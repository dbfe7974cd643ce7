"""Closing, in any order and in none; cycles; threads; the interpreter's exit."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from pathlib import Path
from typing import Any, Callable, List

import pytest

import wasmdyld
from support import GUESTS, Make, wat
from wasmdyld import Namespace, _state

SAMPLE = wat(
    """(import "host" "f" (func $f (param i32) (result i32)))
    (func (export "g") (param i32) (result i32) local.get 0 call $f)
    (func (export "spin") (loop br 0))"""
)


def test_with_closes(guests: Path) -> None:
    with Namespace(library_paths=[guests / "lib"]) as ns:
        with ns.load("libc.so") as libc, ns.alloc(8) as block:
            assert libc.abs(-1) == 1
        with pytest.raises(wasmdyld.Closed):
            libc.abs(-1)
        assert not ns.closed
        libc = ns.load("libc.so")
        block = ns.alloc(8)
        callback = ns.callback(lambda: None, "() -> ()")
        everything: List[Callable[[], Any]] = [
            lambda: libc.abs(-1),
            lambda: libc.labs,
            lambda: libc.object.name,
            lambda: libc.unload(),
            lambda: ns.load("libc.so"),
            lambda: ns.load_bytes("a.so", b""),
            lambda: ns.run(),
            lambda: ns.finish(),
            lambda: ns.objects,
            lambda: ns.library_paths,
            lambda: ns.link_map(),
            lambda: ns.instance_count,
            lambda: ns.table_size,
            lambda: ns.symbol("abs"),
            lambda: ns.dladdr(5),
            lambda: ns.alloc(1),
            lambda: ns.buffer("a"),
            lambda: block.read(),
            lambda: block.free(),
            lambda: len(ns.memory),
            lambda: ns.memory.view(),
            lambda: ns.callback(lambda: None, "() -> ()"),
            lambda: ns.define("a", "b", lambda: None, "() -> ()"),
            lambda: ns.new_global("i32"),
            lambda: ns.compile(b""),
            lambda: ns.function_at(1, "() -> ()"),
        ]
        libc.abs
    assert ns.closed and repr(ns) == "<wasmdyld.Namespace (closed)>"
    for use in everything:
        with pytest.raises(wasmdyld.Closed):
            use()
    callback.close()
    ns.close()


def test_no_closing_while_the_guest_runs(ns: Namespace) -> None:
    def close(n: int) -> wasmdyld.i32:
        with pytest.raises(wasmdyld.Busy):
            ns.close()
        return n

    ns.define("host", "f", close)
    assert ns.load_bytes("sample.so", SAMPLE).g(5) == 5


def test_leaving_with_by_an_exception_of_a_callback(guests: Path) -> None:
    def fail(n: int) -> wasmdyld.i32:
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        with Namespace() as ns:
            ns.define("host", "f", fail)
            ns.load_bytes("sample.so", SAMPLE).g(5)
    assert ns.closed


def test_what_is_kept_keeps_the_namespace() -> None:
    ns = Namespace()
    handles = ns._state.handles
    ns.define("host", "f", lambda n: n + 1, "(i32) -> i32")
    function = ns.load_bytes("sample.so", SAMPLE).g
    del ns
    gc.collect()
    assert function(5) == 6 and not handles.closed
    del function
    gc.collect()
    assert handles.closed


def test_cycles_are_collected() -> None:
    """A host function that refers to its namespace, which refers to the function."""

    class Host:
        def __init__(self) -> None:
            self.ns = Namespace()
            self.ns.define("host", "f", self.f, "(i32) -> i32")
            self.library = self.ns.load_bytes("sample.so", SAMPLE)
            self.callback = self.ns.callback(self.f, "(i32) -> i32")
            self.opened = Namespace(open=self.open, trace=("libs", self.trace), wasi=wasmdyld.Wasi(stdout=self.write))

        def f(self, n: int) -> int:
            return n + len(self.ns.objects)

        def open(self, name: str, needed_by: Any) -> None:
            return None

        def trace(self, category: str, text: str) -> None:
            pass

        def write(self, data: bytes) -> None:
            pass

    host = Host()
    assert host.library.g(5) == 7
    seen, handles = weakref.ref(host), [host.ns._state.handles, host.opened._state.handles]
    del host
    gc.collect()
    assert seen() is None and all(one.closed for one in handles)


def usage() -> Any:
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))
    return descriptors, len(_state._callees), len(gc.get_objects())


def mappings() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


def test_a_thousand_namespaces(engine: wasmdyld.Engine) -> None:
    def once(n: int) -> None:
        with Namespace(engine=engine, wasi=wasmdyld.Wasi(stdout=wasmdyld.Output())) as ns:
            ns.define("host", "f", lambda x: x + n, "(i32) -> i32")
            lib = ns.load_bytes("sample.so", SAMPLE)
            assert lib.g(1) == n + 1
            with ns.callback(lambda x: x, "(f64) -> f64") as callback:
                assert ns.function_at(callback.slot, "(f64) -> f64")(0.5) == 0.5
            with pytest.raises(wasmdyld.NotFound):
                ns.load("nothing.so")

    for n in range(50):
        once(n)
    before, mapped = usage(), mappings()
    for n in range(1000):
        once(n)
    after = usage()
    assert after[:2] == before[:2]
    # Some caches of the interpreter's own fill up; a leak would be thousands.
    assert after[2] - before[2] < 500
    assert mappings() - mapped < 100


def test_what_the_package_loads_itself_is_the_same_in_all_namespaces(tmp_path: Path) -> None:
    engine = wasmdyld.Engine(cache=tmp_path)
    kept = []
    for n in range(3):
        with Namespace(engine=engine) as ns, ns.callback(lambda x: x, "(f64) -> f64") as callback:
            assert ns.function_at(callback.slot, "(f64) -> f64")(n) == n
        kept.append({file.name for file in tmp_path.iterdir()})
    assert kept[0] and kept[1] == kept[0] and kept[2] == kept[0]


def in_thread(work: Callable[[], Any]) -> Any:
    outcome: List[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


def test_each_thread_has_a_namespace_of_its_own(ns: Namespace) -> None:
    paths = ns.library_paths

    def own() -> float:
        with Namespace(library_paths=paths) as mine:
            return mine.load("libcalc.so").calc_evaluate("5 6 *")  # type: ignore[no-any-return]

    assert in_thread(own) == 30


def test_a_namespace_may_be_collected_in_another_thread() -> None:
    kept = [Namespace()]
    kept[0].load_bytes("empty.so", wat(""))
    handles = kept[0]._state.handles

    def drop() -> None:
        kept.clear()
        gc.collect()

    assert in_thread(drop) is None
    assert handles.closed


EXITS = {
    "open namespaces": "",
    "a failing program": "import os; sys.stdout.flush(); ns.finish()",
    "closed engine": "engine.close()",
    "views": "view = ns.memory.view()",
    "cycles": "ns.define('host', 'self', lambda: ns, '() -> ()'); ns.myself = ns",
    "a thread in the guest": """
        import threading, time
        running = threading.Event()
        def run():
            other = wasmdyld.Namespace(engine=engine)
            other.define("host", "f", lambda n: running.set() or 0, "(i32) -> i32")
            lib = other.load_bytes("spin.so", bytes.fromhex(sys.argv[2]))
            lib.g(0)
            lib.spin()
        threading.Thread(target=run, daemon=True).start()
        running.wait()
        time.sleep(0.05)
    """,
    "exit in a callback": """
        ns.define("host", "f", lambda n: sys.exit(0), "(i32) -> i32")
        print("done"); sys.stdout.flush()
        ns.load_bytes("s.so", bytes.fromhex(sys.argv[2])).g(1)
    """,
}


@pytest.mark.parametrize("end", EXITS.values(), ids=list(EXITS))
def test_the_interpreter_exits_with_open_handles(guests: Path, end: str, tmp_path: Path) -> None:
    script = """
        import sys, wasmdyld
        engine = wasmdyld.Engine()
        ns = wasmdyld.Namespace(library_paths=[sys.argv[1]], engine=engine)
        empty = ns.load_bytes("empty.so", b"\\0asm\\1\\0\\0\\0\\0\\x0f\\x08dylink.0\\1\\4\\0\\0\\0\\0")
        callback = ns.callback(lambda: None, "() -> ()")
        compiled = ns.compile(b"\\0asm\\1\\0\\0\\0")
        output = wasmdyld.Output()
    """
    text = textwrap.dedent(script) + textwrap.dedent(end) + "\nprint('done')\n"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", text, str(GUESTS / "lib"), SAMPLE.hex()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.stderr == "" and (done.returncode, done.stdout) == (0, "done\n")
