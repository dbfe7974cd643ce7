"""What a wheel has beside Python: the platform that its tag promises, the command, and its sources."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any, List

import pytest

import wasmdyld
from support import COMMAND, ROOT, absent, command, wat

PYTHON = ROOT / "bindings" / "python"
WHEEL_DATA = Path(wasmdyld.__file__).parent
ENDLESS = wat('(func (export "_start") (loop (br 0)))')


def run(*command: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **variables}
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, timeout=300)


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel that was installed, as `cargo xtask python` says."""
    named = os.environ.get("WASMDYLD_TEST_WHEEL")
    if not named:
        absent("WASMDYLD_TEST_WHEEL, the wheel", "`cargo xtask python` builds it")
    return Path(named)


@pytest.fixture(scope="session")
def tags() -> Any:
    spec = importlib.util.spec_from_file_location("platform_tag", PYTHON / "platform_tag.py")
    assert spec is not None and spec.loader is not None
    module = ModuleType("platform_tag")
    module.__dict__["__name__"] = "platform_tag"
    spec.loader.exec_module(module)
    return module


def test_the_tag_is_what_auditwheel_says(wheel: Path) -> None:
    if importlib.util.find_spec("auditwheel") is None:
        absent("auditwheel", "pip install auditwheel")
    tag = wheel.stem.split("-")[-1]
    done = run(sys.executable, "-m", "auditwheel", "show", wheel)
    judged = re.search(r'platform tag: +"(\w+)"', " ".join(done.stdout.split()))
    assert judged is not None, done.stdout + done.stderr
    if tag.startswith("linux_"):
        assert judged[1].startswith("linux_")
        return
    (mine, theirs) = (int(name.split("_")[2]) for name in (tag, judged[1]))
    # It knows of some versions only, and rounds up to the next of these.
    assert mine <= theirs <= max(mine + 4, 17), done.stdout
    assert f"GLIBC_2.{mine}'" in done.stdout or mine == 17
    with zipfile.ZipFile(wheel) as files:
        (info,) = (name for name in files.namelist() if name.endswith(".dist-info/WHEEL"))
        assert f"Tag: py3-none-{tag}\n" in files.read(info).decode()


def test_requirements_are_read_as_the_loader_reads_them(tags: Any) -> None:
    needs = tags.requirements(Path(wasmdyld.library_path()).read_bytes())
    assert "libc.so.6" in needs and any(version.startswith("GLIBC_2.") for version in needs["libc.so.6"])
    if shutil.which("readelf"):
        told = run("readelf", "--wide", "--version-info", wasmdyld.library_path()).stdout
        assert {*re.findall(r"Name: (\S+)", told)} == {version for versions in needs.values() for version in versions}
    assert tags.glibc(needs) >= 17


def test_what_no_tag_stands_for_is_told(tags: Any, tmp_path: Path) -> None:
    assert tags.glibc({}) == tags.glibc({"libc.so.6": {"GLIBC_2.2.5"}, "libgcc_s.so.1": {"GCC_4.2.0"}}) == 17
    assert tags.glibc({"libc.so.6": {"GLIBC_2.9", "GLIBC_2.35", "GLIBC_2.4"}, "libm.so.6": {"GLIBC_2.27"}, "ld-linux-x86-64.so.2": set()}) == 35
    for library, version, why in (
        ("libssl.so.3", "OPENSSL_3.0.0", "libssl.so.3, which is not on every system"),
        ("libc.musl-x86_64.so.1", "", "libc.musl"),
        ("libc.so.6", "GLIBC_PRIVATE", "GLIBC_PRIVATE of libc.so.6"),
        ("libgcc_s.so.1", "GCC_12.0.0", "GCC_12.0.0"),
    ):
        with pytest.raises(tags.Unfit, match=why):
            tags.glibc({library: {version} - {""}})
    whole = Path(wasmdyld.library_path()).read_bytes()
    for damaged in (b"", b"MZ", whole[:5], whole[:64], whole[:4096], whole[:32] + b"\xff" * 8 + whole[40:4096]):
        with pytest.raises(tags.Unfit):
            tags.requirements(damaged)
    assert tags.requirements(whole[:56] + b"\0\0" + whole[58:4096]) == {}
    other = tmp_path / "library.so"
    other.write_bytes(b"no library")
    assert tags.checked("linux_x86_64", [other]) == "linux_x86_64"
    assert tags.checked("linux_x86_64", []) == "linux_x86_64"


