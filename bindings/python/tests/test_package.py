"""The package as it is built and installed."""

import inspect
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Dict

import pytest

import wasmdyld
import wasmdyld.ctypes as wasmdyld_ctypes
from support import GUESTS, ROOT, absent

PYTHON = ROOT / "bindings" / "python"


def run(*command: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **variables}
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, timeout=300)


def test_the_version_is_one_version() -> None:
    cargo = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert cargo is not None and wasmdyld.version() == wasmdyld.__version__ == cargo[1]


def test_the_declarations_are_those_of_the_headers() -> None:
    """WASMDYLD_BLESS=1 writes them anew."""
    include = os.environ.get("WASMDYLD_INCLUDE")
    if not include:
        absent("WASMDYLD_INCLUDE, a folder with wasm.h", "`cargo xtask python` sets it")
    if shutil.which(os.environ.get("CC") or "cc") is None:
        absent("a C compiler", "apt-get install gcc")
    check = [] if os.environ.get("WASMDYLD_BLESS") else ["--check"]
    done = run(sys.executable, PYTHON / "ci" / "generate.py", "--include", ROOT / "include", "--include", include, *check)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_that_is_exported_is_documented() -> None:
    undocumented = []
    for module, name in [(module, name) for module in (wasmdyld, wasmdyld_ctypes) for name in module.__all__]:
        thing = getattr(module, name)
        if isinstance(thing, type) and thing.__module__.startswith("wasmdyld"):
            undocumented += [name] if not thing.__doc__ else []
            names = [key for key, value in vars(thing).items() if not key.startswith("_") and callable(value)]
            # Those of a base class have its text.
            undocumented += [f"{name}.{key}" for key in names if not inspect.getdoc(getattr(thing, key))]
    assert undocumented == []
    for module in (wasmdyld, wasmdyld_ctypes):
        assert sorted(set(module.__all__)) == sorted(module.__all__)


