"""Loading, listing, looking up; programs; the configuration."""

from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import Bind, Flags, Library, Limit, Namespace, Plt, RuntimePath


def test_objects(ns: Namespace, calc: Library, guests: Path) -> None:
    assert [object.name for object in ns.objects] == ["libcalc.so", "libhistory.so", "libc.so"]
    object = calc.object
    assert object == ns.objects[0] and object in set(ns.objects) and object != ns.objects[1]
    assert object.path == str(guests / "cases" / "library-only" / "libcalc.so")
    assert object.origin == str(guests / "cases" / "library-only")
    assert [needed.name for needed in object.needed] == ["libhistory.so", "libc.so"]
    assert object.opens == (1, 0) and ns.objects[1].opens == (0, 0)
    assert not object.is_program and not object.is_global and not object.is_nodelete
    place = object.place
    assert place.memory_base % 16 == 0 and place.memory_size > 0 and place.table_base >= 1
    assert repr(object) == "<wasmdyld.Object libcalc.so>" and repr(calc) == "<wasmdyld.Library libcalc.so>"

    again = ns.load(object.path or "")
    assert again.object == object and object.opens.host == 2
    again.unload()
    again.unload()
    assert object.opens.host == 1 and object.loaded
    ns.load("libhistory.so", wasmdyld.RTLD_GLOBAL)
    assert ns.objects[1].is_global and ns.function("history_count")() == 1
    assert ns.symbol("history_count").value == calc.history_count.slot
    calc.unload()
    assert not object.loaded and [object.name for object in ns.objects] == ["libhistory.so", "libc.so"]
    from_bytes = ns.load_bytes("bytes.so", wat("")).object
    assert from_bytes.path is None and from_bytes.origin is None


def test_names(ns: Namespace, calc: Library) -> None:
    names = calc.object.symbols()
    assert names["calc_evaluate"] is wasmdyld.SymbolKind.FUNC and names["calc_version"] is wasmdyld.SymbolKind.DATA
    # Neither what steers its life, nor what others define.
    assert "__wasm_call_ctors" not in names and "malloc" not in names and "history_count" not in names
    for name, kind in names.items():
        assert calc.symbol(name).kind is kind
    shown = dir(calc)
    assert "calc_evaluate" in shown and "unload" in shown and "calc_version" not in shown and shown == sorted(set(shown))
    assert "calc_evaluate" in calc._ipython_key_completions_()
    with pytest.raises(AttributeError, match="did you mean calc_evaluate"):
        calc.calc_evalute
    with pytest.raises(AttributeError) as caught:
        calc.nothing_like_it
    assert "did you mean" not in str(caught.value) and not hasattr(calc, "calc_evalute")
    object = calc.object
    calc.unload()
    assert "unload" in dir(calc) and "calc_evaluate" not in dir(calc)
    with pytest.raises(wasmdyld.InvalidArgument):
        object.symbols()


def test_flags(ns: Namespace) -> None:
    lib = ns.load_bytes("stay.so", wat(""), wasmdyld.RTLD_NODELETE | wasmdyld.RTLD_GLOBAL)
    assert lib.object.is_nodelete and lib.object.is_global
    lib.unload()
    assert lib.object.loaded
    lazy = ns.load_bytes("lazy.so", wat('(import "env" "later" (func $f (result i32))) (func (export "f") (result i32) call $f)'), wasmdyld.RTLD_LAZY)
    with pytest.raises(wasmdyld.Trap, match="later"):
        lazy.f()
    assert Flags.NOW == wasmdyld.RTLD_NOW == 2 and wasmdyld.RTLD_DEEPBIND in Flags


def test_the_next_definition(make: Make) -> None:
    ns = make("interposition")
    first, second = (ns.load(f"lib{name}.so", wasmdyld.RTLD_GLOBAL) for name in ("first", "second"))
    who = first.object.next_symbol("who").function()
    who.restype = str
    assert who() == "second"
    with pytest.raises(wasmdyld.SymbolNotFound):
        second.object.next_symbol("who")
    second.who_by_second.restype = str
    assert second.who_by_second() == "first"


