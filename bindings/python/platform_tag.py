"""Which systems a wheel runs on, read from the ELF files in it: the tag manylinux_2_X says that they need glibc 2.X, and nothing else but the few
libraries that PEP 600 lets every system have. A file is judged by what its own dynamic section asks for, as the system's loader does."""

import struct

# What a wheel may count on anywhere; the loader has the machine in its name.
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libutil.so.1", "libresolv.so.2", "libgcc_s.so.1"}
LOADER = "ld-linux"
# The oldest glibc that tags go by, and the newest libgcc that is at least as old as that: auditwheel's manylinux_2_17.
OLDEST, OLDEST_GCC = 17, (4, 8)

DYNAMIC, LOAD = 2, 1
NEEDED, STRINGS, VERSIONS, VERSION_COUNT = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF


class Unfit(Exception):
    """Why a file runs on no system but those like the one that it was built on."""


def requirements(data):
    """The libraries that an ELF file of 64 bits needs, and the versions of their symbols: {library: {version}}."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise Unfit("it is no ELF file of 64 bits, little-endian")
    try:
        return _requirements(data)
    except (struct.error, OverflowError, StopIteration, ValueError) as error:
        raise Unfit(f"its headers are damaged: {error}") from error


def _requirements(data):
    (headers,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, headers + size * index) for index in range(count)]

    def offset(address):
        """Where in the file an address of the loaded library is."""
        return next(address - at + start for kind, _, start, at, _, length, _, _ in segments if kind == LOAD and at <= address < at + length)

    entries = []
    for kind, _, start, _, _, length, _, _ in segments:
        if kind == DYNAMIC:
            entries = [struct.unpack_from("<QQ", data, at) for at in range(start, start + length, 16)]
    table = dict(entries)
    if STRINGS not in table:
        return {}
    strings = offset(table[STRINGS])

    def text(at):
        start = strings + at
        return data[start : data.index(b"\0", start)].decode()

    found = {text(value): set() for tag, value in entries if tag == NEEDED}
    at = offset(table[VERSIONS]) if VERSIONS in table else 0
    for _ in range(table.get(VERSION_COUNT, 0)):
        _, names, library, first, following = struct.unpack_from("<HHIII", data, at)
        name_at = at + first
        for _ in range(names):
            _, _, _, name, next_name = struct.unpack_from("<IHHII", data, name_at)
            found.setdefault(text(library), set()).add(text(name))
            name_at += next_name
        at += following
    return found


def glibc(needs):
    """The glibc 2.X that a file with these requirements runs with, as X. Unfit if that is not all that it takes."""
    newest = OLDEST
    for library, versions in needs.items():
        if library not in SYSTEM and not library.startswith(LOADER):
            raise Unfit(f"it needs {library}, which is not on every system")
        for version in versions:
            family, _, number = version.partition("_")
            parts = tuple(int(part) for part in number.split(".") if part.isdigit())
            if family == "GLIBC" and parts[:1] == (2,) and len(parts) > 1:
                newest = max(newest, parts[1])
            elif not (family == "GCC" and parts and parts <= OLDEST_GCC):
                raise Unfit(f"it needs {version} of {library}, which no tag stands for")
    return newest


def manylinux(files, machine):
    """The tag of a wheel with these files for that machine."""
    newest = OLDEST
    for path in files:
        try:
            newest = max(newest, glibc(requirements(path.read_bytes())))
        except Unfit as why:
            raise Unfit(f"{path}: {why}") from None
    return f"manylinux_2_{newest}_{machine}"


def promised(tag):
    """X of manylinux_2_X_machine, or None for a tag that promises nothing about glibc."""
    parts = tag.split("_")
    return int(parts[2]) if parts[:2] == ["manylinux", "2"] and len(parts) > 3 and parts[2].isdigit() else None


OLD_NAMES = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}


def checked(tag, files):
    """The tag for a wheel with these files, where `tag` is the platform's own or what somebody asked for. SystemExit if that is not true."""
    for old, name in OLD_NAMES.items():
        if tag.startswith(old + "_"):
            tag = name + tag[len(old) :]
    if not files:
        return tag
    if tag.startswith("linux_"):
        try:
            return manylinux(files, tag[len("linux_") :])
        except Unfit as why:
            print(f"wasmdyld: the wheel is for systems like this one alone: {why}")
            return tag
    wanted = promised(tag)
    if wanted is not None:
        try:
            least = manylinux(files, tag.split("_", 3)[3])
        except Unfit as why:
            raise SystemExit(f"wasmdyld: {tag} would not be true: {why}") from None
        if promised(least) > wanted:
            raise SystemExit(f"wasmdyld: {tag} would not be true: what was built needs {least}; build it on an older system, or leave the tag out")
    return tag
