"""Links of wasmdyld-ld: which words wasm-ld takes, what is needed under which name, and what stands in the module for it.

wasm-ld names needed libraries by their files, and has no place for the name that a library has for itself. So what it has
written is written anew: entries of the list of needed libraries (in `dylink.0`) get the names that the libraries have for
themselves, and a library gets a custom section `wasmdyld.soname` with its own, which is one string.
"""

import os
import re
from pathlib import Path

SONAME = "wasmdyld.soname"
# NAME_MAX of Linux.
LONGEST_NAME = 255

# Options of linkers for ELF that mean nothing here, which builds give unasked; with a word of their own behind or without.
ELF_ALONE = set(
    "as-needed no-as-needed push-state pop-state no-undefined enable-new-dtags disable-new-dtags Bsymbolic-functions start-group "
    "end-group ( ) warn-common sort-common no-copy-dt-needed-entries copy-dt-needed-entries allow-shlib-undefined no-allow-shlib-undefined "
    "eh-frame-hdr undefined-version no-undefined-version warn-shared-textrel relax no-relax no-keep-memory".split()
)
ELF_WITH_WORD = set("version-script dynamic-list retain-symbols-file hash-style exclude-libs rpath-link dynamic-linker icf sort-section z".split())
# Of wasm-ld's options those whose argument is a word of its own, which is then no input file.
WITH_WORD = set(
    "o L l m O e y u z entry export export-if-defined wrap undefined rpath mllvm trace-symbol error-limit unresolved-symbols Map threads "
    "why-extract keep-section thinlto-cache-policy rsp-quoting reproduce library library-path allow-undefined-file".split()
)


class Link:
    """What the words of a linker's command line ask for."""

    def __init__(self, words):
        # What wasm-ld gets.
        self.passed = []
        self.soname = None
        self.output = "a.out"
        self.shared = False
        self.relocatable = False
        # Libraries by name or file, each with whether it is one that is needed only if it is used.
        self.inputs = []
        self.folders = []
        self.read(words)

    def read(self, words):
        # As wasm-ld has it: -Bdynamic and -Bstatic speak of the libraries behind them.
        dynamic = any(word in ("-shared", "--shared", "-pie", "--pie") for word in words)
        as_needed, states = False, []
        words = iter(words)
        for word in words:
            if not word.startswith("-") or word == "-":
                self.inputs.append((word, as_needed))
                self.passed.append(word)
                continue
            name, equals, value = word.lstrip("-").partition("=")
            if name in ("soname", "h") or (re.match("-h[^ae]", word) and not equals):
                self.soname = (value if equals else next(words, "")) if name in ("soname", "h") else word[2:]
                continue
            if name == "push-state":
                states.append((as_needed, dynamic))
            elif name == "pop-state" and states:
                as_needed, dynamic = states.pop()
                self.passed.append("-Bdynamic" if dynamic else "-Bstatic")
            elif name in ("as-needed", "no-as-needed"):
                as_needed = name == "as-needed"
            elif name in ("Bdynamic", "dy", "call_shared"):
                dynamic = True
            elif name in ("Bstatic", "dn", "non_shared", "static"):
                dynamic = False
            elif name == "shared":
                self.shared = True
            elif name in ("r", "relocatable"):
                self.relocatable = True
            if name in ELF_WITH_WORD:
                argument = value if equals else next(words, "")
                if name == "z" and argument.startswith("stack-size="):
                    self.passed += ["-z", argument]
                continue
            if name in ELF_ALONE or re.match("-z[^=]", word):
                if word.startswith("-zstack-size="):
                    self.passed.append(word)
                continue
            self.passed.append(word)
            if name in WITH_WORD and not equals:
                value = next(words, "")
                self.passed.append(value)
            elif name not in WITH_WORD and word[1] in "oLl" and not word.startswith("--") and len(word) > 2:
                name, value = word[1], word[2:]
            self.take(name, value, dynamic, as_needed)

    def take(self, name, value, dynamic, as_needed):
        if name == "o":
            self.output = value
        elif name in ("L", "library-path"):
            self.folders.append(value)
        elif name in ("l", "library") and dynamic:
            self.inputs.append((f"-l{value}", as_needed))

    def libraries(self):
        """The files that shared libraries may come from, with whether each is needed only if it is used."""
        found = []
        for word, as_needed in self.inputs:
            file = self.search(word[2:]) if word.startswith("-l") else Path(word)
            if file is not None and file.is_file():
                found.append((file, as_needed))
        return found

    def search(self, name):
        """Where wasm-ld finds a library that it may take as a shared one."""
        for folder in self.folders:
            for file in (Path(folder, f"lib{name}.so"), Path(folder, f"lib{name}.a")):
                if file.exists():
                    return file if file.suffix == ".so" else None
        return None

    def is_probe(self):
        """A test program of autoconf's, CMake's or Meson's, which tells by the linker's answer what there is."""
        output = os.path.abspath(self.output)
        return re.search(r"/(conftest(\.\w+)?|cmTC_[0-9a-f]+(\.\w+)?|meson-private/tmp[^/]*/output\.exe)$", output) is not None

    def of_probe(self, tags):
        """What wasm-ld gets for one beside the rest. Functions are declared as `char f(void)` there to see if there are any, and what is nowhere is an error,
        but for what only the loader defines, whose names are in a file: else C++ and setjmp would have all functions."""
        only_tags = ["--unresolved-symbols=report-all", f"--allow-undefined-file={tags}"]
        undefined = any(word.startswith("--unresolved-symbols=import-dynamic") for word in self.passed)
        return ["--no-shlib-sigcheck", *(only_tags if undefined else [])]


