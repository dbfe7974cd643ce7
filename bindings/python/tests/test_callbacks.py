"""Python functions that guests call, by import and by pointer; exceptions on their way through the guest."""

import functools
import gc
import weakref
from typing import Any, List, Optional

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import CFUNCTYPE, Library, Namespace, c_int, c_void_p, f32, i32, i64

ROW = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p, c_void_p)


def open_database(ns: Namespace, sqlite: Library) -> int:
    with ns.alloc(4) as out:
        assert sqlite.sqlite3_open(":memory:", out) == 0
        database: int = out.unpack("I")[0]
    sqlite.sqlite3_exec.argtypes = [c_void_p, str, ROW, c_void_p, c_void_p]
    return database


def test_sqlite_with_a_python_callback(ns: Namespace, sqlite: Library) -> None:
    database = open_database(ns, sqlite)
    rows: List[List[Optional[str]]] = []

    def row(_: Any, count: int, values: int, names: int) -> int:
        pointers = ns.memory.unpack(f"{count}I", values)
        rows.append([ns.memory.string(p) if p else None for p in pointers])
        return 0

    script = "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'one'), (2, NULL); SELECT * FROM t ORDER BY a"
    assert sqlite.sqlite3_exec(database, script, row, None, None) == 0
    assert rows == [["1", "one"], ["2", None]]
    # SQLITE_ABORT, for a callback that does not want to go on.
    assert sqlite.sqlite3_exec(database, "SELECT * FROM t", lambda *row: 1, None, None) == 4
    assert sqlite.sqlite3_exec(database, "SELECT * FROM t", None, None, None) == 0
    assert sqlite.sqlite3_close(database) == 0


def test_exceptions_pass_through_the_guest(ns: Namespace, sqlite: Library) -> None:
    database = open_database(ns, sqlite)

    class Mine(Exception):
        pass

    exception = Mine("with data", {"x": 1})

    def fail(*row: Any) -> int:
        raise exception

    for _ in range(3):
        with pytest.raises(Mine) as caught:
            sqlite.sqlite3_exec(database, "SELECT 1", fail, None, None)
        assert caught.value is exception
        assert "fail" in [frame.name for frame in caught.traceback]
    for kind in (KeyboardInterrupt, SystemExit, wasmdyld.Exit):

        def interrupt(*row: Any, kind: Any = kind) -> int:
            raise kind("\n\0 \udcff strange")

        with pytest.raises(kind):
            sqlite.sqlite3_exec(database, "SELECT 1", interrupt, None, None)

    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    def mute(*row: Any) -> int:
        raise Mute

    with pytest.raises(Mute):
        sqlite.sqlite3_exec(database, "SELECT 1", mute, None, None)
    # What does not fit the callback's type is an exception too.
    with pytest.raises(TypeError, match="expected an int, got str"):
        sqlite.sqlite3_exec(database, "SELECT 1", lambda *row: "text", None, None)
    with pytest.raises(OverflowError):
        sqlite.sqlite3_exec(database, "SELECT 1", lambda *row: 2**32, None, None)


def test_slots_are_used_again(ns: Namespace, sqlite: Library) -> None:
    database = open_database(ns, sqlite)
    count = 0

    def row(*columns: Any) -> int:
        nonlocal count
        count += 1
        return 0

    sqlite.sqlite3_exec(database, "SELECT 1", row, None, None)
    instances, slots = ns.instance_count, ns.table_size
    for _ in range(300):
        sqlite.sqlite3_exec(database, "SELECT 1", row, None, None)
    assert count == 301
    assert (ns.instance_count, ns.table_size) == (instances, slots)


def test_many_callbacks_at_once(ns: Namespace, calc: Library) -> None:
    kept = [ns.callback(functools.partial(lambda n, x: x + n, n), "(f64) -> f64") for n in range(100)]
    assert len({callback.slot for callback in kept}) == 100
    for n in (0, 3, 4, 57, 99):
        calc.calc_define(ord("p"), kept[n])
        assert calc.calc_evaluate("1 p") == 1 + n
    assert ns.instance_count < 40
    assert ns.instances_left in (None, 10_000 - ns.instance_count)


def test_a_pointer_that_stays(ns: Namespace, calc: Library) -> None:
    calc.calc_define.argtypes = [c_int, CFUNCTYPE(float, float)]
    with ns.callback(lambda x: x / 2, CFUNCTYPE(float, float)) as halve:
        assert calc.calc_define(ord("h"), halve) == 0
        assert calc.calc_evaluate("9 h") == 4.5
        assert "slot" in repr(halve)
    with pytest.raises(wasmdyld.Closed, match="callback that is closed"):
        calc.calc_evaluate("9 h")
    with pytest.raises(wasmdyld.Closed):
        calc.calc_define(ord("h"), halve)

    # One that was given only for a call.
    calc.calc_define(ord("d"), lambda x: 2 * x)
    with pytest.raises(wasmdyld.Closed):
        calc.calc_evaluate("9 d")


