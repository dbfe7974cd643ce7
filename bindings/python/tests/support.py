"""What the tests share. WASMDYLD_GUESTS is the folder of the built guests (target/guests by default)."""

import os
from pathlib import Path
from typing import Callable

import pytest
import wasmtime

from wasmdyld import Namespace

ROOT = Path(__file__).resolve().parents[3]
GUESTS = Path(os.environ.get("WASMDYLD_GUESTS") or ROOT / "target" / "guests")

Make = Callable[..., Namespace]


def absent(what: str) -> None:
    """Skips a test for want of something; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI is set")
    pytest.skip(f"{what} is missing")


def wat(text: str) -> bytes:
    """A library from WebAssembly text: what stands in the module, after a dylink.0 section without anything in it."""
    return bytes(wasmtime.wat2wasm(f"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) {text})"))