def test_the_installed_package() -> None:
    """Of the wheel, if that is what is tested."""
    folder = Path(wasmdyld.__file__).parent
    assert (folder / "py.typed").exists()
    if "site-packages" not in folder.parts:
        absent("the package, installed", "`cargo xtask python` installs it")
    assert Path(wasmdyld.library_path()) == folder / "libwasmdyld.so"
    (info,) = folder.parent.glob("wasmdyld-*.dist-info")
    assert (info / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    ours = PYTHON / "licenses" / "guest-libraries.txt"
    assert (info / "licenses" / "licenses" / "guest-libraries.txt").read_text() == ours.read_text()
    wheel = (info / "WHEEL").read_text()
    assert re.search(r"^Tag: py3-none-(linux|manylinux|musllinux)\w+$", wheel, re.MULTILINE)
    assert "Root-Is-Purelib: false" in wheel
    metadata = (info / "METADATA").read_text()
    assert "Requires-Python: >=3.9" in metadata and "Requires-Dist" not in metadata


def test_a_plain_library_is_opened_with_nothing_else(guests: Path) -> None:
    """libc.so comes with the package, is searched last, and may be left out."""
    try:
        folder = Path(wasmdyld.guest_library_path())
    except wasmdyld.NotFound:
        absent("the guests' libraries in the package", "`cargo xtask python` puts them into the wheel")
    z = guests / "lib" / "libz.so"
    with wasmdyld.Namespace() as ns:
        assert ns.load(z).crc32(0, b"123456789", 9) & 0xFFFFFFFF == 0xCBF43926
        (libc,) = (object for object in ns.objects if object.name == "libc.so")
        assert libc.path == str(folder / "libc.so") and ns.library_paths == []
    with wasmdyld.Namespace(library_paths=[guests / "lib"]) as ns:
        ns.load("libz.so")
        assert str(guests / "lib" / "libc.so") in [object.path for object in ns.objects]
    for paths, tried in (((), "nowhere"), (["/no/folder"], "/no/folder/libc.so (default folder)")):
        with wasmdyld.Namespace(default_paths=paths) as ns, pytest.raises(wasmdyld.NotFound, match=re.escape(tried)):
            ns.load(z)
    with pytest.raises(TypeError, match="default_paths takes a list"):
        wasmdyld.Namespace(default_paths="/no/folder")


def test_the_library_is_chosen_by_the_environment(tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    os.symlink(wasmdyld.library_path(), other)
    text = "import wasmdyld; print(wasmdyld.library_path()); wasmdyld.Namespace().close()"
    done = run(sys.executable, "-c", text, WASMDYLD_LIBRARY=str(other))
    assert (done.returncode, done.stdout.strip()) == (0, str(other)), done.stderr
    for wrong, why in (("/nowhere/lib.so", "cannot load /nowhere/lib.so"), ("libc.so.6", "wasm_dyld_version")):
        done = run(sys.executable, "-c", text, WASMDYLD_LIBRARY=wrong)
        assert done.returncode == 1 and "ImportError" in done.stderr and why in done.stderr


def test_the_source_distribution_has_what_a_build_needs(guests: Path, tmp_path: Path) -> None:
    source = tmp_path / "python"
    # Elsewhere, so that nothing is left in the source tree.
    shutil.copytree(PYTHON, source, ignore=shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__", ".*_cache"), symlinks=False)
    lib = GUESTS / "lib"
    done = run(sys.executable, source / "setup.py", "--quiet", "sdist", "--dist-dir", tmp_path / "dist", WASMDYLD_SOURCE=str(ROOT), WASMDYLD_GUEST_LIB=str(lib))
    (archive,) = (tmp_path / "dist").glob("*.tar.gz") if done.returncode == 0 else [None]
    assert archive is not None, done.stderr
    # Python learned of filters in a patch version.
    careful: Dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", **careful)
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert (unpacked / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (unpacked / "src" / "wasmdyld" / "py.typed").exists()
    assert {file.parent for file in unpacked.rglob("*.so")} == {unpacked / "share" / "wasmdyld" / "lib"}
    assert (unpacked / "share" / "wasmdyld" / "lib" / "libc.so").read_bytes() == (lib / "libc.so").read_bytes()
    for part in ("backend.py", "platform_tag.py", "licenses/guest-libraries.txt"):
        assert (unpacked / part).read_text() == (PYTHON / part).read_text()
    for program in ("cargo", "rustc"):
        if shutil.which(program) is None:
            absent(program, "https://rustup.rs")
    (host,) = re.findall("^host: (.*)$", run("rustc", "-vV").stdout, re.MULTILINE)
    # Of this platform alone: nobody has downloaded the crates of others. What is built here is there; cargo fetches the rest.
    manifest = unpacked / "rust" / "Cargo.toml"
    done = run("cargo", "metadata", "--locked", "--filter-platform", host, "--format-version", "1", "--manifest-path", manifest)
    assert done.returncode == 0, done.stderr
    # All that the library is made of but the engine, which takes minutes: whatever it includes is there.
    scratch = ROOT / "target" / "python" / "sdist"
    done = run("cargo", "check", "--locked", "--lib", "--no-default-features", "--manifest-path", manifest, "--target-dir", scratch)
    assert done.returncode == 0, done.stderr


def test_cmake_is_fetched_only_to_build_the_library(tmp_path: Path) -> None:
    def needed(kind: str, **variables: str) -> str:
        text = f"import sys; sys.path.insert(0, {str(PYTHON)!r}); import backend; print(backend.get_requires_for_build_{kind}())"
        environment = {"PATH": str(tmp_path), "WASMDYLD_LIBRARY": "", "WASMDYLD_SOURCE": str(ROOT), **variables}
        # setuptools leaves files in the folder where it is asked.
        source = tmp_path / kind
        if not source.exists():
            shutil.copytree(PYTHON, source, ignore=shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__", ".*_cache"))
        command = [sys.executable, "-c", text]
        done = subprocess.run(command, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    assert "cmake" in needed("wheel") and "cmake" in needed("editable")
    assert "cmake" not in needed("sdist")
    assert "cmake" not in needed("wheel", WASMDYLD_LIBRARY=wasmdyld.library_path())
    (tmp_path / "cmake").touch(mode=0o755)
    assert "cmake" not in needed("wheel")


def test_the_example(guests: Path) -> None:
    done = run(sys.executable, "-X", "dev", "-W", "error", ROOT / "examples" / "sqlite.py", GUESTS / "lib")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("SQLite 3.")
    assert "Amazon          South America  6400" in lines
    assert "SQL error: no such table: lake" in lines
    assert any(line.startswith("Python's own error: ZeroDivisionError") for line in lines)
    assert any(line.startswith("trap: ") for line in lines) and "out of bounds" in done.stdout