def unfit(name):
    """Why a name cannot be what a library is needed by, which is the name of a file."""
    if not name:
        return "it is empty"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if len(name.encode()) > LONGEST_NAME:
        return "it is longer than a file name can be"
    if re.search(r"[/\\]", name) or name in (".", ".."):
        return "a library is needed by the name of its file, without a folder"
    if not name.isprintable():
        return "it contains a character that cannot be shown"
    return None


# Modules.


class Damaged(Exception):
    """Bytes that are no module."""


class Reader:
    def __init__(self, data, at=0, end=None):
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    def more(self):
        return self.at < self.end

    def take(self, count):
        if self.at + count > self.end:
            raise Damaged
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

    def byte(self):
        return self.take(1)[0]

    def number(self):
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
            if shift > 63:
                raise Damaged

    def string(self):
        try:
            return bytes(self.take(self.number())).decode()
        except UnicodeDecodeError as error:
            raise Damaged from error

    def part(self):
        """A reader of what is as long as the number here says."""
        count = self.number()
        if self.at + count > self.end:
            raise Damaged
        part = Reader(self.data, self.at, self.at + count)
        self.at += count
        return part

    def rest(self):
        return self.take(self.end - self.at)


def number(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(text):
    raw = text.encode()
    return number(len(raw)) + raw


def section(identity, contents):
    return bytes([identity]) + number(len(contents)) + contents


CUSTOM, IMPORT, EXPORT = 0, 2, 7
NEEDED = 2
HEADER = b"\0asm\x01\0\0\0"


def is_module(data):
    return data[: len(HEADER)] == HEADER


def sections(data):
    """Kind, where it begins, and a reader of its contents, for each section of a module."""
    if not is_module(data):
        raise Damaged
    reader = Reader(data, len(HEADER))
    while reader.more():
        begin = reader.at
        yield reader.byte(), begin, reader.part()


def soname_of(data):
    """The name that a library has for itself."""
    for kind, _, contents in sections(data):
        if kind == CUSTOM and contents.string() == SONAME:
            return contents.string()
    return None


def is_shared(data):
    """A shared library or a program that may use some begins with `dylink.0`."""
    kind, _, contents = next(sections(data), (None, 0, None))
    return kind == CUSTOM and contents.string() == "dylink.0"


def exported(data):
    for kind, _, contents in sections(data):
        if kind == EXPORT:
            return {entry(contents) for _ in range(contents.number())}
    return set()


def entry(contents):
    name = contents.string()
    contents.byte()
    contents.number()
    return name


def imported(data):
    """The names that a module imports from other objects; nothing where it uses a form that is not known here."""
    names = set()
    for kind, _, contents in sections(data):
        if kind != IMPORT:
            continue
        for _ in range(contents.number()):
            module, name, what = contents.string(), contents.string(), contents.byte()
            if module in ("env", "GOT.mem", "GOT.func"):
                names.add(name)
            if not skip_type(contents, what):
                return None
    return names


def skip_type(contents, what):
    if what == 0:  # function
        contents.number()
    elif what in (1, 2):  # table, memory
        if what == 1 and contents.byte() in (0x63, 0x64):
            return False
        flags = contents.byte()
        contents.number()
        if flags & 1:
            contents.number()
        if flags & 8:
            contents.number()
    elif what == 3:  # global
        if contents.byte() in (0x63, 0x64):  # a reference to a type of its own
            return False
        contents.byte()
    elif what == 4:  # tag
        contents.byte()
        contents.number()
    else:
        return False
    return True


def finished(data, libraries, soname):
    """A module of wasm-ld's with the names that libraries have for themselves. `libraries`: contents by file name, each with
    whether it is needed only if it is used."""
    names, drop, imports = {}, set(), None
    for file, (contents, as_needed) in libraries.items():
        names[file] = soname_of(contents) or file
        if as_needed:
            imports = imported(data) if imports is None else imports
            if imports is not None and not imports & exported(contents):
                drop.add(file)
    first = next(sections(data), None)
    if first is not None and first[0] == CUSTOM:
        _, begin, contents = first
        if contents.string() == "dylink.0":
            end = contents.end
            dylink = string("dylink.0") + with_names(contents, names, drop)
            data = data[:begin] + section(CUSTOM, dylink) + data[end:]
    if soname is not None:
        data += section(CUSTOM, string(SONAME) + string(soname))
    return data


def with_names(contents, names, drop):
    out = bytearray()
    while contents.more():
        kind, part = contents.byte(), contents.part()
        if kind != NEEDED:
            body = part.rest()
        else:
            needed = [part.string() for _ in range(part.number())]
            kept = list(dict.fromkeys(names.get(name, name) for name in needed if name not in drop))
            if not kept:
                continue
            body = number(len(kept)) + b"".join(string(name) for name in kept)
        out += bytes([kind]) + number(len(body)) + body
    return bytes(out)


# What to do about errors.

DLFCN = {"dlopen", "dlsym", "dlclose", "dlerror", "dladdr"}
SETJMP = {"setjmp", "longjmp", "sigsetjmp", "siglongjmp", "_setjmp", "_longjmp", "__wasm_setjmp", "__wasm_setjmp_test", "__wasm_longjmp", "__c_longjmp"}
CXX = re.compile(r"operator (new|delete)|std::|__cxa_|__gxx_|__cpp_exception|(vtable|typeinfo) for |__dynamic_cast")


def advice(errors):
    """What may help where wasm-ld has ended with these errors, a line each."""
    text = re.sub("\x1b\\[[0-9;]*m", "", errors)
    undefined = set(re.findall(r"undefined symbol: (.+)", text))
    if not undefined:
        return []
    lines = []
    if undefined & DLFCN:
        lines.append("dlopen and the like are in libdl: add -ldl; or include <wasmdyld/dlfcn.h>, which has more of them and needs no library")
    if undefined & SETJMP:
        lines.append("setjmp and longjmp want --setjmp, for compiling and for linking")
    cxx = {symbol for symbol in undefined if CXX.search(symbol)}
    if cxx:
        lines.append("the C++ runtime is linked by wasmdyld-c++")
    if undefined - DLFCN - SETJMP - cxx:
        lines.append(
            "symbols of a library: name that library in this link; symbols that are found when the object is loaded, such as those of "
            "the program that opens a plugin: --import-undefined"
        )
    return lines
