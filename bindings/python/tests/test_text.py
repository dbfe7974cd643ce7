"""Text that goes to C: nothing of it is lost at a NUL."""

import ctypes
from ctypes import c_void_p
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

import wasmdyld
from support import Make
from wasmdyld import Engine, EngineDescription, Namespace, Wasi
from wasmdyld._ffi import PROTOTYPES
from wasmdyld._library import dyld

NUL = "before\0after"

CALLS: Dict[str, Callable[[Namespace], Any]] = {
    "load": lambda ns: ns.load(NUL),
    "load a path": lambda ns: ns.load(Path("/" + NUL)),
    "run": lambda ns: ns.run(NUL),
    "load_bytes": lambda ns: ns.load_bytes(NUL, b"\0asm\1\0\0\0"),
    "symbol": lambda ns: ns.symbol(NUL),
    "function": lambda ns: ns.function(NUL),
    "a library's function": lambda ns: ns.load("libcalc.so")[NUL],
    "a library's datum": lambda ns: ns.load("libcalc.so").address(NUL),
    "next_symbol": lambda ns: ns.load("libcalc.so").object.next_symbol(NUL),
    "define, module": lambda ns: ns.define(NUL, "f", lambda: None, "() -> ()"),
    "define, name": lambda ns: ns.define("m", NUL, lambda: None, "() -> ()"),
    "define a global, module": lambda ns: ns.define(NUL, "g", ns.new_global("i32")),
    "define a global, name": lambda ns: ns.define("m", NUL, ns.new_global("i32")),
}

OPTIONS: Dict[str, Callable[[], Any]] = {
    "library_paths": lambda: Namespace(library_paths=["/lib", NUL]),
    "preload": lambda: Namespace(preload=[NUL]),
    "trace": lambda: Namespace(trace="libs\0,nonsense"),
    "trace to a function": lambda: Namespace(trace=("libs\0,nonsense", print)),
    "engine": lambda: Namespace(engine=NUL),
    "engine library": lambda: Engine(NUL),
    "engine cache": lambda: Engine(cache=NUL),
    "engine description": lambda: Engine(description=EngineDescription(NUL)),
    "args": lambda: Namespace(wasi=Wasi(args=["x", NUL])),
    "env, name": lambda: Namespace(wasi=Wasi(env={NUL: "x"})),
    "env, value": lambda: Namespace(wasi=Wasi(env={"x": NUL})),
    "dirs, guest": lambda: Namespace(wasi=Wasi(dirs={NUL: "/"})),
    "dirs, host": lambda: Namespace(wasi=Wasi(dirs={"/": NUL})),
    "read_only_dirs, guest": lambda: Namespace(wasi=Wasi(read_only_dirs={NUL: "/"})),
    "read_only_dirs, host": lambda: Namespace(wasi=Wasi(read_only_dirs={"/": Path("/" + NUL)})),
}


@pytest.mark.parametrize("what", CALLS)
def test_calls(ns: Namespace, what: str) -> None:
    with pytest.raises(ValueError, match="holds a NUL"):
        CALLS[what](ns)


@pytest.mark.parametrize("what", OPTIONS)
def test_options(guests: Path, what: str) -> None:
    with pytest.raises(ValueError, match="holds a NUL"):
        OPTIONS[what]()


def test_no_other_folder_is_granted(make: Make, tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "secret").write_text("secret")
    folders = {"/data": f"{tmp_path}\0/user"}
    for wasi in (Wasi(dirs=folders), Wasi(read_only_dirs=folders)):
        with pytest.raises(ValueError, match="holds a NUL"):
            make(wasi=wasi)


def test_every_string_of_the_interface_is_looked_at(guests: Path) -> None:
    functions = {name: kinds[1:] for name, kinds in PROTOTYPES.items() if name.startswith("wasm_dyld_") and ctypes.c_char_p in kinds[1:]}
    assert len(functions) >= 10
    for name, kinds in functions.items():
        function = getattr(dyld, name)
        assert ctypes.c_char_p not in function.argtypes
        arguments = [b"a\0b" if kind is ctypes.c_char_p else None if kind is c_void_p else 0 for kind in kinds]
        with pytest.raises(ctypes.ArgumentError, match="NUL"):
            function(*arguments)


def test_text_without_a_nul(ns: Namespace) -> None:
    with pytest.raises(wasmdyld.SymbolNotFound, match="größe"):
        ns.symbol("größe")
