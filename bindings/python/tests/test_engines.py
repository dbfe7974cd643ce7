"""Other engines, and other users of one in the same process.

WASMDYLD_TEST_ENGINES names engine libraries ("wasmi=PATH:wasmer=PATH"). One there always is: that in the package wasmtime of PyPI.
"""

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest
import wasmtime

import wasmdyld
from support import GUESTS, absent, command, wat
from wasmdyld import CFUNCTYPE, CodeStore, Engine, EngineDescription, Namespace, Output, Wasi


def engines() -> Dict[str, str]:
    listed = os.environ.get("WASMDYLD_TEST_ENGINES", "")
    found = dict(entry.split("=", 1) for entry in listed.split(":") if entry)
    packaged = next(Path(wasmtime.__file__).parent.glob("*/_libwasmtime.*"))
    return {**found, "wasmtime (PyPI)": str(packaged)}


ENGINES = engines()


def test_other_engines_are_built() -> None:
    if not os.environ.get("WASMDYLD_TEST_ENGINES"):
        absent("wasmer and wasmi", "`cargo xtask test` builds them, and names them in WASMDYLD_TEST_ENGINES")


@pytest.mark.parametrize("name", list(ENGINES))
def test_no_guest_runs_while_there_are_views_that_growth_could_leave_behind(guests: Path, name: str) -> None:
    with Namespace(library_paths=[guests / "lib"], engine=Engine(ENGINES[name])) as ns:
        libc = ns.load("libc.so")
        libc.abs
        block = ns.buffer(b"abcd")
        kept: List[Any] = []
        callback = ns.callback(lambda n: kept.append(block.view()) or n, "(i32) -> i32")  # type: ignore[func-returns-value]
        through = ns.function_at(callback.slot, "(i32) -> i32")
        with block.view() as view:
            uses: List[Callable[[], Any]] = [
                lambda: libc.abs(-1),
                lambda: libc.abs.rows(-1, rows=2),
                lambda: ns.alloc(1),
                lambda: block.free(),
                lambda: ns.memory.grow(1),
                lambda: ns.load("libz.so"),
                lambda: ns.load_bytes("empty.so", wat("")),
                lambda: ns.finish(),
                lambda: libc.unload(),
                lambda: through(5),
            ]
            for use in uses:
                with pytest.raises(BufferError, match="release"):
                    use()
            view[0] = ord("X")
            assert block.read() == b"Xbcd" and ns.memory.string(block.address)[:4] == "Xbcd"
        assert libc.abs(-1) == 1
        # A function of Python's that leaves one behind does not return to the guest.
        with pytest.raises(BufferError, match="release"):
            through(5)
        kept.pop().release()
        ns.memory.grow(10)
        block.free()


@pytest.mark.parametrize("name", list(ENGINES))
def test_another_engine(guests: Path, name: str) -> None:
    engine = Engine(ENGINES[name])
    assert engine.name == name.split()[0]
    assert repr(engine) == f"<wasmdyld.Engine {engine.name}>"
    out = Output()
    paths = [guests / "lib", guests / "cases" / "library-only"]
    with Namespace(library_paths=paths, engine=engine, wasi=Wasi(stdout=out)) as ns:
        # Made of it stays good.
        engine.close()
        calc = ns.load("libcalc.so")
        assert calc.calc_factorial(20) == 2432902008176640000
        calc.calc_define(ord("h"), ns.callback(lambda x: x / 2, "(f64) -> f64").slot)
        kept = ns.callback(lambda x: x / 2, CFUNCTYPE(float, float))
        calc.calc_define(ord("h"), kept)
        assert calc.calc_evaluate("9 h") == 4.5
        assert ns.function_at(calc.sqrt.slot, "(f64) -> f64")(9) == 3
        assert ns.memory.string(ns.memory.unpack("I", calc.address("calc_name"))[0]) == "calc"

        class Mine(Exception):
            pass

        def fail(x: float) -> float:
            raise Mine("through the engine")

        with ns.callback(fail) as failing:
            calc.calc_define(ord("f"), failing)
            with pytest.raises(Mine):
                calc.calc_evaluate("9 f")
        with pytest.raises(wasmdyld.Trap):
            calc.calc_crash()
        with pytest.raises(wasmdyld.Exit):
            calc.exit(3)
        counter = ns.new_global("i64", 2**40, mutable=True)
        counter.value = -1
        assert counter.value == -1
        size = len(ns.memory)
        ns.memory.grow(1)
        with ns.memory.view(size) as view:
            view[0] = 1
            assert ns.memory[size] == 1
        calc.puts("said")
        assert out.text() == "said\n"
    with pytest.raises(wasmdyld.Closed):
        Namespace(engine=engine)


