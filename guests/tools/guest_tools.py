"""What wasmdyld-cc and wasmdyld-ld have in common: where things are, and how arguments are read."""

import os
import shlex
import sys
from pathlib import Path

VERSION = "0.1.0"
TARGET = "wasm32-wasip1"
OLDEST_LLVM = 20
# Exceptions in the exnref form; clang's default is the legacy form.
EXNREF = ["-mllvm", "-wasm-use-legacy-eh=false"]


class Failure(Exception):
    """Something that the user can read and mend."""


def response(argument, depth=0):
    """The words of a response file, `@FILE`; an argument that is none stands for itself."""
    if depth > 10:
        raise Failure(f"response files include each other: {argument[1:]}")
    try:
        if not argument.startswith("@") or not os.path.isfile(argument[1:]):
            return [argument]
        text = Path(argument[1:]).read_text(encoding="utf-8", errors="surrogateescape")
        words = shlex.split(text, comments=False)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Failure(f"{argument[1:]}: the response file cannot be read: {why}") from error
    return [word for inner in words for word in response(inner, depth + 1)]


def execute(words):
    try:
        os.execv(words[0], words)
    except OSError as error:
        raise Failure(f"cannot start {words[0]}: {error.strerror}") from error


def warn(text):
    sys.stderr.write(f"{Path(sys.argv[0]).name}: warning: {text}\n")


# Files of this installation.


def data():
    """share/wasmdyld, or guests/tools in the source tree: where this file is."""
    return Path(os.path.realpath(__file__)).parent


def installed(name):
    """A file that comes with wasmdyld, or a program of it."""
    for folder in [data(), data().parent.parent / "bin"]:
        if (folder / name).exists():
            return folder / name
    raise Failure(f"{name} is missing: this installation is not complete")


def guest_headers():
    """Where <wasmdyld/dlfcn.h> is. Not the host's include folder, which may be /usr/include."""
    folders = [data() / "include", data().parent.parent / "include"]
    return [folder for folder in folders if (folder / "wasmdyld/dlfcn.h").exists()][:1]


# Toolchains.


class OwnToolchain:
    """What `--setup` and `cargo xtask guests` make."""

    def __init__(self, folder):
        self.folder = folder
        self.sysroot = folder / "sysroot"
        # `cargo xtask guests` collects all libraries in a folder.
        collected = folder / "lib"
        self.libraries = collected if (collected / "libc.so").exists() else self.sysroot / "lib" / TARGET
        self.archiver = folder / "tools/bin/wasm-ar"
        self.linker = folder / "tools/bin/wasm-ld"
        if not (folder / "tools/toolchain.txt").exists():
            raise Failure(f"{folder} is no toolchain, or one whose set-up was not finished")

    def compiler(self, cxx, line):
        if not cxx:
            return [str(self.folder / "tools/bin/wasm-cc")]
        if not line.has_inputs:
            # wasm-c++ names a library, which would be an input.
            return [str(self.folder / "tools/bin/wasm-cc"), "--driver-mode=g++"]
        if line.links() and not (self.libraries / "libc++.so").exists():
            raise Failure("the toolchain has no C++ runtime yet: run `wasmdyld-c++ --setup`, which builds it once")
        return [str(self.folder / "tools/bin/wasm-c++")]

    def last(self, cxx):
        return []


class WasiSdk:
    def __init__(self, folder, cxx):
        self.folder = folder
        self.sysroot = folder / "share/wasi-sysroot"
        self.libraries = self.sysroot / "lib" / TARGET
        self.archiver = folder / "bin/llvm-ar"
        self.linker = folder / "bin/wasm-ld"
        self.exceptions = (self.libraries / "libunwind.so").exists()
        where = f"WASI_SDK_PATH ({folder})"
        if not (folder / "bin/clang").exists():
            raise Failure(f"{where} is no wasi-sdk: it has no bin/clang")
        versions = [int(entry.name) for entry in (folder / "lib/clang").glob("*") if entry.name.isdigit()]
        if versions and max(versions) < OLDEST_LLVM:
            raise Failure(f"{where} is too old: it has LLVM {max(versions)}, and {OLDEST_LLVM} or later is needed")
        if not (self.libraries / "libc.so").exists():
            raise Failure(f"{where} is too old: its sysroot has no shared libc.so (share/wasi-sysroot/lib/{TARGET}/libc.so)")
        if cxx and not (self.libraries / "libc++.so").exists():
            raise Failure(f"C++ needs a shared libc++.so, which {where} does not have; what `wasmdyld-c++ --setup` makes has one")

    def compiler(self, cxx, line):
        # Visibility: clang hides everything by default on wasm, and a library would export nothing.
        # No wasm-opt: the driver would run whatever version is installed.
        words = [str(self.folder / "bin" / ("clang++" if cxx else "clang"))]
        words += [f"--target={TARGET}", f"--sysroot={self.sysroot}", "--no-wasm-opt", "-Qunused-arguments", "-fvisibility=default"]
        if cxx:
            words += ["-fwasm-exceptions", *EXNREF] if self.exceptions else ["-fno-exceptions"]
        return words

    def last(self, cxx):
        return ["-lunwind"] if cxx and self.exceptions else []


def users_folder():
    try:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    except RuntimeError:
        raise Failure("there is no home folder: set HOME, or WASMDYLD_TOOLCHAIN to the folder of a toolchain") from None
    return Path(data) / "wasmdyld/toolchain"


def find_toolchain(name="wasmdyld-cc", cxx=False):
    given = os.environ.get("WASMDYLD_TOOLCHAIN")
    if given:
        try:
            return OwnToolchain(Path(given).absolute())
        except Failure as failure:
            raise Failure(f"WASMDYLD_TOOLCHAIN: {failure}") from failure
    sdk = os.environ.get("WASI_SDK_PATH")
    if sdk:
        return WasiSdk(Path(sdk).absolute(), cxx)
    try:
        return OwnToolchain(users_folder())
    except Failure:
        raise Failure(
            f"there is no toolchain for guests yet. Run `{name} --setup` once: it makes one in {users_folder()}, "
            "with npm and PyPI. Or set WASI_SDK_PATH to a wasi-sdk that has a shared libc.so"
        ) from None