def test_places_of_pointers(ns: Namespace, calc: Library) -> None:
    found = ns.dladdr(calc.malloc)
    assert found.object.name == "libc.so" and found.symbol == "malloc" and found.value == calc.malloc.slot
    assert ns.dladdr(calc.malloc.slot, wasmdyld.SymbolKind.FUNC) == found
    with pytest.raises(wasmdyld.Error):
        ns.dladdr(0)
    with pytest.raises(wasmdyld.InvalidArgument):
        ns.dladdr(1, wasmdyld.SymbolKind.NUMBER)


def test_open_callback(make: Make) -> None:
    asked: List[Tuple[str, Optional[str]]] = []
    modules = {"mine.so": wat('(func (export "f") (result i32) i32.const 11)')}

    def find(name: str, needed_by: Optional[str]) -> Optional[Tuple[bytes, str]]:
        asked.append((name, needed_by))
        return (modules[name.replace("alias", "mine")], "the same") if name in ("mine.so", "alias.so") else None

    ns = make("library-only", open=find)
    mine, alias = ns.load("mine.so"), ns.load("alias.so")
    assert mine.f() == 11 and alias.object == mine.object
    ns.load("libcalc.so")
    assert ("libhistory.so", "libcalc.so") in asked and ("mine.so", None) in asked


def test_exceptions_of_the_open_callback(make: Make) -> None:
    def fail(name: str, needed_by: Optional[str]) -> bytes:
        raise PermissionError(f"not {name}")

    ns = make(open=fail)
    with pytest.raises(PermissionError, match="not libz.so"):
        ns.load("libz.so")
    assert ns.objects == []
    ns = make(open=lambda name, by: "text")
    with pytest.raises(TypeError):
        ns.load("libz.so")


def test_the_open_callback_may_look_and_not_change(make: Make) -> None:
    asked: List[str] = []
    calc: List[wasmdyld.Library] = []

    def open(name: str, needed_by: Optional[str]) -> None:
        asked.append(name)
        if not calc:
            return
        lib = calc[0]
        assert lib.object in ns.objects and lib.object.place.memory_size > 0
        assert ns.memory.read(lib.object.place.memory_base, 4) and "libcalc.so" in ns.link_map()
        assert lib.symbol("calc_evaluate").kind is wasmdyld.SymbolKind.FUNC
        changes: List[Callable[[], Any]] = [
            lambda: ns.load("libz.so"),
            lambda: ns.load_bytes("x.so", b"\0asm\1\0\0\0"),
            lambda: ns.define("host", "f", lambda: None, "() -> ()"),
            lambda: ns.run(),
            lambda: ns.finish(),
            lambda: lib.calc_evaluate("1"),
            lambda: lib.unload(),
            lambda: ns.close(),
        ]
        for change in changes:
            with pytest.raises(wasmdyld.Busy):
                change()

    ns = make("library-only", open=open)
    calc.append(ns.load("libcalc.so"))
    ns.load("libsqlite3.so")
    assert "libsqlite3.so" in asked
    assert calc[0].calc_evaluate("1 2 +") == 3
    calc[0].unload()


