#!/usr/bin/env python3
"""Sets up a toolchain for guests, out of two packages of public registries, in one folder.

npm @yowasp/clang: a wasi sysroot with *shared* libc.so, libdl.so and libsetjmp.so, start files, headers and compiler
    builtins. The version is pinned: older ones hold no shared libraries. Its own compiler, a clang compiled to wasm, is
    not used.
PyPI ziglang: a native clang and wasm-ld of LLVM 22 (`zig clang`, `zig wasm-ld`), and the sources of libc++, libc++abi and
    libunwind. `zig cc` is no use to us, it links a private static libc into every library.

    FOLDER/tools/bin    wasm-cc, wasm-c++, wasm-ld, wasm-ar
    FOLDER/tools/zig    the compiler
    FOLDER/sysroot      headers, start files, libc.so and, after `cxx`, libc++.so

Both `wasmdyld-cc --setup` and `cargo xtask guests` run this. What is unpacked or built goes to a temporary folder and is
renamed when complete, and a stamp comes last: stopping it at any point breaks nothing.
"""

import argparse
import concurrent.futures
import fcntl
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

SYSROOT_PACKAGE = "@yowasp/clang@22.0.0-git20542-10"
COMPILER_PACKAGE = "ziglang==0.17.0"
# Counts changes of this file that ask for a new set-up with the same packages.
REVISION = 2
IDENTITY = f"{SYSROOT_PACKAGE}\n{COMPILER_PACKAGE}\nrevision {REVISION}\n"
# Counts changes of how the C++ runtime is built.
CXX_REVISION = 1
CXX_IDENTITY = f"{IDENTITY}C++ revision {CXX_REVISION}\n"

TARGET = "wasm32-wasip1"
# What side modules of emscripten want; built with the C++ runtime.
EMSCRIPTEN = Path(__file__).resolve().parent / "emscripten"
EMSCRIPTEN_LIBRARY = "libemscripten-compat.so"
# What the zig package holds for other uses, two hundred megabytes of it.
UNUSED = ["libc", "std", "libtsan", "compiler", "compiler_rt", "docs"]
# Headers of the compiler's resource folder are the `.h` files at the top of the sysroot package's include folder, and these.
RESOURCE_FOLDERS = ["llvm_libc_wrappers", "sanitizer", "profile"]

# Exceptions in the exnref form; clang's default is the legacy form.
EXCEPTIONS = ["-fwasm-exceptions", "-mllvm", "-wasm-use-legacy-eh=false"]
UNDEFINED = "-Wl,--unresolved-symbols=import-dynamic"
# Others wrote these, so their warnings are not for us.
THIRD_PARTY = ["-fPIC", "-Os", "-DNDEBUG", "-w"]


class Failure(Exception):
    """Something that the user can read and mend."""


