// Options that nobody knows, and values that they do not have: an error with what there is, and never nothing said.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { library } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
const { MemoryFolder, Namespace, link } = await import(pathToFileURL(path.join(installed, "dist/index.js")).href);

const wrong = (why) => (error) => error instanceof TypeError && (why.test(error.message) || assert.fail(`${error.message}\nis not ${why}`));

test("a word that an option does not have is an error with those that it has", async () => {
  const words = {
    control: ["budgets", /`control` of Namespace\.create is "interrupt" or "budget", and not "budgets"/],
    runtimePath: ["ANY", /is "off", "origin" or "any", and not "ANY"/],
    bind: ["immediately", /"now" or "lazy"/],
    plt: [2, /"auto", "wasm" or "host", and not 2/],
    snapshots: ["yes", /true or false, and not "yes"/],
    noDlopen: [1, /true or false, and not 1/],
    guestsSeePaths: [null, /true or false, and not null/],
    stackSize: [-1, /an integer of at least 0, and not -1/],
    maxMemoryPages: [1.5, /an integer of at least 0/],
    maxNesting: ["128", /an integer of at least 0/],
    maxLibraryBytes: [NaN, /an integer of at least 0/],
    maxHostMemory: [Infinity, /an integer of at least 0/],
    libraryPath: [5, /text, a URL, or a list of them/],
    preload: ["libm.so", /a list/],
    fetch: [{}, /a function/],
    progress: ["all", /a function/],
    stdout: [process.stdout, /a function/],
    stdin: [process.stdin, /text, a Uint8Array, or a function/],
    wasi: [true, /an object, or false/],
    interruptFlag: [new Int8Array(1), /an Int32Array/],
  };
  const wasi = {
    env: [new Map([["HOME", "/"]]), /`env` of `wasi` is an object whose properties are the names, and no Map or list/],
    preopens: [[["/data", "."]], /an object whose properties are the names/],
    folders: [new Map(), /an object whose properties are the names/],
  };
  for (const [name, [value, why]] of Object.entries(wasi)) await assert.rejects(Namespace.create({ wasi: { [name]: value } }), wrong(why));
  await assert.rejects(Namespace.create({ wasi: { env: { LEVEL: 5 } } }), wrong(/an object of text/));
  for (const [name, [value, why]] of Object.entries(words)) await assert.rejects(Namespace.create({ [name]: value }), wrong(why));
  await assert.rejects(link(library({}), { runtimePath: "all" }), wrong(/`runtimePath` of link is "off", "origin" or "any"/));
  await assert.rejects(link(library({}), { strip: "yes" }), wrong(/true or false/));
});

test("an option that there is none of is an error with those that there are", async () => {
  await assert.rejects(Namespace.create({ libaryPath: "lib" }), wrong(/Namespace\.create has no option `libaryPath`; it has libraryPath, .* and guestsSeePaths/));
  await assert.rejects(Namespace.create({ toString: 1 }), wrong(/no option `toString`/));
  await assert.rejects(Namespace.create({ trace: { category: "libs" } }), wrong(/`trace` has no option `category`; it has categories and write/));
  await assert.rejects(Namespace.create({ wasi: { environment: {} } }), wrong(/`wasi` has no option `environment`; it has args, env,/));
  await assert.rejects(link(library({}), { linker: "x.wasm" }), wrong(/link has no option `linker`/));
  await assert.rejects(MemoryFolder.create({}, { shims: "x" }), wrong(/no option `shims`; it has shim/));
  await assert.rejects(Namespace.create(null), wrong(/an object, and not null/));
});

test("an option of a call is looked at as well, and nothing is done", async () => {
  const ns = await Namespace.create({ control: undefined });
  const bytes = library({});
  await assert.rejects(ns.loadBytes("libx.so", bytes, { globl: true }), wrong(/loadBytes has no option `globl`; it has global, bind, noDelete, deepBind and module/));
  await assert.rejects(ns.loadBytes("libx.so", bytes, { bind: "later" }), wrong(/"now" or "lazy"/));
  await assert.rejects(ns.loadBytes("libx.so", bytes, { module: {} }), wrong(/a WebAssembly\.Module/));
  await assert.rejects(ns.load("libx.so", { module: {} }), wrong(/load has no option `module`/));
  await assert.rejects(ns.load(5), wrong(/the name of a library is text or a URL, and not 5/));
  await assert.rejects(ns.run(undefined), wrong(/a program is text or a URL/));
  assert.throws(() => ns.loadNow("libx.so", { deep: true }), wrong(/loadNow has no option `deep`/));
  assert.throws(() => ns.define("env", "f", "() -> ()", () => {}, { asynchronous: true }), wrong(/define has no option `asynchronous`; it has override and async/));
  assert.throws(() => ns.define("env", "f", "() -> ()"), wrong(/what is defined is a function/));
  assert.throws(() => ns.defineGlobal("env", "g", "i32", 5, { writable: true }), wrong(/no option `writable`/));
  assert.throws(() => ns.defineGlobal("env", "g", "int", 5), wrong(/i32, i64, f32 or f64/));
  assert.throws(() => ns.defineMemory("env", "m", new WebAssembly.Memory({ initial: 1 }), { max: 5 }), wrong(/no option `max`/));
  assert.throws(() => ns.callback("() -> ()", undefined), wrong(/a callback is a function/));
  assert.throws(() => ns.callback("() -> ()", () => {}, { wait: true }), wrong(/no option `wait`; it has async/));
  assert.throws(() => ns.dladdr(1, "symbol"), wrong(/"function" or "data"/));
  await assert.rejects(ns.prefetch("libx.so"), wrong(/what is fetched ahead is a list of names, and not "libx\.so"/));
  await assert.rejects(ns.run(bytes, "argument"), wrong(/what a program is told is a list of text/));
  await assert.rejects(ns.run(bytes, [1]), wrong(/a list of text/));
  for (const size of [-1, 1.5, "16"]) assert.throws(() => ns.memory.alloc(size), wrong(/a size of memory is an integer of at least 0/));
  assert.deepEqual(ns.objects(), []);
  ns.close();
});

test("what WASI is told is looked at before anything is made, and a WASI of the host's own has what it likes", async () => {
  await assert.rejects(Namespace.create({ wasi: { maxFiles: "many" } }), wrong(/`maxFiles` of `wasi` is an integer of at least 0/));
  await assert.rejects(Namespace.create({ wasi: { deterministic: 0.5 } }), wrong(/an integer, and not 0.5/));
  await assert.rejects(Namespace.create({ wasi: { args: "argument" } }), wrong(/`args` of `wasi` is a list of text/));
  const watched = await Namespace.create({ control: "interrupt" });
  assert.throws(() => watched.setWatcher(5, "soon"), wrong(/is a function, and not "soon"/));
  watched.close();
  const ns = await Namespace.create({ wasi: { imports: {}, more: 1 } });
  await ns.loadBytes("libx.so", library({}));
  ns.close();
});
