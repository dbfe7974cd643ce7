"""Writes src/wasmdyld/_ffi.py: the declarations of wasmdyld.h, and of what the package uses of wasm.h, for ctypes.

    python ci/generate.py --include FOLDER... [--check]

FOLDERs hold wasmdyld.h and wasm.h. With --check nothing is written: it fails if the file is out of date. Needs pycparser and a C
preprocessor (CC, by default cc).
"""

import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from pycparser import c_ast, c_parser  # type: ignore[import-untyped]

OUTPUT = Path(__file__).resolve().parent.parent / "src" / "wasmdyld" / "_ffi.py"

# All of wasm.h that the package calls. Functions that crash on some engines (as_ref, same, host_info) stay out.
WASM = """
    wasm_engine_delete wasm_store_new wasm_store_delete
    wasm_valtype_new wasm_valtype_vec_new wasm_valtype_vec_new_empty
    wasm_functype_new wasm_functype_delete
    wasm_globaltype_new wasm_globaltype_delete
    wasm_func_new_with_env wasm_func_delete wasm_func_as_extern
    wasm_global_new wasm_global_delete wasm_global_get wasm_global_set wasm_global_as_extern
    wasm_memory_data wasm_memory_data_size wasm_memory_size wasm_memory_grow
    wasm_table_size
    wasm_trap_new
    wasm_module_new wasm_module_delete wasm_module_serialize wasm_module_deserialize
    wasm_byte_vec_delete
""".split()
ENUMS = ["wasm_mutability_enum", "wasm_valkind_enum"]

# What the headers take from the system's own, without the compiler's extensions that no parser knows.
SYSTEM = {
    "stddef.h": "typedef unsigned long size_t;\n#define NULL ((void *)0)\n",
    "stdint.h": "".join(
        f"typedef {base} {name};\n"
        for name, base in {
            "int8_t": "signed char",
            "uint8_t": "unsigned char",
            "int16_t": "short",
            "uint16_t": "unsigned short",
            "int32_t": "int",
            "uint32_t": "unsigned int",
            "int64_t": "long long",
            "uint64_t": "unsigned long long",
            "intptr_t": "long",
            "uintptr_t": "unsigned long",
        }.items()
    ),
    "stdbool.h": "#define bool _Bool\n#define true 1\n#define false 0\n",
    "string.h": "size_t strlen(const char *);\n",
    "assert.h": "#define static_assert(condition, message) ((void)0)\n",
}