def test_trace(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    said: List[Tuple[str, str]] = []
    make(trace=("libs,bindings", lambda category, text: said.append((category, text)))).load("libz.so")
    assert {category for category, _ in said} == {"libs", "bindings"}
    assert any("libz.so" in text for _, text in said)
    make(trace="libs").load("libz.so")
    assert "libz.so" in capfd.readouterr().err
    with pytest.raises(wasmdyld.InvalidArgument):
        make(trace="nonsense")

    def meddle(category: str, text: str) -> None:
        traced.objects

    traced = make(trace=("all", meddle))
    with pytest.raises(wasmdyld.Busy, match="must not use the namespace"):
        traced.load("libz.so")


def test_options(make: Make, guests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ns = make("library-only", stack_size=1 << 16, bind=Bind.LAZY, plt=Plt.HOST, runtime_path=RuntimePath.OFF)
    assert ns.load("libcalc.so").calc_evaluate("1 2 +") == 3
    assert ns.library_paths == [str(guests / "lib"), str(guests / "cases" / "library-only")]
    with pytest.raises(wasmdyld.LimitReached):
        make("library-only", limits={Limit.OBJECTS: 2}).load("libcalc.so")
    ns = make(limits={Limit.MEMORY_PAGES: 40})
    ns.load("libc.so")
    with pytest.raises(MemoryError):
        ns.alloc(41 * 65536)
    with pytest.raises(wasmdyld.InvalidArgument):
        make(stack_size=5)
    with pytest.raises(TypeError, match="library_paths takes a list"):
        Namespace(library_paths="libs")
    with pytest.raises(TypeError, match="preload takes a list"):
        Namespace(preload="libs")
    with pytest.raises(OverflowError):
        make(limits={Limit.OBJECTS: -1})
    monkeypatch.setenv("WASMDYLD_LIBRARY_PATH", str(tmp_path))
    assert str(tmp_path) in make(read_env=True).library_paths
    assert str(tmp_path) not in make().library_paths


def test_preload(make: Make, guests: Path) -> None:
    out = wasmdyld.Output()
    ns = make("preload", preload=["libpolite.so"], wasi=wasmdyld.Wasi(stdout=out))
    assert ns.run(guests / "cases" / "preload" / "main-pie.wasm") == 0
    assert out.text().splitlines() == ["Good morning, world (supplied by preload)", "main calls: Good morning"]


@pytest.mark.parametrize("kind", ["pie", "nonpie"])
def test_programs(make: Make, guests: Path, kind: str) -> None:
    out = wasmdyld.Output()
    wasi = wasmdyld.Wasi(args=["main", "return", "3"], env={"A": "1", "SPACES": "a b"}, stdout=out)
    ns = make("arguments", wasi=wasi)
    program = ns.load(guests / "cases" / "arguments" / f"main-{kind}.wasm", Flags.PROGRAM)
    assert program.object.is_program and program.object.is_global
    status = ns.run()
    assert out.text().splitlines()[:2] == ["2 arguments: [return] [3]", "A=1 EMPTY=(none) SPACES=a b"]
    assert status == 2
    with pytest.raises(wasmdyld.NotFound):
        make().run("/nowhere/main.wasm")


def test_an_exit_code(make: Make, guests: Path) -> None:
    ns = make("arguments", wasi=wasmdyld.Wasi(args=["main", "exit", "41"]))
    assert ns.run(guests / "cases" / "arguments" / "main-pie.wasm") == 41


def test_finish(make: Make) -> None:
    out = wasmdyld.Output()
    ns = make("library-only", wasi=wasmdyld.Wasi(stdout=out))
    libc = ns.load("libc.so")
    for character in "kept in the guest's buffer":
        libc.putchar(ord(character))
    assert out.take() == b""
    ns.finish()
    assert out.take() == b"kept in the guest's buffer"


def test_exit_handlers_that_are_python(ns: Namespace) -> None:
    ended: List[str] = []
    ns.define("host", "ended", lambda: ended.append("ended"), "() -> ()")
    ns.load("libc.so", wasmdyld.RTLD_GLOBAL)
    lib = ns.load_bytes(
        "handler.so",
        bytes(
            wat(
                """(import "host" "ended" (func $ended)) (import "env" "atexit" (func $atexit (param i32) (result i32)))
                (import "GOT.func" "at_end" (global $at_end (mut i32)))
                (func (export "at_end") call $ended)
                (func (export "register") (result i32) global.get $at_end call $atexit)"""
            )
        ),
    )
    assert lib.register() == 0
    lib.unload()
    assert ended == ["ended"]


def test_compiled_modules(ns: Namespace) -> None:
    data = wat('(func (export "f") (result i32) i32.const 5)')
    module = ns.compile(data)
    code = module.serialize()
    assert ns.load_bytes("one.so", data, module=module).f() == 5
    with pytest.raises(wasmdyld.Closed):
        ns.load_bytes("two.so", data, module=module)
    assert ns.load_bytes("two.so", data, module=ns.deserialize(code)).f() == 5
    ns.compile(data).close()
    left = ns.compile(data)
    with pytest.raises(wasmdyld.EngineRefused):
        ns.compile(b"garbage")
    ns.close()
    with pytest.raises(wasmdyld.Closed):
        left.serialize()
