"""Puts what is no Python into the wheel: libwasmdyld.so, the command, and the guests' own libraries.

WASMDYLD_LIBRARY and WASMDYLD_COMMAND name the first two; where there is no such variable, cargo builds both of the source tree. WASMDYLD_GUEST_LIB is a
folder with libc.so for guests and its like (`wasmdyld-cc --print-lib-dir`), by default what `cargo xtask guests` has made or what a source
distribution brings.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from platform_tag import checked  # noqa: E402

LIBRARY = "libwasmdyld.so"
COMMAND = "wasmdyld"
# What cargo needs of the source tree, in a source distribution below this folder.
SHIPPED = HERE / "rust"
SOURCES = ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "build.rs", "src", "include", "benches", "xtask", "engines/wasmtime", ".cargo"]
# Where the command finds the guests' libraries by itself: beside the folder that it is in, as in any other installation.
GUEST = Path("share/wasmdyld/lib")
# Where `cargo xtask guests` makes them.
MADE = Path("target/guests/sysroot/lib/wasm32-wasip1")
# How cargo is called; tests/builds.rs compares the engine's part of it with other commands'.
CARGO = ["build", "--release", "--features", "cli", "--lib", "--bin", COMMAND, "--locked"]


def source_tree():
    """The Rust sources: those that were shipped, else the repository (WASMDYLD_SOURCE if this folder is not in it)."""
    if SHIPPED.exists():
        return SHIPPED
    return Path(os.environ.get("WASMDYLD_SOURCE") or HERE.parent.parent)


def given(variable):
    """The file that a variable names, if it is set."""
    name = os.environ.get(variable)
    if not name:
        return None
    if not Path(name).is_file():
        raise SystemExit(f"wasmdyld: {variable} is {name}, which is no file")
    return Path(name)


def native(scratch):
    """The files of the library and, where there is one, the command; built if need be."""
    chosen = given("WASMDYLD_LIBRARY")
    if chosen:
        return chosen, given("WASMDYLD_COMMAND")
    tree = source_tree()
    if not (tree / "Cargo.toml").is_file():
        raise SystemExit(f"wasmdyld: no Rust sources in {tree}: set WASMDYLD_LIBRARY to the path of a {LIBRARY}")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or (scratch / "cargo" if tree == SHIPPED else tree / "target"))
    cargo = os.environ.get("CARGO") or "cargo"
    if shutil.which(cargo) is None:
        raise SystemExit(f"wasmdyld: building {LIBRARY} needs cargo; or set WASMDYLD_LIBRARY to the path of one")
    subprocess.run([cargo, *CARGO, "--target-dir", str(target)], cwd=tree, check=True)
    return target / "release" / LIBRARY, target / "release" / COMMAND


def guest_libraries():
    """The guests' libraries, sorted by name: none where nobody has made them."""
    chosen = os.environ.get("WASMDYLD_GUEST_LIB")
    folders = [Path(chosen)] if chosen else [HERE / GUEST, source_tree() / MADE]
    folder = next((folder for folder in folders if (folder / "libc.so").is_file()), None)
    if folder is None:
        if chosen:
            raise SystemExit(f"wasmdyld: WASMDYLD_GUEST_LIB is {chosen}, where no libc.so is")
        print("wasmdyld: no libraries for guests: `cargo xtask guests` makes them, or WASMDYLD_GUEST_LIB is a folder that has libc.so")
        return []
    return sorted(folder.glob("lib*.so"))


class BuildPython(build_py):
    placed = ()

    def run(self):
        super().run()
        package = (HERE / "src" if self.editable_mode else Path(self.build_lib)) / "wasmdyld"
        library, command = native(Path(self.get_finalized_command("build").build_temp).resolve())
        files = {package / LIBRARY: library}
        if command:
            files[package / "bin" / COMMAND] = command
        notices = given("WASMDYLD_LICENCES")
        if notices:
            files[package / "LICENSES-THIRD-PARTY.txt"] = notices
        files.update((package / GUEST / file.name, file) for file in guest_libraries())
        for to, found in files.items():
            to.parent.mkdir(parents=True, exist_ok=True)
            # Loaded copies keep the old file.
            to.unlink(missing_ok=True)
            shutil.copyfile(found, to)
            if found in (library, command):
                to.chmod(0o755)
                strip(to)
        self.placed = tuple(files)

    def get_outputs(self, include_bytecode=True):
        return [*super().get_outputs(include_bytecode), *map(str, self.placed)]


def strip(file):
    """Without the names of functions that are nobody's to call: a fifth of the wheel."""
    if shutil.which("strip"):
        subprocess.run(["strip", str(file)], check=True)


class Wheel(bdist_wheel):
    def get_tag(self):
        # The library goes through ctypes: any Python will do, on a platform that has what its files need.
        built = self.get_finalized_command("build_py").placed
        return "py3", "none", checked(super().get_tag()[2], [file for file in built if file.name in (LIBRARY, COMMAND)])


class SourceDistribution(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for name in ("backend.py", "platform_tag.py"):
            shutil.copyfile(HERE / name, Path(base_dir, name))
        tree = source_tree()
        for name in SOURCES:
            source, to = tree / name, Path(base_dir, "rust", name)
            if source.is_dir():
                shutil.copytree(source, to, ignore=shutil.ignore_patterns("target", "__pycache__"))
            else:
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, to)
        # They are the same on every machine, and take another toolchain than Rust's to make.
        to = Path(base_dir, GUEST)
        to.mkdir(parents=True, exist_ok=True)
        for file in guest_libraries():
            shutil.copyfile(file, to / file.name)


class Platform(Distribution):
    """Has native code, without an extension module that says so."""

    def has_ext_modules(self):
        return True


def scripts():
    """The command's, where it is in the wheel."""
    has = os.environ.get("WASMDYLD_COMMAND") or not os.environ.get("WASMDYLD_LIBRARY")
    return {"console_scripts": ["wasmdyld = wasmdyld.__main__:main"]} if has else {}


setup(distclass=Platform, cmdclass={"build_py": BuildPython, "bdist_wheel": Wheel, "sdist": SourceDistribution}, entry_points=scripts())
