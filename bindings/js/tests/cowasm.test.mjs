// CPython 3.11 and NumPy as cowasm has published them, in node: its kernel is a program that gives its symbols by functions, and Python a library of
// it, of what was `dylink.0` in 2022.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { Namespace } = await import(pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist/index.js")).href);
const others = process.env.WASMDYLD_TEST_JS_OTHERS;
const dist = path.join(others, "node_modules/python-wasm/dist");
const root = path.join(others, "root");

function unsigned(number) {
  const out = [];
  for (; number >= 0x80; number >>>= 7) out.push((number & 0x7f) | 0x80);
  return [...out, number];
}

/** The module with one more export, of a global. cowasm gave each library a stack of its own, so its kernel keeps its stack pointer to itself. */
function exportGlobal(bytes, name, index) {
  const EXPORTS = 7;
  const out = [bytes.subarray(0, 8)];
  let at = 8;
  const number = () => {
    let [value, shift, byte] = [0, 0, 0x80];
    for (; byte & 0x80; shift += 7) value |= ((byte = bytes[at++]) & 0x7f) << shift;
    return value >>> 0;
  };
  while (at < bytes.length) {
    const start = at++;
    const id = bytes[start];
    const size = number();
    const end = at + size;
    if (id === EXPORTS) {
      const count = unsigned(number() + 1);
      const text = [...Buffer.from(name)];
      const more = [...unsigned(text.length), ...text, 3, ...unsigned(index)];
      const rest = bytes.subarray(at, end);
      out.push(Buffer.from([id, ...unsigned(count.length + rest.length + more.length), ...count]), rest, Buffer.from(more));
    } else {
      out.push(bytes.subarray(start, end));
    }
    at = end;
  }
  return new Uint8Array(Buffer.concat(out));
}

/** Runs `use` with a function that evaluates Python, inside the kernel's main function. */
async function withPython(use) {
  const ns = await Namespace.create({
    // Of 344 functions of C that Python imports, the kernel leaves out those that no wasi has.
    bind: "lazy",
    stackSize: 8 << 20,
    wasi: { preopens: { "/": root }, env: { PYTHONHOME: "/usr", PYTHONPATH: "/numpy" } },
  });
  let said;
  let failure;
  const define = (name, signature, body) => ns.define("env", name, signature, body);
  // What cowasm's own JavaScript has: here without processes, signals and users.
  for (const name of ["getuid", "getgid", "getegid", "_geteuid", "wasmGetSignalState", "_Py_emscripten_runtime"]) define(name, "() -> i32", () => 0);
  define("sigemptyset", "(i32) -> i32", () => 0);
  define("python_wasm_set_inheritable", "(i32 i32) -> i32", () => 0);
  define("getrandom", "(i32 i32 i32) -> i32", (at, size) => {
    crypto.getRandomValues(new Uint8Array(ns.memory.buffer, at >>> 0, size));
    return size;
  });
  define("wasmSendString", "(i32 i32) -> ()", (at, size) => {
    said = Buffer.from(ns.memory.read(at, size)).toString();
  });
  define("wasmSetException", "() -> ()", () => {
    said = "an exception";
  });
  // Python's functions are called with more or fewer arguments than they take, which JavaScript allows and WebAssembly does not.
  let table;
  const call = (slot, ...args) => (table ??= ns.table).get(slot)(...args);
  define("_PyImport_InitFunc_TrampolineCall", "(i32) -> i32", call);
  define("descr_get_trampoline_call", "(i32 i32 i32) -> i32", call);
  define("descr_set_trampoline_call", "(i32 i32 i32 i32) -> i32", call);
  define("_PyCFunctionWithKeywords_TrampolineCall", "(i32 i32 i32 i32) -> i32", call);
  define("main", "(i32 i32) -> i32", () => {
    try {
      const python = ns.loadNow("python.wasm", { global: true });
      const { symbols } = ns;
      const given = (name, text) => {
        const bytes = new TextEncoder().encode(`${text}\0`);
        const at = symbols.c_malloc(bytes.length);
        ns.memory.write(at, bytes);
        said = undefined;
        const code = python[name](at);
        symbols.c_free(at);
        return code;
      };
      assert.equal(python.cowasm_python_init(), 0);
      use({
        exec: (text) => assert.equal(given("cowasm_python_exec", text), 0),
        repr: (text) => {
          given("cowasm_python_repr", text);
          return said;
        },
        objects: () => ns.objects(),
      });
    } catch (error) {
      failure = error;
    }
    return 0;
  });
  ns.addLibrary("python.wasm", fs.readFileSync(path.join(dist, "python.wasm")));
  const kernel = fs.readFileSync(path.join(others, "node_modules/@cowasm/kernel/dist/kernel/kernel.wasm"));
  // LLD's first global is the stack pointer.
  const code = await ns.run(exportGlobal(kernel, "__stack_pointer", 0));
  ns.close();
  if (failure) throw failure;
  assert.equal(code, 0);
}

test("Python and NumPy", () =>
  withPython(({ exec, repr, objects }) => {
    assert.equal(repr("2 ** 100"), "1267650600228229401496703205376");
    assert.match(repr("__import__('sys').version"), /^'3\.11\.1 \(main/);
    exec("import json, re\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)");
    assert.equal(repr("json.dumps({'fib': [fib(n) for n in range(15)], 'words': re.findall('[a-z]+', 'one, two')})"),
      `'{"fib": [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377], "words": ["one", "two"]}'`);
    // An exception of Python's is Python's.
    exec("try:\n  1 / 0\nexcept ZeroDivisionError as e: failed = str(e)");
    assert.equal(repr("failed"), "'division by zero'");
    // Python opens NumPy's fifteen libraries itself.
    const before = objects().length;
    exec("import numpy as np");
    assert.equal(repr("np.__version__"), "'1.24.1'");
    assert.ok(objects().length >= before + 10, objects().join(" "));
    assert.equal(repr("np.linalg.inv(np.array([[2., 0], [0, 4]])).tolist()"), "[[0.5, 0.0], [0.0, 0.25]]");
    assert.equal(repr("np.fft.fft([1, 2, 3, 4]).tolist()"), "[(10+0j), (-2+2j), (-2+0j), (-2-2j)]");
    assert.equal(repr("np.random.default_rng(1).random(2).round(6).tolist()"), "[0.511822, 0.950464]");
    assert.equal(repr("int((np.arange(1000000, dtype=np.int64) ** 2).sum() % 1000003)"), String(squares(1000000)));
  }));

/** The sum of the first squares, as NumPy's 64-bit integers have it. */
function squares(count) {
  let sum = 0n;
  for (let n = 0n; n < BigInt(count); n++) sum += n * n;
  return sum % 1000003n;
}