def main():
    if sys.version_info < (3, 9):
        sys.exit("toolchain: python3 is too old: 3.9 or later is needed")
    parser = argparse.ArgumentParser(description="Sets up a toolchain for WebAssembly guests.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in [("c", "for C"), ("cxx", "for C and C++: builds libc++.so and what it needs")]:
        commands.add_parser(name, help=text).add_argument("folder", type=Path)
    commands.add_parser("identity", help="print what a toolchain is made of")
    wheel = commands.add_parser("wheel", help="unpack a package of PyPI into a new folder, without installing it")
    wheel.add_argument("package")
    wheel.add_argument("folder", type=Path)
    options = parser.parse_args()
    try:
        if options.command == "identity":
            sys.stdout.write(IDENTITY)
        elif options.command == "wheel":
            check_programs(npm=False)
            unpack_wheel(options.package, options.folder.absolute())
        else:
            set_up(options.folder.absolute(), cxx=options.command == "cxx")
    except Failure as failure:
        sys.exit(f"toolchain: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"toolchain: {error}")


def set_up(folder, cxx):
    folder.mkdir(parents=True, exist_ok=True)
    # Two set-ups in one folder would take each other's temporary files away.
    with open(folder / "setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        toolchain = Toolchain(folder)
        if not toolchain.is_complete():
            print("==> guest toolchain (once)", flush=True)
            toolchain.set_up()
        # Not covered by the stamp: they are written in no time.
        toolchain.write_wrappers()
        if cxx and not toolchain.has_cxx():
            print("==> C++ runtime for guests (once)", flush=True)
            toolchain.set_up_cxx()
        if cxx and not toolchain.has_emscripten():
            toolchain.set_up_emscripten()


class Timed:
    """Reports something done with the time that it took, as the project's tasks do."""

    def __init__(self, text):
        self.text = text

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, kind, value, trace):
        if kind is None:
            print(f"    {self.text:<56} {time.monotonic() - self.start:>5.1f} s", flush=True)


def run(command, cwd=None):
    """Runs a command whose output is of interest only if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise Failure(f"cannot start `{words[0]}`: {error.strerror}") from error
    if done.returncode:
        tail = done.stdout.decode(errors="replace").strip().splitlines()[-40:]
        lines = "".join(f"\n  | {line}" for line in tail)
        raise Failure(f"exit code {done.returncode}\n  in: {' '.join(words)}{lines}")


def works(*command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def check_programs(npm=True):
    """Names everything that is missing at once, before anything is downloaded."""
    missing = []
    # Debian splits pip and venv off python3; any of them will do.
    if pip() is None and not works(sys.executable, "-c", "import venv, ensurepip"):
        missing.append("pip or venv for python3 (Debian: python3-venv)")
    if npm and not works("npm", "--version"):
        missing.append("npm (Debian: npm)")
    if npm and not works("tar", "--version"):
        missing.append("tar (Debian: tar)")
    if missing:
        raise Failure(f"the guest toolchain comes from PyPI and npm; fetching it needs {', '.join(missing)}")


def pip():
    candidates = [[sys.executable, "-m", "pip"], ["pip3"], ["pip"]]
    return next((command for command in candidates if works(*command, "--version")), None)


def download(what, command, cwd=None):
    """With another try, since registries have weak moments."""
    try:
        try:
            run(command, cwd)
        except Failure:
            run(command, cwd)
    except Failure as failure:
        raise Failure(f"downloading {what} failed: {failure}") from failure


def the_only(folder, suffix):
    found = sorted(folder.glob(f"*{suffix}"))
    if not found:
        raise Failure(f"the download left no {suffix} file in {folder}")
    return found[0]


def unpack_wheel(package, folder):
    """Fetches a package from PyPI and unpacks it, without installing anything."""
    scratch = Path(f"{folder}.download")
    remove(scratch)
    scratch.mkdir(parents=True)
    command = pip()
    if command is None:
        run([sys.executable, "-m", "venv", scratch / "venv"])
        command = [scratch / "venv/bin/python", "-m", "pip"]
    arguments = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", scratch, package]
    download(f"{package} from PyPI", [*command, *arguments])
    run([sys.executable, "-m", "zipfile", "-e", the_only(scratch, ".whl"), folder])
    remove(scratch)


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()


def install(finished, place):
    """Puts a finished folder or file in its place, replacing what was there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        old = place.with_name(place.name + ".old")
        remove(old)
        place.rename(old)
        finished.rename(place)
        remove(old)
    else:
        finished.replace(place)


def write(path, text, mode=0o644):
    """Other programs see the old content or the new, never a part."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    temporary.chmod(mode)
    temporary.replace(path)


class Toolchain:
    def __init__(self, folder):
        self.folder = folder
        self.zig = folder / "tools/zig"
        self.bin = folder / "tools/bin"
        self.sysroot = folder / "sysroot"
        self.lib = self.sysroot / "lib" / TARGET
        self.stamp = folder / "tools/toolchain.txt"
        self.cxx_stamp = self.lib / "cxx.txt"
        self.emscripten_stamp = self.lib / "emscripten.txt"
        self.scratch = folder / "tmp"

    def is_complete(self):
        return self.stamp.exists() and self.stamp.read_text() == IDENTITY

    def has_cxx(self):
        return self.cxx_stamp.exists() and self.cxx_stamp.read_text() == CXX_IDENTITY

    def has_emscripten(self):
        return self.emscripten_stamp.exists() and self.emscripten_stamp.read_text() == emscripten_identity()

    def set_up(self):
        check_programs()
        remove(self.stamp)
        remove(self.scratch)
        self.scratch.mkdir(parents=True)
        # Two downloads that do not depend on each other.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            compiler = pool.submit(self.fetch_compiler)
            sysroot = pool.submit(self.fetch_sysroot)
            compiler.result()
            complete = sysroot.result()
        # The C++ headers come from the other package.
        self.take_cxx_headers(complete)
        install(complete, self.sysroot)
        self.write_wrappers()
        self.try_out()
        remove(self.scratch)
        write(self.stamp, IDENTITY)

    def fetch_compiler(self):
        with Timed("compiler: PyPI ziglang"):
            unpacked = self.scratch / "compiler"
            unpack_wheel(COMPILER_PACKAGE, unpacked)
            zig = unpacked / "ziglang"
            for name in UNUSED:
                remove(zig / "lib" / name)
            (zig / "zig").chmod(0o755)
            install(zig, self.zig)

    def fetch_sysroot(self):
        with Timed("wasi sysroot: npm @yowasp/clang"):
            scratch = self.scratch / "npm"
            scratch.mkdir()
            download(f"{SYSROOT_PACKAGE} from npm", ["npm", "pack", "--silent", SYSROOT_PACKAGE], cwd=scratch)
            inner = "package/gen/llvm-resources.tar"
            run(["tar", "-xzf", the_only(scratch, ".tgz"), inner], cwd=scratch)
            everything = scratch / "all"
            everything.mkdir()
            run(["tar", "-xf", scratch / inner], cwd=everything)

            # The package mixes the compiler's resource folder with the sysroot, and clang wants them apart.
            complete = self.scratch / "sysroot"
            resource = complete / "clang"
            for folder in [resource / "include", resource / "lib", complete / "include", complete / "lib"]:
                folder.mkdir(parents=True)
            for entry in sorted((everything / "include").iterdir()):
                if entry.is_file() or entry.name in RESOURCE_FOLDERS:
                    entry.rename(resource / "include" / entry.name)
            triple = "wasm32-unknown-wasip1"
            (everything / "lib" / triple).rename(resource / "lib" / triple)
            for folder in [f"include/{TARGET}", "include/c++", f"lib/{TARGET}"]:
                (everything / folder).rename(complete / folder)
            return complete

    def take_cxx_headers(self, sysroot):
        """Replaces the package's C++ library, static and without exceptions, by the headers of the sources that ours is built from."""
        headers = sysroot / "include/c++/v1"
        site = (headers / "__config_site").read_text()
        remove(headers)
        for library in ["libcxx", "libcxxabi"]:
            shutil.copytree(self.zig / "lib" / library / "include", headers, dirs_exist_ok=True)
        # Says "musl has its own tables of character classes", which is not so in wasi-libc's headers.
        musl = "_LIBCPP_HAS_MUSL_LIBC"
        write(headers / "__config_site", site.replace(f"{musl} 1", f"{musl} 0"))

        # zig gives these settings on the command line and has taken the #include out. Put it back.
        changed = 0
        for file in [headers / "__config", *sorted((headers / "__configuration").iterdir())]:
            text = file.read_text()
            lines = ["#include <__config_site>" if line.startswith("/* zig patch:") else line for line in text.splitlines()]
            patched = "\n".join(lines) + "\n"
            if patched != text:
                changed += 1
                write(file, patched)
        if not changed:
            raise Failure("the libc++ headers are not as expected: none lacks its #include <__config_site>")
        for archive in ["libc++.a", "libc++abi.a", "libc++experimental.a", "libc++.modules.json"]:
            remove(sysroot / "lib" / TARGET / archive)

    def write_wrappers(self):
        """The build of the tests' guests uses them too, so what the documentation tells people to type is what is tested."""
        here = '#!/bin/sh\nhere=$(cd "$(dirname "$0")/../.." && pwd) || exit 1\n'
        # Visibility: clang hides everything by default on wasm, and a library would export nothing.
        # No wasm-opt: the driver would run whatever version is installed.
        # include and lib: the libraries that `cargo xtask guests` builds.
        clang = (
            f'exec "$here/tools/zig/zig" clang --target={TARGET} --sysroot="$here/sysroot" -resource-dir "$here/sysroot/clang" \\\n'
            '    -fuse-ld="$here/tools/bin/wasm-ld" --no-wasm-opt -Qunused-arguments -fvisibility=default -idirafter "$here/include" -L"$here/lib"'
        )
        # In position-independent code the tag __cpp_exception is an import, and no library defines it: the loader does.
        cxx = f"--driver-mode=g++ {' '.join(EXCEPTIONS)} {UNDEFINED}"
        files = {
            "wasm-ld": f'{here}exec "$here/tools/zig/zig" wasm-ld "$@"\n',
            "wasm-ar": f'{here}exec "$here/tools/zig/zig" ar "$@"\n',
            "wasm-cc": f'{here}{clang} "$@"\n',
            # libunwind last, where -Bdynamic is in force if at all; libc++ and libc++abi the driver adds.
            "wasm-c++": f'{here}{clang} \\\n    {cxx} "$@" -lunwind\n',
        }
        for name, text in files.items():
            write(self.bin / name, text, mode=0o755)

    def try_out(self):
        """A toolchain that does not work should be noticed here, not in the middle of a build."""
        source, output = self.scratch / "try.c", self.scratch / "libtry.so"
        source.write_text('#include <stdio.h>\nvoid f(void) { puts(""); }\n')
        try:
            run([self.bin / "wasm-cc", "-shared", "-fPIC", "-Wl,--experimental-pic", "-o", output, source])
        except Failure as failure:
            raise Failure(f"the guest toolchain does not work: {failure}") from failure
        if b"libc.so" not in output.read_bytes():
            raise Failure("the guest toolchain does not link against a shared libc")

    def set_up_cxx(self):
        """The C++ runtime as shared libraries, with exceptions in the exnref form: no published sysroot has one."""
        sources = self.zig / "lib"

        def include(*names):
            return [word for name in names for word in ("-I", sources / name)]

        cxx = ["-std=c++23", "-D_LIBCPP_BUILDING_LIBRARY"]
        recipes = [
            (
                "libunwind.so",
                "wasm-cc",
                [sources / "libunwind/src/Unwind-wasm.c"],
                # Its one exported function says __declspec(dllexport), which clang takes for Windows only.
                ["-D__declspec(x)=", "-D_LIBUNWIND_HAS_NO_THREADS", *EXCEPTIONS, *include("libunwind/include")],
                # The personality function is in libc++abi, which needs this library in turn.
                [],
            ),
            (
                "libc++abi.so",
                "wasm-c++",
                # Parts of it are for builds without exceptions or with threads.
                sources_in(sources / "libcxxabi/src", without=["cxa_noexception.cpp", "cxa_thread_atexit.cpp"]),
                [*cxx, "-D_LIBCXXABI_BUILDING_LIBRARY", *include("libcxx/src", "libunwind/include")],
                ["libunwind.so"],
            ),
            (
                "libc++.so",
                "wasm-c++",
                # operator new and delete: libc++abi has them, and its are the ones that its exceptions use.
                [
                    source
                    for folder in ["libcxx/src", "libcxx/src/ryu", "libcxx/src/filesystem"]
                    for source in sources_in(sources / folder, without=["new.cpp"])
                ],
                [*cxx, "-DLIBCXX_BUILDING_LIBCXXABI", *include("libcxx/src", "libcxx/libc")],
                ["libc++abi.so", "libunwind.so"],
            ),
        ]
        remove(self.cxx_stamp)
        remove(self.scratch)
        for name, compiler, files, flags, needs in recipes:
            with Timed(f"{name:<40} {len(files):>3} {'file' if len(files) == 1 else 'files'}"):
                self.build_library(name, self.bin / compiler, files, [*THIRD_PARTY, *flags], needs)
        remove(self.scratch)
        write(self.cxx_stamp, CXX_IDENTITY)

    def set_up_emscripten(self):
        """What side modules of emscripten want beside libc and libc++abi."""
        sources = self.zig / "lib"
        remove(self.emscripten_stamp)
        remove(self.scratch)
        self.scratch.mkdir(parents=True)
        written = self.scratch / "invoke.s"
        written.write_text(runpy.run_path(str(EMSCRIPTEN / "invoke.py"))["assembly"]())
        inner = [word for name in ["libcxxabi/src", "libunwind/include"] for word in ("-I", sources / name)]
        files = [EMSCRIPTEN / "compat.cpp", written]
        with Timed(f"{EMSCRIPTEN_LIBRARY:<40} {len(files):>3} files"):
            # The definitions: what libc++abi's own headers ask of who includes them.
            language = ["-std=c++23", "-D_LIBCPP_BUILDING_LIBRARY", "-D_LIBCXXABI_BUILDING_LIBRARY"]
            flags = ["-fPIC", "-Os", "-mexception-handling", *language, *inner]
            self.build_library(EMSCRIPTEN_LIBRARY, self.bin / "wasm-c++", files, flags, ["libc++abi.so", "libunwind.so"])
        remove(self.scratch)
        write(self.emscripten_stamp, emscripten_identity())

    def build_library(self, name, compiler, files, flags, needs):
        objects = self.scratch / name / "obj"
        objects.mkdir(parents=True)

        def compile_file(source):
            # The whole name, since libc++ has an ios.cpp and an ios.instantiations.cpp.
            output = objects / f"{source.name}.o"
            run([compiler, *flags, "-c", source, "-o", output])
            return output

        pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        try:
            compiled = list(pool.map(compile_file, files))
        finally:
            pool.shutdown(cancel_futures=True)
        # In another folder rather than under another name: the linker writes the name into the file.
        output = self.scratch / name / name
        needed = [self.lib / library for library in needs]
        run([self.bin / "wasm-cc", "-shared", "-Wl,--experimental-pic", *compiled, *needed, UNDEFINED, "-o", output])
        install(output, self.lib / name)


def emscripten_identity():
    parts = [(EMSCRIPTEN / name).read_bytes() for name in ("compat.cpp", "invoke.py")]
    return f"{CXX_IDENTITY}emscripten {hashlib.sha256(b''.join(parts)).hexdigest()}\n"


def sources_in(folder, without):
    return [file for file in sorted(folder.glob("*.cpp")) if file.name not in without]


if __name__ == "__main__":
    main()
