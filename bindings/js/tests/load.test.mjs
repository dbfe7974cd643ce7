// How libraries are loaded: what JavaScript compiles of them, and what is defined for them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { TRAP, library } from "./modules.mjs";

const index = pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist/index.js")).href;
const { Namespace, Trap } = await import(index);
const guests = path.join(process.env.WASMDYLD_GUESTS, "lib");
const WASI = "wasi_snapshot_preview1";
const MANY = 100;

/** (func (result i32) (i32.const N)), by names. */
const numbers = Object.fromEntries(Array.from({ length: MANY }, (_, n) => [`number${n}`, ["-> i32", 0, [0x41, n % 64]]]));

test("a library with many functions exports all of them, and its traps tell the places of its file", async () => {
  const bytes = library({ functions: { ...numbers, fails: TRAP } });
  /** What is told of it, by a module that JavaScript has compiled as it is or by one of the linker's. */
  const told = async (module) => {
    const ns = await Namespace.create({ wasi: false });
    if (module) ns.addLibrary("libmany.so", bytes, module);
    else ns.addLibrary("libmany.so", bytes);
    const many = await ns.load("libmany.so");
    for (const [n, name] of Object.keys(numbers).entries()) assert.equal(many[name](), n % 64, name);
    const pointer = many.$pointer("number7");
    assert.equal(ns.table.get(pointer), ns.table.get(many.$pointer("number7")));
    assert.equal(ns.table.get(pointer)(), 7);
    assert.equal(ns.dladdr(pointer, "function").symbol, "number7");
    assert.deepEqual([...many.$symbols().keys()].sort(), [...Object.keys(numbers), "fails"].sort());
    let frames;
    assert.throws(() => many.fails(), (error) => error instanceof Trap && (frames = error.frames).length > 0);
    ns.close();
    return frames;
  };
  const frames = await told(undefined);
  assert.equal(frames[0].function, "fails");
  assert.deepEqual(frames, await told(await WebAssembly.compile(bytes)));
});

test("a module is not made valid by what becomes of its exports", async () => {
  const bytes = library({ functions: numbers });
  const second = bytes.slice();
  // The name number10 becomes number11, which there is.
  const at = Buffer.from(second).indexOf("number10");
  second[at + 7] = "1".charCodeAt(0);
  const ns = await Namespace.create({ wasi: false });
  ns.addLibrary("libsecond.so", second);
  await assert.rejects(ns.load("libsecond.so"), /number11/);
  ns.close();
});

test("node's WASI is there for the first library that imports it, and not before", () => {
  const program = `
    const { Namespace } = await import(${JSON.stringify(index)});
    const has = () => process.moduleLoadList.some((name) => name.endsWith(" wasi"));
    const ns = await Namespace.create({ libraryPath: ${JSON.stringify(guests)} });
    ns.addLibrary("libplain.so", new Uint8Array(${JSON.stringify([...library({ functions: { one: ["-> i32", 0, [0x41, 1]] } })])}));
    const told = [(await ns.load("libplain.so")).one(), has()];
    await ns.load("libc.so");
    told.push(has());
    console.log(JSON.stringify(told));`;
  const out = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], { encoding: "utf8" });
  assert.deepEqual(JSON.parse(out), [1, false, true]);
});

test("what the host defines of WASI comes before WASI's own", async () => {
  const plain = library({ functions: { one: ["-> i32", 0, [0x41, 1]] } });
  const user = library({ imports: [[WASI, "sched_yield", "-> i32"]], functions: { yields: ["-> i32", 0, [0x10, 0]] } });
  const ns = await Namespace.create();
  ns.addLibrary("libplain.so", plain);
  ns.addLibrary("libuser.so", user);
  await ns.load("libplain.so");
  ns.define(WASI, "sched_yield", "() -> i32", () => 77);
  assert.equal((await ns.load("libuser.so")).yields(), 77);
  ns.close();
  for (const snapshots of [false, true]) {
    const other = await Namespace.create({ snapshots });
    other.define(WASI, "sched_yield", "() -> i32", () => 78);
    assert.equal((await other.loadBytes("libuser.so", user)).yields(), 78);
    other.close();
  }
});

test("a WASI that cannot be set up is the error of the load that wants it", async () => {
  const user = library({ imports: [[WASI, "sched_yield", "-> i32"]], functions: { yields: ["-> i32", 0, [0x10, 0]] } });
  const why = new Error("not today");
  const ns = await Namespace.create({ wasi: { get imports() { throw why; } } });
  ns.addLibrary("libuser.so", user);
  await assert.rejects(ns.load("libuser.so"), (error) => error.code === "IO" && error.cause === why);
  ns.close();
});
