"""Puts libwasmdyld.so into the wheel: the file of WASMDYLD_LIBRARY, or what cargo builds of the source tree."""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
LIBRARY = "libwasmdyld.so"
# What cargo needs of the source tree, in a source distribution below this folder.
SHIPPED = HERE / "rust"
SOURCES = ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "build.rs", "src", "include", "benches", "xtask", "engines/wasmtime"]


def source_tree():
    """The Rust sources: those that were shipped, else the repository (WASMDYLD_SOURCE if this folder is not in it)."""
    if SHIPPED.exists():
        return SHIPPED
    return Path(os.environ.get("WASMDYLD_SOURCE") or HERE.parent.parent)


def library(scratch):
    """The library's file, built if need be."""
    given = os.environ.get("WASMDYLD_LIBRARY")
    if given:
        path = Path(given)
        if not path.is_file():
            raise SystemExit(f"wasmdyld: WASMDYLD_LIBRARY is {given}, which is no file")
        return path
    tree = source_tree()
    if not (tree / "Cargo.toml").is_file():
        raise SystemExit(f"wasmdyld: no Rust sources in {tree}: set WASMDYLD_LIBRARY to the path of a {LIBRARY}")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or (scratch / "cargo" if tree == SHIPPED else tree / "target"))
    cargo = os.environ.get("CARGO") or "cargo"
    if shutil.which(cargo) is None:
        raise SystemExit(f"wasmdyld: building {LIBRARY} needs cargo; or set WASMDYLD_LIBRARY to the path of one")
    command = [cargo, "build", "--release", "--lib", "--locked", "--target-dir", str(target)]
    subprocess.run(command, cwd=tree, check=True)
    return target / "release" / LIBRARY


class BuildPython(build_py):
    def run(self):
        super().run()
        folder = HERE / "src" if self.editable_mode else Path(self.build_lib)
        to = folder / "wasmdyld" / LIBRARY
        found = library(Path(self.get_finalized_command("build").build_temp).resolve())
        # Loaded copies keep the old file.
        to.unlink(missing_ok=True)
        shutil.copyfile(found, to)

    def get_outputs(self, include_bytecode=True):
        return [*super().get_outputs(include_bytecode), str(Path(self.build_lib) / "wasmdyld" / LIBRARY)]


class Wheel(bdist_wheel):
    def get_tag(self):
        # The library goes through ctypes: any Python will do, on this platform.
        return "py3", "none", super().get_tag()[2]


class SourceDistribution(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        shutil.copyfile(HERE / "backend.py", Path(base_dir, "backend.py"))
        tree = source_tree()
        for name in SOURCES:
            source, to = tree / name, Path(base_dir, "rust", name)
            if source.is_dir():
                shutil.copytree(source, to, ignore=shutil.ignore_patterns("target", "__pycache__"))
            else:
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, to)


class Platform(Distribution):
    """Has native code, without an extension module that says so."""

    def has_ext_modules(self):
        return True


setup(distclass=Platform, cmdclass={"build_py": BuildPython, "bdist_wheel": Wheel, "sdist": SourceDistribution})