@pytest.mark.parametrize("name", list(ENGINES))
def test_engines_side_by_side(name: str) -> None:
    module = wat('(import "host" "f" (func $f (param i32) (result i32))) (func (export "g") (param i32) (result i32) local.get 0 call $f)')
    spaces: List[Namespace] = [Namespace(), Namespace(engine=ENGINES[name]), Namespace()]
    functions = []
    for number, ns in enumerate(spaces):
        ns.define("host", "f", lambda x, number=number: 100 * number + x, "(i32) -> i32")
        functions.append(ns.load_bytes("m.so", module).g)
    assert [function(n) for n, function in enumerate(functions)] == [0, 101, 202]
    spaces.pop(1).close()
    assert functions[2](3) == 203
    for ns in spaces:
        ns.close()


def test_what_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(wasmdyld.NotFound, match="/nowhere/libengine.so"):
        Engine("/nowhere/libengine.so")
    with pytest.raises(wasmdyld.Unsupported, match="none of the functions of wasm.h"):
        Namespace(engine="libc.so.6")
    assert Engine().name == "bundled"
    with Engine() as engine:
        pass
    with pytest.raises(wasmdyld.Closed):
        Namespace(engine=engine)
    assert repr(engine) == "<wasmdyld.Engine bundled (closed)>"
    with pytest.raises(wasmdyld.Busy):
        Engine(description=EngineDescription("mine", trap_cause=lambda text: text, last_error=lambda: ""))