# C name: (ctypes name, annotation).
SCALARS = {
    "_Bool": ("c_bool", "bool"),
    "char": ("c_char", "bytes"),
    "double": ("c_double", "float"),
    "float": ("c_float", "float"),
    "float32_t": ("c_float", "float"),
    "float64_t": ("c_double", "float"),
    "size_t": ("c_size_t", "int"),
    **{f"{sign}int{bits}_t": (f"c_{sign}int{bits}", "int") for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
BYTES = {"uint8_t", "wasm_byte_t", "byte_t", "void"}


class Header:
    def __init__(self, ast: c_ast.FileAST) -> None:
        self.typedefs: Dict[str, c_ast.Node] = {}
        self.structs: Dict[str, c_ast.Struct] = {}
        self.enums: Dict[str, c_ast.Enum] = {}
        self.functions: Dict[str, c_ast.FuncDecl] = {}
        self.used: List[str] = []  # structures and callbacks, in the order in which they can be declared
        self.lines: Dict[str, str] = {}
        for node in ast.ext:
            if isinstance(node, c_ast.Typedef):
                self.typedefs.setdefault(node.name, node.type)
                inner = getattr(node.type, "type", None)
                if isinstance(inner, c_ast.Struct) and inner.decls:
                    self.structs[inner.name or node.name] = inner
            elif isinstance(node, c_ast.Decl):
                if isinstance(node.type, c_ast.FuncDecl):
                    self.functions[node.name] = node.type
                elif isinstance(node.type, c_ast.Struct) and node.type.decls:
                    self.structs[node.type.name] = node.type
                elif isinstance(node.type, c_ast.Enum):
                    self.enums[node.type.name] = node.type

    def scalar(self, name: str) -> Optional[Tuple[str, str]]:
        """A number type, through typedefs."""
        while name not in SCALARS:
            inner = getattr(self.typedefs.get(name), "type", None)
            if not isinstance(inner, c_ast.IdentifierType):
                return None
            name = " ".join(inner.names)
        return SCALARS[name]

    def structure(self, name: str) -> Optional[str]:
        """The name of a structure that has members, declared on the way; through typedefs."""
        inner = getattr(self.typedefs.get(name), "type", None)
        if isinstance(inner, c_ast.IdentifierType):
            return self.structure(" ".join(inner.names))
        if isinstance(inner, c_ast.Struct):
            name = inner.name or name
        if name not in self.structs:
            return None
        if name not in self.lines:
            self.declare_structure(name)
        return name

    def declare_structure(self, name: str) -> None:
        members: List[Tuple[str, str, str]] = []
        for member in self.structs[name].decls:
            inner = getattr(member.type, "type", None)
            if isinstance(inner, c_ast.Union):
                union = f"{name}_{member.name}"
                parts = [(part.name, *self.type(part.type)) for part in inner.decls]
                self.lines[union] = declaration(union, "Union", parts)
                self.used.append(union)
                members.append((member.name, union, union))
            else:
                members.append((member.name, *self.type(member.type)))
        self.lines[name] = declaration(name, "Structure", members)
        self.used.append(name)

    def callback(self, function: c_ast.FuncDecl) -> str:
        return f"CFUNCTYPE({', '.join(self.signature(function)[0])})"

    def type(self, node: c_ast.Node) -> Tuple[str, str]:
        """The ctypes type and the annotation of a parameter, result or member."""
        if isinstance(node, c_ast.TypeDecl):
            if isinstance(node.type, (c_ast.Struct, c_ast.Union)):
                return self.named(node.type.name)
            return self.named(" ".join(node.type.names))
        if isinstance(node, (c_ast.PtrDecl, c_ast.ArrayDecl)):
            return self.pointer(node.type)
        raise SystemExit(f"generate: no rule for {type(node).__name__}")

    def named(self, name: str) -> Tuple[str, str]:
        if name == "void":
            return "None", "None"
        scalar = self.scalar(name)
        if scalar:
            return scalar
        typedef = self.typedefs.get(name)
        if isinstance(typedef, c_ast.PtrDecl) and isinstance(typedef.type, c_ast.FuncDecl):
            if typedef.type.args is None or all(self.type(p.type)[0] == "None" for p in typedef.type.args.params):
                return "c_void_p", "Optional[int]"  # to be cast
            if name not in self.lines:
                self.lines[name] = f"{name} = {self.callback(typedef.type)}\n"
                self.used.append(name)
            return name, "Any"
        structure = self.structure(name)
        if structure is None:
            raise SystemExit(f"generate: {name} by value is opaque")
        return structure, structure

    def pointer(self, to: c_ast.Node) -> Tuple[str, str]:
        if isinstance(to, c_ast.FuncDecl):
            return self.callback(to), "Any"
        if isinstance(to, (c_ast.PtrDecl, c_ast.ArrayDecl)):
            return f"POINTER({self.type(to)[0]})", "Any"
        struct = isinstance(to.type, c_ast.Struct)
        name = to.type.name if struct else " ".join(to.type.names)
        if name == "char" and "const" in to.quals:
            return "c_char_p", "Optional[bytes]"
        if name in BYTES or name == "char":
            return "c_void_p", "Any"
        scalar = None if struct else self.scalar(name)
        if scalar:
            return f"POINTER({scalar[0]})", "Any"
        if isinstance(self.typedefs.get(name), c_ast.PtrDecl):
            return f"POINTER({self.named(name)[0]})", "Any"
        structure = self.structure(name)
        if structure:
            return f"POINTER({structure})", "Any"
        return "c_void_p", "Optional[int]"  # a handle

    def signature(self, function: c_ast.FuncDecl) -> Tuple[List[str], List[str]]:
        """The result and then the parameters: as ctypes types and as annotations."""
        nodes = [function.type] + [p.type for p in (function.args.params if function.args else [])]
        pairs = [self.type(node) for node in nodes]
        result, parameters = pairs[0], [pair for pair in pairs[1:] if pair[0] != "None"]
        # An argument may be a number or anything that ctypes takes for a pointer.
        annotations = ["Any" if a == "Optional[int]" else a for _, a in parameters]
        return [result[0]] + [p[0] for p in parameters], [result[1]] + annotations


def declaration(name: str, base: str, members: List[Tuple[str, str, str]]) -> str:
    lines = [f"class {name}({base}):\n", "    _fields_ = [\n"]
    lines += [f'        ("{member}", {kind}),\n' for member, kind, _ in members]
    lines += ["    ]\n", "    if TYPE_CHECKING:\n"]
    lines += [f"        {member}: {annotation}\n" for member, _, annotation in members]
    return "".join(lines)


def constant(node: c_ast.Node) -> int:
    if isinstance(node, c_ast.Constant):
        return int(node.value, 0)
    raise SystemExit("generate: an enumerator is no plain number")


def enumerators(node: c_ast.Enum) -> List[Tuple[str, int]]:
    found: List[Tuple[str, int]] = []
    following = 0
    for enumerator in node.values.enumerators:
        value = constant(enumerator.value) if enumerator.value else following
        found.append((enumerator.name, value))
        following = value + 1
    return found


def parse(include: List[str]) -> Header:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in SYSTEM.items():
            Path(folder, name).write_text(text)
        source = Path(folder, "all.c")
        source.write_text("#include <wasmdyld.h>\n")
        compiler = shlex.split(os.environ.get("CC") or "cc")
        command = [*compiler, "-E", "-P", "-std=c11", "-nostdinc", "-I", folder]
        for path in include:
            command += ["-I", path]
        text = subprocess.run([*command, str(source)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Header(c_parser.CParser().parse(text, "wasmdyld.h"))


def generate(include: List[str]) -> str:
    header = parse(include)
    missing = [name for name in WASM if name not in header.functions]
    if missing:
        raise SystemExit(f"generate: wasm.h has no {', '.join(missing)}")
    dyld = [name for name in header.functions if name.startswith("wasm_dyld_")]
    prototypes: List[str] = []
    attributes: List[str] = []
    for name in dyld + WASM:
        types, annotations = header.signature(header.functions[name])
        prototypes.append(f'    "{name}": ({", ".join(types)}{"," if len(types) == 1 else ""}),\n')
        attributes.append(f"    {name}: Callable[[{', '.join(annotations[1:])}], {annotations[0]}]\n")
    constants: List[str] = []
    for name, enum in header.enums.items():
        if name.startswith("wasm_dyld_") or name in ENUMS:
            constants += [f"{key} = {value}\n" for key, value in enumerators(enum)]
    used = [header.lines[name] for name in header.used]
    body = "".join(prototypes) + "".join(used)
    offered = {"CFUNCTYPE", "POINTER", "Structure", "Union", "c_char_p", "c_void_p", *(kind for kind, _ in SCALARS.values())}
    wanted = sorted(offered.intersection(re.findall(r"\w+", body)))
    return "".join(
        [
            '"""The C interface: wasmdyld.h, and what is used of wasm.h. Written by ci/generate.py; do not edit."""\n\n',
            f"from ctypes import {', '.join(wanted)}\n",
            "from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple\n\n",
            *constants,
            "\n\n",
            "\n\n".join(used),
            "\n\n# The result, then the parameters.\n",
            "PROTOTYPES: Dict[str, Tuple[Any, ...]] = {\n",
            *prototypes,
            "}\n\n\n",
            "class Functions:\n",
            *attributes,
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the ctypes declarations.")
    parser.add_argument("--include", action="append", required=True, metavar="FOLDER")
    parser.add_argument("--check", action="store_true", help="fail if the file is out of date")
    options = parser.parse_args()
    text = generate(options.include)
    if not options.check:
        OUTPUT.write_text(text)
        return 0
    old = OUTPUT.read_text()
    difference = difflib.unified_diff(old.splitlines(True), text.splitlines(True), str(OUTPUT), "the headers")
    sys.stdout.writelines(difference)
    if old != text:
        print("The headers have changed: run ci/generate.py without --check.", file=sys.stderr)
    return int(old != text)


if __name__ == "__main__":
    sys.exit(main())
