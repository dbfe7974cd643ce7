"""Exceptions: their classes, codes and lists."""

import pickle
from pathlib import Path

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import Code, Error, Library, Namespace, Undefined

TRANSLATED = {
    Code.INVALID_ARGUMENT: wasmdyld.InvalidArgument,
    Code.NOT_FOUND: wasmdyld.NotFound,
    Code.IO: wasmdyld.IOFailed,
    Code.MALFORMED: wasmdyld.Malformed,
    Code.UNSUPPORTED: wasmdyld.Unsupported,
    Code.UNDEFINED_SYMBOL: wasmdyld.UndefinedSymbol,
    Code.TYPE_MISMATCH: wasmdyld.TypeMismatch,
    Code.LIMIT: wasmdyld.LimitReached,
    Code.ENGINE: wasmdyld.EngineRefused,
    Code.TRAP: wasmdyld.Trap,
    Code.EXIT: wasmdyld.Exit,
    Code.BUSY: wasmdyld.Busy,
    Code.INTERNAL: wasmdyld.InternalError,
    Code.INTERRUPTED: wasmdyld.Interrupted,
    Code.TIMED_OUT: wasmdyld.TimedOut,
    Code.OUT_OF_BUDGET: wasmdyld.OutOfBudget,
}


def test_every_code_has_a_class() -> None:
    from wasmdyld._errors import CLASSES

    assert CLASSES == TRANSLATED
    assert set(CLASSES) == set(Code) - {Code.OK}


def test_not_found(ns: Namespace, guests: Path) -> None:
    with pytest.raises(wasmdyld.NotFound, match="libnothing.so") as caught:
        ns.load("libnothing.so")
    error = caught.value
    assert error.code is Code.NOT_FOUND and isinstance(error, (Error, LookupError))
    assert error.message == str(error) and str(guests / "lib") in str(error)
    assert error.undefined == () and error.exit_code is None
    with pytest.raises(wasmdyld.NotFound, match="is not loaded"):
        ns.load("libz.so", wasmdyld.RTLD_NOLOAD)
    with pytest.raises(wasmdyld.NotFound):
        ns.load("/nowhere/lib.so")


def test_undefined_symbols_come_all_at_once(ns: Namespace) -> None:
    module = wat('(import "env" "one" (func (param i32) (result i32))) (import "GOT.mem" "two" (global (mut i32))) (import "host" "three" (func))')
    with pytest.raises(wasmdyld.UndefinedSymbol) as caught:
        ns.load_bytes("wants.so", module)
    assert caught.value.code is Code.UNDEFINED_SYMBOL
    assert sorted(caught.value.undefined, key=str) == [
        Undefined("host.three", "wants.so", "func () -> ()"),
        Undefined("one", "wants.so", "func (i32) -> i32"),
        Undefined("two", "wants.so", "data"),
    ]
    assert str(caught.value.undefined[0]).endswith("needed by wants.so")
    assert ns.objects == []


def test_without_wasi(make: Make) -> None:
    with pytest.raises(wasmdyld.UndefinedSymbol, match="has not set up WASI") as caught:
        make(wasi=False).load("libc.so")
    assert all(symbol.symbol.startswith("wasi_snapshot_preview1.") for symbol in caught.value.undefined)


def test_an_uncaught_exception_tells_what_it_is(make: Make) -> None:
    ns = make("cxx-uncaught")
    with pytest.raises(wasmdyld.Trap, match=r"uncaught C\+\+ exception std::invalid_argument: no configuration"):
        ns.load("libconstructor.so")
    toss = ns.load("libtoss.so")
    malloc = ns.load("libc.so")["malloc"]
    address = malloc(16)
    ns.memory.write(address, b"several-bases\0")
    with pytest.raises(wasmdyld.Trap, match=r"uncaught C\+\+ exception game::Error: the level has no exit"):
        toss["toss"](address)


def test_malformed(ns: Namespace, tmp_path: Path) -> None:
    for data in (b"", b"garbage", b"\0asm\1\0\0\0\x0b", b"\x7fELF"):
        with pytest.raises(wasmdyld.Malformed):
            ns.load_bytes("bad.so", data)
    (tmp_path / "empty.so").touch()
    with pytest.raises(wasmdyld.Malformed, match="empty.so"):
        ns.load(tmp_path / "empty.so")


def test_invalid_arguments(ns: Namespace) -> None:
    with pytest.raises(wasmdyld.InvalidArgument, match="contradict"):
        ns.load("libz.so", wasmdyld.RTLD_NOW | wasmdyld.RTLD_LAZY)
    with pytest.raises(ValueError):
        ns.load_bytes("a/b", wat(""))
    with pytest.raises(ValueError):
        ns.load_bytes("a\0b", wat(""))
    with pytest.raises(wasmdyld.Error):
        ns.run()


def test_traps(ns: Namespace, calc: Library) -> None:
    with pytest.raises(wasmdyld.Trap, match="unreachable") as caught:
        calc.calc_crash()
    assert caught.value.code is Code.TRAP and caught.value.exit_code is None
    with pytest.raises(wasmdyld.Trap):
        calc.calc_recurse(100_000_000)
    # The library still works.
    assert calc.calc_evaluate("2 3 *") == 6


def test_frames(ns: Namespace, calc: Library) -> None:
    with pytest.raises(wasmdyld.Trap) as caught:
        calc.calc_crash()
    frames = caught.value.frames
    assert frames[-1].object == "libcalc.so" and frames[-1].function == "calc_crash"
    assert frames[0].object == "libc.so" and all(frame.offset for frame in frames)
    assert pickle.loads(pickle.dumps(caught.value)).frames == frames
    with pytest.raises(wasmdyld.NotFound) as missing:
        ns.load("libnothing.so")
    assert missing.value.frames == ()
    assert "libcalc.so" in ns.link_map()


def test_exit(ns: Namespace) -> None:
    libc = ns.load("libc.so")
    with pytest.raises(wasmdyld.Exit) as caught:
        libc.exit(7)
    assert caught.value.code is Code.EXIT and caught.value.exit_code == 7


def test_errors_are_data() -> None:
    error = wasmdyld.UndefinedSymbol("text", undefined=(Undefined("a", "b", "c"),))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is wasmdyld.UndefinedSymbol
    assert (copy.message, copy.code, copy.undefined) == ("text", Code.UNDEFINED_SYMBOL, error.undefined)
    assert str(wasmdyld.SymbolNotFound("in words")) == "in words"
    assert issubclass(wasmdyld.SymbolNotFound, (AttributeError, KeyError))