def test_a_tag_that_is_not_true_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "python"
    shutil.copytree(PYTHON, source, ignore=shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__", ".*_cache"))

    def build(tag: str) -> "subprocess.CompletedProcess[str]":
        build = [sys.executable, "setup.py", "--quiet", "bdist_wheel", "--plat-name", tag, "--dist-dir", str(tmp_path / "dist")]
        environment = {**os.environ, "WASMDYLD_LIBRARY": wasmdyld.library_path(), "WASMDYLD_COMMAND": "", "WASMDYLD_SOURCE": str(tmp_path)}
        return subprocess.run(build, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, timeout=300)

    machine = os.uname().machine
    done = build(f"manylinux2014_{machine}")
    assert done.returncode == 1 and "manylinux_2_17" in done.stderr and "would not be true: what was built needs manylinux_2_" in done.stderr
    done = build(f"manylinux_2_60_{machine}")
    (made,) = (tmp_path / "dist").glob("*.whl")
    assert done.returncode == 0 and made.stem.endswith(f"py3-none-manylinux_2_60_{machine}"), done.stderr
    # There was no command to put into it, nor libraries for guests.
    with zipfile.ZipFile(made) as files:
        assert not [name for name in files.namelist() if "/bin/" in name or "/share/" in name or "entry_points" in name]


def test_the_command_is_there_by_both_names(tmp_path: Path) -> None:
    done = run(*command("--version"))
    assert (done.returncode, done.stdout) == (0, f"wasmdyld {wasmdyld.__version__}\n"), done.stderr
    script = Path(sys.executable).with_name("wasmdyld")
    if not script.exists():
        absent("the script wasmdyld", "`cargo xtask python` installs it")
    assert run(script, "--version").stdout == done.stdout
    done = run(*command("no-such-command"))
    assert done.returncode == 2 and "no-such-command" in done.stderr


CAT = wat(
    """
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "env" "memory" (memory 1))
    (func (export "_start")
      (i64.store (i32.const 1024) (i64.const 0x4000000800))
      (drop (call $read (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 1028)))
      (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 1032)))
      (drop (call $write (i32.const 2) (i32.const 1024) (i32.const 1) (i32.const 1032)))
      (call $exit (i32.const 7)))
    """
)


def test_the_command_has_the_programs_exit_code_and_streams(tmp_path: Path) -> None:
    program = tmp_path / "cat.wasm"
    program.write_bytes(CAT)
    done = subprocess.run(command("run", program), input=b"through\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stdout.rstrip(b"\0"), done.stderr.rstrip(b"\0")) == (7, b"through\n", b"through\n")


def test_the_command_finds_the_guests_libraries_in_the_package(guests: Path, tmp_path: Path) -> None:
    """If there is no toolchain, which comes first."""
    environment = {"WASMDYLD_TOOLCHAIN": "", "WASI_SDK_PATH": "", "XDG_DATA_HOME": str(tmp_path), "WASMDYLD_LIBRARY_PATH": ""}
    done = run(*command("ldd", guests / "lib" / "libz.so"), **environment)
    assert done.returncode == 0 and f"libc.so => {wasmdyld.guest_library_path()}/libc.so (default folder)" in done.stdout, done.stdout + done.stderr


def ignored(process: "subprocess.Popen[bytes]") -> str:
    """The signals that a process ignores, once the command has taken the place of Python."""
    end = time.monotonic() + 60
    while Path(os.readlink(f"/proc/{process.pid}/exe")) != COMMAND.resolve():
        assert time.monotonic() < end
        time.sleep(0.01)
    # It sets up what it ignores itself.
    time.sleep(0.1)
    (mask,) = re.findall("^SigIgn:\t(.*)$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return str(mask)


def test_signals_reach_the_command(tmp_path: Path) -> None:
    """It is as if Python had not been there."""
    program = tmp_path / "endless.wasm"
    program.write_bytes(ENDLESS)
    through = command("run", program)
    for number in (signal.SIGINT, signal.SIGTERM):
        masks = []
        for words in (through, [str(COMMAND), *through[3:]]):
            with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
                try:
                    masks.append(ignored(process))
                    process.send_signal(number)
                    assert process.wait(60) == -number
                finally:
                    process.kill()
        assert masks[0] == masks[1]
