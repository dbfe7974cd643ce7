"""Small WebAssembly libraries, byte by byte: what turns Python functions into pointers, and pointers into Python functions."""

from typing import List, Sequence

from ._types import FuncType

TYPES = {"i32": 0x7F, "i64": 0x7E, "f32": 0x7D, "f64": 0x7C}
HEADER = b"\0asm\1\0\0\0"
FUNC, TABLE, GLOBAL = 0, 1, 3
LOCAL_GET, I32_CONST, GLOBAL_GET, CALL, CALL_INDIRECT, END = 0x20, 0x41, 0x23, 0x10, 0x11, 0x0B
TABLE_IMPORT = ("env", "__indirect_function_table", TABLE)
TABLE_BASE = ("env", "__table_base", GLOBAL)


def unsigned(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> bytes:
    out = bytearray()
    while not -64 <= number <= 63:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number & 0x7F)
    return bytes(out)


def sized(data: bytes) -> bytes:
    return unsigned(len(data)) + data


def text(name: str) -> bytes:
    return sized(name.encode())


def section(number: int, entries: Sequence[bytes]) -> bytes:
    return bytes([number]) + sized(unsigned(len(entries)) + b"".join(entries))


def dylink(slots: int) -> bytes:
    """The section that makes it a library: no memory, some table slots."""
    return b"\0" + sized(text("dylink.0") + b"\1" + sized(unsigned(0) * 2 + unsigned(slots) + unsigned(0)))


def type_entry(type: FuncType) -> bytes:
    def vector(names: Sequence[str]) -> bytes:
        return sized(bytes(TYPES[name] for name in names))

    return b"\x60" + vector(type.params) + vector(type.results)


def import_entry(module: str, name: str, kind: int, index: int = 0) -> bytes:
    what = {FUNC: unsigned(index), TABLE: b"\x70\0\0", GLOBAL: b"\x7f\0"}[kind]
    return text(module) + text(name) + bytes([kind]) + what


def body(code: bytes) -> bytes:
    return sized(b"\0" + code + bytes([END]))


def arguments(type: FuncType) -> bytes:
    return b"".join(bytes([LOCAL_GET]) + unsigned(index) for index in range(len(type.params)))


def callbacks(type: FuncType, module: str, name: str, count: int) -> bytes:
    """A library whose `count` table slots hold functions of a type: each calls one import with its own number after its arguments."""
    types = [type_entry(type), type_entry(FuncType((*type.params, "i32"), type.results))]
    imports = [import_entry(*TABLE_IMPORT), import_entry(*TABLE_BASE), import_entry(module, name, FUNC, 1)]
    functions = [unsigned(0)] * count
    # Function 0 is the import.
    elements: List[bytes] = [unsigned(index + 1) for index in range(count)]
    segment = unsigned(0) + bytes([GLOBAL_GET, 0, END]) + unsigned(count) + b"".join(elements)
    bodies = [body(arguments(type) + bytes([I32_CONST]) + signed(index) + bytes([CALL, 0])) for index in range(count)]
    parts = [section(1, types), section(2, imports), section(3, functions), section(9, [segment]), section(10, bodies)]
    return HEADER + dylink(count) + b"".join(parts)


def caller(type: FuncType) -> bytes:
    """A library whose `call` calls the function in a table slot, which is its last argument."""
    types = [type_entry(FuncType((*type.params, "i32"), type.results)), type_entry(type)]
    slot = bytes([LOCAL_GET]) + unsigned(len(type.params))
    code = arguments(type) + slot + bytes([CALL_INDIRECT, 1, 0])
    export = text("call") + bytes([FUNC, 0])
    parts = [section(1, types), section(2, [import_entry(*TABLE_IMPORT)]), section(3, [unsigned(0)])]
    return HEADER + dylink(0) + b"".join(parts + [section(7, [export]), section(10, [body(code)])])