def test_a_forgotten_callback_lets_go(ns: Namespace, calc: Library) -> None:
    class Target:
        def double(self, x: float) -> float:
            return 2 * x

    target = Target()
    seen = weakref.ref(target)
    callback = ns.callback(target.double)
    calc.calc_define(ord("d"), callback)
    del target
    assert calc.calc_evaluate("4 d") == 8
    del callback
    gc.collect()
    assert seen() is None
    with pytest.raises(wasmdyld.Closed):
        calc.calc_evaluate("4 d")


def test_functions_of_the_guest_as_pointers(ns: Namespace, calc: Library) -> None:
    libc = ns.load("libc.so")
    calc.calc_define(ord("s"), libc.sqrt)
    assert calc.calc_evaluate("16 s") == 4
    sqrt = ns.function_at(libc.sqrt.slot, "(f64) -> f64")
    assert sqrt(25) == 5 and sqrt.type == libc.sqrt.type and sqrt.slot == libc.sqrt.slot
    calc.calc_define(ord("t"), sqrt)
    assert calc.calc_evaluate("36 t") == 6
    with pytest.raises(wasmdyld.Trap):
        ns.function_at(libc.sqrt.slot, "(f32) -> f32")(1)
    with pytest.raises(wasmdyld.Trap):
        ns.function_at(0, "() -> ()")()
    with ns.callback(lambda x: -x, "(f64) -> f64") as negate:
        assert ns.function_at(negate.slot, CFUNCTYPE(float, float))(3) == -3
    assert ns.dladdr(libc.sqrt) == (libc.object, "sqrt", libc.sqrt.slot)


def test_pointers_as_results(ns: Namespace) -> None:
    lib = ns.load_bytes("id.so", wat('(func (export "id") (param i32) (result i32) local.get 0)'))
    shape = CFUNCTYPE(c_int, c_int)
    lib.id.argtypes, lib.id.restype = [shape], shape
    with ns.callback(lambda n: n + 1, shape) as increment:
        assert lib.id(increment)(41) == 42
    assert lib.id(None) is None


WANTS = """
    (import "host" "add" (func $add (param i32 i64 f32 f64) (result f64)))
    (import "host" "swap" (func $swap (param i32 i64) (result i64 i32)))
    (import "env" "note" (func $note (param i32)))
    (func (export "add") (param i32 i64 f32 f64) (result f64)
        local.get 0 local.get 1 local.get 2 local.get 3 call $add)
    (func (export "swap") (param i32 i64) (result i64 i32) local.get 0 local.get 1 call $swap)
    (func (export "say") (param i32) local.get 0 call $note)
"""


def test_definitions(ns: Namespace) -> None:
    notes: List[str] = []

    def add(a: i32, b: i64, c: f32, d: float) -> float:
        return a + b + c + d

    def note(text: str) -> None:
        notes.append(text)

    ns.define("host", "add", add)
    ns.define("host", "swap", lambda a, b: (b, a), "(i32, i64) -> (i64, i32)")
    ns.define("env", "note", note)
    ns.load("libc.so", wasmdyld.RTLD_GLOBAL)
    lib = ns.load_bytes("wants.so", wat(WANTS))
    assert lib.add(-1, 2**40, 0.5, 0.25) == 2**40 - 0.25
    assert lib.swap(1, -2) == (-2, 1)
    lib.say("from the guest")
    lib.say(None)
    assert notes == ["from the guest", None]


