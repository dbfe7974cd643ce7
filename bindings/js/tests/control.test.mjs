// Guests that are stopped: interrupts, time-outs, budgets, watchers.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { COUNT, PASS, SPIN, library } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
const own = path.join(installed, "dist/index.js");
const { InvalidArgument, Interrupted, Namespace, NotFound, OutOfBudget, TimedOut, Unsupported } = await import(pathToFileURL(own).href);
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
