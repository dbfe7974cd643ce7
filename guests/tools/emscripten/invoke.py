"""Writes the functions by which emscripten's code calls what may throw: `invoke_` and the types of result and parameters, in letters.

Each calls the function in a slot of the table. An exception or a longjmp out of it does not go on: the caller finds it in `__THREW__`.
In assembly, since C++ cannot catch a longjmp, and there is one for each type. The catching is in the exnref form.
"""

import itertools

TYPES = {"i": "i32", "j": "i64", "f": "f32", "d": "f64"}

HEAD = """\
	.globaltype	__stack_pointer, i32
	.tagtype	__cpp_exception i32
	.tagtype	__c_longjmp i32
	.tabletype	__indirect_function_table, funcref
	.functype	emscripten_compat_caught (i32) -> ()
	.functype	emscripten_compat_jumped (i32) -> ()
"""

# For the C++ part, in which tags have no names.
THROWS = {"emscripten_compat_throw": "__cpp_exception", "emscripten_compat_jump": "__c_longjmp"}


def parameters():
    """Those of functions that occur: all up to three, and longer ones of the types that pointers, numbers and coordinates have."""
    for count in range(4):
        yield from itertools.product("ijfd", repeat=count)
    for letters, counts in [("id", (4, 5)), ("ij", (4,)), ("i", range(6, 13))]:
        for count in counts:
            yield from itertools.product(letters, repeat=count)


def function(name, wasm_type, locals_, lines):
    body = "\n".join(f"\t{line}" for line in lines)
    extra = f"\t.local\t{locals_}\n" if locals_ else ""
    return f"""\
	.section	.text.{name},"",@
	.globl	{name}
	.type	{name},@function
{name}:
	.functype	{name} {wasm_type}
{extra}{body}
	end_function
"""


def invoke(result, params):
    """`result` is a letter, `v` for none."""
    name = f"invoke_{result}{''.join(params)}"
    types = [TYPES[letter] for letter in params]
    results = "" if result == "v" else TYPES[result]
    stack = len(params) + 1
    zero = [f"{results}.const {'0.0' if results[0] == 'f' else '0'}"] if results else []
    caught = [f"local.get {stack}", "global.set __stack_pointer"]
    lines = [
        "global.get __stack_pointer",
        f"local.set {stack}",
        "block i32",
        "block i32",
        f"try_table {results} (catch __cpp_exception 1) (catch __c_longjmp 0)".replace("  ", " "),
        *(f"local.get {n + 1}" for n in range(len(params))),
        "local.get 0",
        f"call_indirect __indirect_function_table, ({', '.join(types)}) -> ({results})",
        "end_try_table",
        "return",
        "end_block",
        *caught,
        "call emscripten_compat_jumped",
        *zero,
        "return",
        "end_block",
        *caught,
        "call emscripten_compat_caught",
        *zero,
    ]
    return function(name, f"({', '.join(['i32', *types])}) -> ({results})", "i32", lines)


def assembly():
    parts = [HEAD]
    for name, tag in THROWS.items():
        parts.append(function(name, "(i32) -> ()", None, ["local.get 0", f"throw {tag}"]))
    seen = sorted({"".join(params) for params in parameters()}, key=lambda letters: (len(letters), letters))
    parts += [invoke(result, letters) for result in "vijfd" for letters in seen]
    return "".join(parts)