def test_definitions_of_the_wrong_kind(ns: Namespace) -> None:
    def untyped(a, b: int):  # type: ignore[no-untyped-def]
        return 0

    with pytest.raises(TypeError, match="there is none for a, return"):
        ns.define("env", "f", untyped)
    with pytest.raises(TypeError, match="no type that a function of the guest can have"):
        ns.callback(functools.partial(lambda x: x), CFUNCTYPE(list))
    with pytest.raises(TypeError, match="neither"):
        ns.define("env", "f", 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        ns.define("env", "f", print, "i32 -> i32")
    ns.define("host", "swap", lambda a, b: a, "(i32, i64) -> (i64, i32)")
    lib = ns.load_bytes("w.so", wat('(import "host" "swap" (func $f (param i32 i64) (result i64 i32))) (func (export "f") i32.const 0 i64.const 0 call $f drop drop)'))
    with pytest.raises(TypeError, match="has to return 2 values in a tuple"):
        lib.f()
    with pytest.raises(wasmdyld.TypeMismatch) as caught:
        ns.load_bytes("x.so", wat('(import "host" "swap" (func $f (param i32)))'))
    assert caught.value.code is wasmdyld.Code.TYPE_MISMATCH


def test_annotations_may_be_text_and_stand_on_call(ns: Namespace) -> None:
    class Adder:
        def __call__(self, a: "i32", b: "c_int") -> "c_int":
            return a + b

    with ns.load("libcalc.so"), ns.callback(Adder()) as callback:
        assert str(callback.type) == "(i32, i32) -> i32"
        assert ns.function_at(callback.slot, callback.type)(2, 3) == 5


def test_overriding(make: Make) -> None:
    for overriding, expected in ((False, 3), (True, 8)):
        ns = make()
        ns.define("env", "strlen", lambda address: 8, "(i32) -> i32", overriding=overriding)
        taker = ns.load("libc.so") and ns.load_bytes(
            "taker.so",
            wat('(import "env" "strlen" (func $f (param i32) (result i32))) (func (export "f") (param i32) (result i32) local.get 0 call $f)'),
        )
        ns.load("libc.so", wasmdyld.RTLD_GLOBAL)
        late = ns.load_bytes(
            "late.so",
            wat('(import "env" "strlen" (func $f (param i32) (result i32))) (func (export "f") (param i32) (result i32) local.get 0 call $f)'),
        )
        assert taker.f(1) == 8  # libc.so was local when it was loaded
        with ns.buffer("abc") as text:
            assert late.f(text) == expected


def test_globals(ns: Namespace) -> None:
    counter = ns.new_global("i32", 5, mutable=True)
    ns.define("host", "counter", counter)
    ns.define("host", "pi", ns.new_global("f64", 3.25))
    lib = ns.load_bytes(
        "counter.so",
        wat(
            """(import "host" "counter" (global $c (mut i32))) (import "host" "pi" (global $pi f64))
            (func (export "next") (result i32) (global.set $c (i32.add (global.get $c) (i32.const 1))) global.get $c)
            (func (export "pi") (result f64) global.get $pi)"""
        ),
    )
    assert lib.next() == 6 and counter.value == 6
    counter.value = -2
    assert lib.next() == -1 and lib.pi() == 3.25
    with pytest.raises(wasmdyld.InvalidArgument):
        ns.new_global("i64", 1).value = 2
    with pytest.raises(OverflowError):
        counter.value = 2**32
    with pytest.raises(ValueError):
        ns.new_global("i33")
    counter.close()
    with pytest.raises(wasmdyld.Closed):
        counter.value
    assert lib.next() == 0


DEEPER = """
    (import "host" "down" (func $down (param i32) (result i32)))
    (func (export "down") (param i32) (result i32) local.get 0 call $down)
"""


def test_guests_and_python_call_each_other(make: Make) -> None:
    ns = make(limits={wasmdyld.Limit.NESTING: 50})

    def down(n: int) -> i32:
        return 0 if n == 0 else lib.down(n - 1) + 1

    ns.define("host", "down", down)
    lib = ns.load_bytes("deeper.so", wat(DEEPER))
    assert lib.down(40) == 40
    with pytest.raises(wasmdyld.LimitReached, match="levels deep"):
        lib.down(60)
    assert lib.down(40) == 40


def test_an_exception_that_python_catches_on_the_way(ns: Namespace) -> None:
    def down(n: int) -> i32:
        if n == 0:
            raise ValueError("at the bottom")
        try:
            return lib.down(n - 1)  # type: ignore[no-any-return]
        except ValueError:
            if n == 3:
                return 33
            raise

    ns.define("host", "down", down)
    lib = ns.load_bytes("deeper.so", wat(DEEPER))
    assert lib.down(5) == 33
    with pytest.raises(ValueError, match="at the bottom"):
        lib.down(2)


def test_a_later_trap_is_not_taken_for_an_earlier_exception(ns: Namespace) -> None:
    """A constructor's exception ends in the guest's dlerror; then the guest traps for a reason of its own."""

    def fail() -> None:
        raise ValueError("in the constructor")

    ns.define("host", "fail", fail)
    failing = wat('(import "host" "fail" (func $f)) (func (export "__wasm_call_ctors") call $f)')
    with pytest.raises(ValueError, match="in the constructor"):
        ns.load_bytes("failing.so", failing)
    assert [object.name for object in ns.objects] == []

    def swallow() -> None:
        try:
            ns.load_bytes("failing.so", failing)
        except ValueError:
            pass

    ns.define("host", "swallow", swallow)
    lib = ns.load_bytes("s.so", wat('(import "host" "swallow" (func $f)) (func (export "f") call $f unreachable)'))
    with pytest.raises(wasmdyld.Trap, match="unreachable"):
        lib.f()


def test_callbacks_may_load_and_close(ns: Namespace) -> None:
    loaded: List[Library] = []

    def load(n: int) -> i32:
        lib = ns.load_bytes(f"n{n}.so", wat(f'(func (export "f") (result i32) i32.const {n})'))
        loaded.append(lib)
        with ns.callback(lambda: lib.f(), "() -> i32") as callback:
            return ns.function_at(callback.slot, "() -> i32")()  # type: ignore[no-any-return]

    ns.define("host", "down", load)
    lib = ns.load_bytes("deeper.so", wat(DEEPER))
    for n in (1, 2, 3):
        assert lib.down(n) == n
    for library in loaded:
        library.unload()
