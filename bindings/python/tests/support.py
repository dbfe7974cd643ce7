"""What the tests share. WASMDYLD_GUESTS is the folder of the built guests (target/guests by default)."""

import os
import sys
from pathlib import Path
from typing import Callable, List, NoReturn

import pytest
import wasmtime

import wasmdyld
from wasmdyld import Namespace

ROOT = Path(__file__).resolve().parents[3]
GUESTS = Path(os.environ.get("WASMDYLD_GUESTS") or ROOT / "target" / "guests")

COMMAND = Path(wasmdyld.__file__).parent / "bin" / "wasmdyld"

Make = Callable[..., Namespace]


def absent(what: str, how: str) -> NoReturn:
    """Skips a test for want of `what`, which one gets by `how`; in CI that is a failure.

    `cargo xtask test` tells it at its end, as it does of the test programs (tests/support/skip.rs)."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI is set: {how}")
    file = os.environ.get("WASMDYLD_TEST_SKIPPED")
    if file:
        test = os.environ["PYTEST_CURRENT_TEST"].rsplit(" (", 1)[0]
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(f"{what}\t{how}\tpytest\t{test}\n")
    pytest.skip(f"{what} is missing: {how}")


def command(*arguments: object) -> List[str]:
    """What runs the command that is in the package."""
    if not COMMAND.exists():
        absent("the command in the package", "`cargo xtask python` puts it into the wheel")
    return [sys.executable, "-m", "wasmdyld", *map(str, arguments)]


def wat(text: str, memory: int = 0) -> bytes:
    """A library from WebAssembly text: what stands in the module, after a dylink.0 section that asks for so many bytes of memory."""
    return bytes(wasmtime.wat2wasm(f"(module (@dylink.0 (mem-info (memory {memory} 2) (table 0 0))) {text})"))
