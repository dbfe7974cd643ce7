// Guests that are stopped: interrupts, time-outs, budgets, watchers.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { COUNT, PASS, SPIN, library, wasiCalls } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
const own = path.join(installed, "dist/index.js");
const { InvalidArgument, Interrupted, Namespace, NotFound, OutOfBudget, TimedOut, Unsupported } = await import(pathToFileURL(own).href);
const lib = path.join(process.env.WASMDYLD_GUESTS, "lib");
const SPINS = library({ imports: [["env", "host", "i32 -> i32"]], functions: { spin: SPIN, count: COUNT, pass: PASS } });

async function spinning(options, host = (n) => n) {
  const ns = await Namespace.create(options);
  ns.define("env", "host", "(i32) -> i32", (n) => host(n, ns));
  return [ns, await ns.loadBytes("libspin.so", SPINS)];
}

test("a time-out ends what takes longer, and the namespace goes on", async () => {
  const [ns, lib] = await spinning({ control: "interrupt" });
  ns.setTimeout(50);
  const began = performance.now();
  assert.throws(() => lib.spin(), (error) => error instanceof TimedOut && error.code === "TIMED_OUT");
  assert.ok(performance.now() - began >= 49);
  ns.setTimeout();
  assert.equal(lib.pass(7), 7);
  lib.count(1000);
  assert.throws(() => ns.setTimeout(-1), RangeError);
  assert.throws(() => ns.setBudget(5), Unsupported);
  ns.close();
});

test("a budget counts, and tells what is left", async () => {
  const used = async () => {
    const [ns, lib] = await spinning({ control: "budget" });
    assert.equal(ns.budgetLeft(), undefined);
    ns.setBudget(10_000);
    lib.count(1000);
    const left = ns.budgetLeft();
    assert.throws(() => lib.count(20_000), (error) => error instanceof OutOfBudget && error.code === "OUT_OF_BUDGET");
    assert.equal(ns.budgetLeft(), 0n);
    ns.setBudget(2n ** 40n);
    lib.count(20_000);
    ns.setBudget();
    assert.equal(ns.budgetLeft(), undefined);
    assert.throws(() => ns.setBudget(-1), RangeError);
    ns.close();
    return left;
  };
  const left = await used();
  assert.ok(left >= 8_900n && left <= 9_001n, `${left}`);
  assert.equal(await used(), left);
});

test("calls of WASI cost of the budget what they cost natively", async () => {
  const folders = { "/": { "a.txt": "text", folder: {}, "b.txt": "text" } };
  const ns = await Namespace.create({ libraryPath: lib, control: "budget", stdout: () => {}, wasi: { folders, args: ["argument"], env: { A: "B" } } });
  await ns.load("libc.so");
  const guest = await ns.loadBytes("libcalls.so", wasiCalls({ sched_yield: 0, random_get: 2, fd_write: 4, fd_readdir: 5, args_get: 2, environ_get: 2, poll_oneoff: 4 }));
  const room = ns.memory.alloc(1 << 16);
  const cost = (name, ...args) => {
    ns.setBudget(10n ** 6n);
    const answer = guest[`call_${name}`](...args);
    return [Number(10n ** 6n - ns.budgetLeft()), answer];
  };
  // That of the check where the guest's function is entered is one.
  assert.deepEqual(cost("sched_yield"), [101, 0]);
  assert.deepEqual(cost("random_get", room, 640), [111, 0]);
  assert.deepEqual(cost("random_get", room, 1 << 15), [101 + 512, 0]);
  ns.memory.write(room, new Uint8Array(Uint32Array.of(room + 64, 6400).buffer));
  assert.deepEqual(cost("fd_write", 1, room, 1, room + 32), [201, 0]);
  assert.equal(cost("fd_write", 99, room, 1, room + 32)[0], 101);
  // Three entries, of 1024 bytes each for what the host looks at, and what is written.
  const [units, answer] = cost("fd_readdir", 3, room, 4096, 0, room + 8192);
  assert.equal(answer, 0);
  const written = ns.memory.readU32(room + 8192);
  assert.equal(units, 101 + Math.floor((written + 3 * 1024) / 64));
  // It costs no less where the guest has the number written into the first of them.
  const [over] = cost("fd_readdir", 3, room, 4096, 0, room + 16);
  assert.ok(over >= units, `${over}`);
  assert.deepEqual(cost("args_get", room, room + 64), [101 + Math.floor((4 * 2 + "wasmdyld\0argument\0".length) / 64), 0]);
  assert.equal(cost("poll_oneoff", room, room, 5000, room)[0], 101);
  // What the budget does not hold is not done.
  let out = 0;
  ns.setBudget(50);
  assert.throws(() => guest.call_sched_yield(), (error) => error instanceof OutOfBudget && error.frames.some((frame) => frame.function?.includes("call_sched_yield")));
  ns.setBudget(150);
  assert.throws(() => guest.call_random_get(room, 6400), OutOfBudget);
  ns.setBudget();
  assert.equal(guest.call_sched_yield(), 0);
  ns.close();
  const other = await Namespace.create({ libraryPath: lib, control: "budget", stdout: () => (out += 1) });
  const libc = await other.load("libc.so");
  other.setBudget(400);
  assert.throws(() => {
    for (;;) libc.write(1, other.memory.alloc(0), 0);
  }, OutOfBudget);
  assert.ok(out < 5);
  other.close();
});