def test_the_cache(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    for _ in range(2):
        with Engine(cache=folder) as engine, Namespace(engine=engine) as ns:
            ns.load_bytes("m.so", wat('(func (export "f"))')).f()
    assert any(folder.rglob("*"))
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(wasmdyld.Error, match="shared"):
        Engine(cache=shared)


def test_a_place_for_code(capsys: pytest.CaptureFixture[str]) -> None:
    shelf: Dict[str, bytes] = {}
    found: List[str] = []

    def get(name: str) -> Optional[bytes]:
        if name in shelf:
            found.append(name)
        return shelf.get(name)

    def answer(store: CodeStore) -> None:
        with Engine(store=store) as engine, Namespace(engine=engine) as ns:
            ns.load_bytes("m.so", wat('(func (export "f"))')).f()

    ours = CodeStore(get, shelf.__setitem__, secret=b"x" * 16)
    answer(ours)
    kept = dict(shelf)
    assert kept and not found and all(len(name) == 64 for name in kept)
    answer(ours)
    assert found and shelf == kept
    # What another has sealed is not there.
    answer(CodeStore(shelf.get, secret=b"y" * 16))
    assert shelf == kept

    def fails(*_: object) -> None:
        raise OSError("no answer")

    answer(CodeStore(fails, fails))
    assert "no answer" in capsys.readouterr().err
    with pytest.raises(wasmdyld.InvalidArgument, match="16 bytes"):
        Engine(store=CodeStore(get, secret=b"short"))


def test_a_folder_that_somebody_has_filled(tmp_path: Path) -> None:
    folder = tmp_path / "built"
    folder.mkdir(mode=0o700)
    with Engine(cache=folder) as engine, Namespace(engine=engine) as ns:
        ns.load_bytes("m.so", wat('(func (export "f"))')).f()
    built = sorted(folder.rglob("*"))
    with Engine(prebuilt=[tmp_path / "missing", folder]) as engine, Namespace(engine=engine) as ns:
        ns.load_bytes("m.so", wat('(func (export "f"))')).f()
        ns.load_bytes("n.so", wat('(func (export "g"))')).g()
    assert sorted(folder.rglob("*")) == built
    folder.chmod(0o777)
    with pytest.raises(wasmdyld.InvalidArgument, match="built"):
        Engine(prebuilt=[folder])


THEIRS = """
    import wasmtime
    def theirs():
        engine = wasmtime.Engine()
        store = wasmtime.Store(engine)
        text = '''(module (import "" "f" (func $f (param i32) (result i32))) (memory 1)
            (func (export "g") (param i32) (result i32) local.get 0 call $f)
            (func (export "crash") unreachable) (func (export "out") (drop (i32.load (i32.const -4)))))'''
        kind = wasmtime.FuncType([wasmtime.ValType.i32()], [wasmtime.ValType.i32()])
        host = wasmtime.Func(store, kind, lambda x: x + 1)
        instance = wasmtime.Instance(store, wasmtime.Module(engine, text), [host])
        exports = instance.exports(store)
        assert exports["g"](store, 4) == 5
        for name in ("crash", "out"):
            try:
                exports[name](store)
            except wasmtime.Trap:
                pass
            else:
                raise AssertionError(name)
        return store, instance
"""
OURS = """
    import sys, wasmdyld
    def ours():
        ns = wasmdyld.Namespace(library_paths=sys.argv[1:])
        calc = ns.load("libcalc.so")
        assert calc.calc_evaluate("1 2 +") == 3
        for _ in range(2):
            try:
                calc.calc_crash()
            except wasmdyld.Trap as trap:
                assert "unreachable" in str(trap)
            else:
                raise AssertionError("no trap")
            try:
                calc.strlen(2**32 - 8)
            except wasmdyld.Trap as trap:
                assert "out of bounds" in str(trap)
            else:
                raise AssertionError("no trap")
        def fail(x):
            raise ValueError("ours")
        with ns.callback(fail, "(f64) -> f64") as callback:
            calc.calc_define(ord("f"), callback)
            try:
                calc.calc_evaluate("1 f")
            except ValueError:
                pass
            else:
                raise AssertionError("no exception")
        return ns, calc
"""


def packaged(version: str, folder: Path) -> Path:
    """The library in the package wasmtime of this version."""
    get = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary", ":all:", "--dest", str(folder), f"wasmtime=={version}"]
    subprocess.run(get, check=True, timeout=300)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if "_libwasmtime." in name)
        return Path(wheel.extract(name, folder))


@pytest.mark.parametrize("version, tags, lacks", [("22.0.0", False, "extended constant expressions"), ("40.0.0", True, None)])
def test_older_versions_of_wasmtime(guests: Path, tmp_path: Path, version: str, tags: bool, lacks: Optional[str]) -> None:
    library = packaged(version, tmp_path)
    done = subprocess.run(command("engine-check", "--format", "json", library), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    found = json.loads(done.stdout)
    assert found["engine"] == "wasmtime"
    rows = {row["probe"]: row["result"] for row in found["probes"]}
    assert "crashed" not in " ".join(rows.values())
    assert rows["tag"] == ("yes" if tags else "no")
    assert found["can_host"] is (lacks is None), found["verdict"]
    with Namespace(library_paths=[guests / "lib"], engine=Engine(library)) as ns:
        if lacks is None:
            assert ns.load("libc.so").abs(-3) == 3
        else:
            assert lacks in found["verdict"]
            with pytest.raises(wasmdyld.Error, match=f"the engine has no .*{lacks}"):
                ns.load("libc.so")


@pytest.mark.parametrize("order", ["theirs ours", "ours theirs", "theirs ours theirs ours", "ours theirs ours theirs"])
def test_beside_the_package_wasmtime(guests: Path, order: str) -> None:
    """Both have a wasmtime, of different versions, and both handle the process's signals. Traps are their test."""
    steps = order.split()
    first, second = (THEIRS, OURS) if steps[0] == "theirs" else (OURS, THEIRS)
    uses = "\n".join(f"kept.append({step}())" for step in steps)
    text = "\n".join([textwrap.dedent(first), textwrap.dedent(second), "kept = []", uses, "print('done')"])
    host = [sys.executable, "-X", "dev", "-c", text, str(GUESTS / "lib"), str(GUESTS / "cases" / "library-only")]
    done = subprocess.run(host, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.stderr == "" and (done.returncode, done.stdout) == (0, "done\n")