test("a call of WASI does no more than what it costs", async () => {
  const { MemoryFolder } = await import(pathToFileURL(own).href);
  const folder = await MemoryFolder.create({ "a.txt": "" });
  const ns = await Namespace.create({ libraryPath: lib, control: "budget", wasi: { folders: { "/": folder } } });
  const libc = await ns.load("libc.so");
  const guest = await ns.loadBytes("libcalls.so", wasiCalls({ fd_write: 4, poll_oneoff: 4 }));
  const fd = libc.open("a.txt", 0x10000000, 0);
  assert.ok(fd > 2);
  const [count, size] = [4096, 1 << 12];
  const [vectors, bytes, told] = [8 * count, size, 4].map((room) => ns.memory.alloc(room));
  for (const [each, written] of [[0, 0], [size, 256]]) {
    const view = ns.memory.view(Uint32Array, vectors, 2 * count).array;
    for (let n = 0; n < count; n++) view.set([bytes, each], 2 * n);
    assert.equal(guest.call_fd_write(fd, vectors, count, told), 0);
    assert.equal(ns.memory.readU32(told), written * size);
    assert.equal(folder.read("a.txt").length, written * size);
  }
  // One that is larger by itself is a guest's own memory, and is written.
  ns.memory.write(vectors, new Uint8Array(Uint32Array.of(0, 3 << 20, 0, 1).buffer));
  ns.memory.alloc(4 << 20);
  assert.equal(guest.call_fd_write(fd, vectors, 2, told), 0);
  assert.equal(ns.memory.readU32(told), 3 << 20);
  assert.throws(() => guest.call_fd_write(fd, -8, 2, told), (error) => error.code === "TRAP");
  const INVAL = 28;
  assert.equal(guest.call_poll_oneoff(vectors, vectors, 4097, told), INVAL);
  ns.close();
});

test("a function that the guest has called interrupts it", async () => {
  const [ns, lib] = await spinning({ control: "interrupt" }, (n, namespace) => (namespace.interrupt(), n));
  assert.throws(() => lib.pass(1), (error) => error instanceof Interrupted && error.code === "INTERRUPTED");
  ns.interrupt();
  lib.count(10);
  ns.close();
});

test("another worker interrupts by a flag", async () => {
  const interruptFlag = new Int32Array(new SharedArrayBuffer(4));
  const [ns, lib] = await spinning({ control: "interrupt", interruptFlag });
  const source = `
    const { workerData } = require("node:worker_threads");
    import(workerData.own).then(({ interrupt }) => setTimeout(() => interrupt(workerData.interruptFlag), 100));
  `;
  const worker = new Worker(source, { eval: true, workerData: { own: pathToFileURL(own).href, interruptFlag } });
  assert.throws(() => lib.spin(), Interrupted);
  await worker.terminate();
  // What comes when nothing runs is nobody's.
  Atomics.store(interruptFlag, 0, 1);
  lib.count(10);
  ns.close();
  await assert.rejects(Namespace.create({ interruptFlag }), InvalidArgument);
  await assert.rejects(Namespace.create({ control: "interrupt", interruptFlag: new Int32Array(0) }), TypeError);
});

test("a watcher is asked again and again", async () => {
  const [ns, lib] = await spinning({ control: "interrupt" });
  let asked = 0;
  ns.setWatcher(5, () => ++asked === 3);
  assert.throws(() => lib.spin(), Interrupted);
  assert.equal(asked, 3);
  ns.setWatcher(5);
  lib.count(1_000_000);
  assert.equal(asked, 3);
  ns.close();
});

test("without control nothing stops a guest, and control wants the second module", async () => {
  const [ns] = await spinning({});
  for (const asked of [() => ns.interrupt(), () => ns.setTimeout(5), () => ns.budgetLeft(), () => ns.setWatcher(5, () => true)]) {
    assert.throws(asked, Unsupported);
  }
  ns.close();
  await assert.rejects(Namespace.create({ control: "budget", linkerAside: path.join(installed, "dist/none.wasm") }), NotFound);
  const bytes = fs.readFileSync(path.join(installed, "dist/wasmdyld-aside.wasm"));
  const [given, lib] = await spinning({ control: "budget", linkerAside: bytes });
  given.setBudget(100);
  assert.throws(() => lib.spin(), OutOfBudget);
  given.close();
});
