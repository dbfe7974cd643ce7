// What hosts and guests do that is not meant, and what may come of it.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import v8 from "node:v8";
import vm from "node:vm";
import { KEEP, MEMORY, PASS, STACK, WHERE, library } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
const W = await import(pathToFileURL(path.join(installed, "dist/index.js")).href);
const { InvalidArgument, LinkError, MemoryFolder, Namespace, TimedOut, Trap, canWait } = W;
const lib = path.join(process.env.WASMDYLD_GUESTS, "lib");
const only = { skip: !canWait && "JavaScript has no Promise Integration here" };

/** Calls function 0, catches all that can be caught, and then never ends. */
const CATCHES = ["i32 -> i32", 0, [0x06, 0x40, 0x20, 0, 0x10, 0, 0x1a, 0x19, 0x0b, 0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 42]];
const SLOW = library({
  imports: [["env", "slow", "i32 -> i32"]], others: [MEMORY, STACK], functions: { keep: KEEP, catches: CATCHES }, needed: ["libc.so"],
});

async function slow(body, options = {}, async = true) {
  const ns = await Namespace.create({ libraryPath: lib, ...options });
  ns.define("env", "slow", "(i32) -> i32", body, { async });
  return [ns, await ns.loadBytes("libslow.so", SLOW)];
}

test("a callback that is closed after a restore gives its pointer to no other", async () => {
  const ns = await Namespace.create({ libraryPath: lib, snapshots: true });
  const libc = await ns.load("libc.so");
  const snapshot = ns.snapshot();
  const gone = ns.callback("(i32 i32) -> i32", () => 0);
  await ns.restore(snapshot);
  gone.close();
  await ns.load("libz.so");
  const numbers = ns.memory.newBytes(new Uint8Array(Int32Array.of(3, 1, 2).buffer));
  const order = ns.callback("(i32 i32) -> i32", (a, b) => ns.memory.readU32(a) - ns.memory.readU32(b));
  libc.qsort(numbers, 3, 4, order);
  assert.deepEqual([...ns.memory.view(Int32Array, numbers, 3).array], [1, 2, 3]);
  ns.close();
});

test("a stack of before a restore is not used after it", only, async () => {
  const [ns, guest] = await slow(async (n) => n, { snapshots: true });
  // The heap has room for what is asked for below, at the same place.
  ns.memory.free(ns.memory.alloc(8 << 20));
  const snapshot = ns.snapshot();
  await guest.$async("keep")(3);
  await ns.restore(snapshot);
  const size = 1 << 20;
  const address = ns.memory.newBytes(new Uint8Array(size).fill(7));
  assert.equal(await guest.$async("keep")(3), 6);
  assert.ok(ns.memory.read(address, size).every((byte) => byte === 7));
  ns.close();
});

test("a pointer of another namespace's, or of a callback that is gone, is no argument", async () => {
  const [ns, other] = await Promise.all([1, 2].map(() => Namespace.create({ libraryPath: lib, snapshots: true })));
  const [libc, others] = await Promise.all([ns, other].map((one) => one.load("libc.so")));
  const refused = (argument, why) =>
    assert.throws(() => libc.qsort(0, 0, 4, argument), (error) => error instanceof InvalidArgument && why.test(error.message), String(why));
  const theirs = other.callback("(i32 i32) -> i32", () => 0);
  refused(theirs, /another namespace's/);
  const { strcmp } = others;
  other.close();
  refused(theirs, /another namespace's/);
  refused(strcmp, /argument 4 of qsort.*: a function of another namespace/);
  refused((a, b) => a - b, /a function of JavaScript's has no pointer: `callback` makes/);
  const snapshot = ns.snapshot();
  const late = ns.callback("(i32 i32) -> i32", () => 0);
  libc.qsort(0, 0, 4, late);
  await ns.restore(snapshot);
  refused(late, /before it was made/);
  const closed = ns.callback("(i32 i32) -> i32", () => 0);
  closed.close();
  // It has the same pointer, and is another.
  const next = ns.callback("(i32 i32) -> i32", () => 0);
  assert.equal(next.slot, closed.slot);
  refused(closed, /has been closed/);
  ns.close();
});

test("a function of the same namespace is told as its pointer, and one of another as a callback", async () => {
  const [ns, other] = await Promise.all([1, 2].map(() => Namespace.create({ libraryPath: lib })));
  const [libc, others] = await Promise.all([ns, other].map((one) => one.load("libc.so")));
  const numbers = ns.memory.newBytes(new Uint8Array(Int32Array.of(3, 1, 2).buffer));
  const host = await ns.loadBytes("libpass.so", library({ functions: { less: ["i32 i32 -> i32", 0, [0x20, 0, 0x28, 2, 0, 0x20, 1, 0x28, 2, 0, 0x6b]] }, others: [MEMORY] }));
  libc.qsort(numbers, 3, 4, host.less);
  const view = ns.memory.view(Int32Array, numbers, 3);
  assert.deepEqual([...view.array], [1, 2, 3]);
  assert.equal(libc.bsearch(numbers + 4, numbers, 3, 4, host.$function("less")), numbers + 4);
  const compare = ns.callback("(i32 i32) -> i32", (a, b) => -others.$call("abs", ns.memory.readU32(a) - ns.memory.readU32(b)) || 0);
  libc.qsort(numbers, 3, 4, compare);
  host.$close();
  assert.throws(() => libc.qsort(numbers, 3, 4, host.less), InvalidArgument);
  ns.close();
  other.close();
});

test("a guest that is stopped gives back later what its call has taken", async () => {
  const ns = await Namespace.create({ libraryPath: lib, control: "budget" });
  const libc = await ns.load("libc.so");
  const text = "a".repeat(1 << 20);
  libc.strlen(text);
  const before = ns.memory.buffer.byteLength;
  for (let n = 0; n < 40; n++) {
    ns.setBudget(20_000);
    assert.throws(() => libc.strcasecmp(text, text), (error) => error instanceof W.OutOfBudget && /strcasecmp/.test(error.message));
    ns.setBudget();
  }
  libc.strlen(text);
  assert.ok(ns.memory.buffer.byteLength - before < 4 << 20, `${ns.memory.buffer.byteLength - before} bytes`);
  ns.close();
});

test("bytes may be changed after a load, and a snapshot's are the caller's", async () => {
  const ns = await Namespace.create({ snapshots: true });
  ns.define("env", "host", "(i32) -> i32", (n) => n + 1);
  const bytes = library({ imports: [["env", "host", "i32 -> i32"]], functions: { pass: PASS } });
  const loaded = await ns.loadBytes("libpass.so", bytes);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  assert.equal(loaded.pass(1), 2);
  const snapshot = ns.snapshot();
  const taken = snapshot.bytes();
  structuredClone(taken, { transfer: [taken.buffer] });
  assert.ok(snapshot.bytes().length > 0);
  ns.close();
});

test("a namespace that is closed while something is fetched says so", async () => {
  for (const load of [(ns) => ns.load("libsqlite3.so"), (ns) => ns.loadBytes("libx.so", library({ needed: ["libc.so"] })), (ns) => ns.prefetch(["libz.so"]).then(() => ns.load("libz.so"))]) {
    const ns = await Namespace.create({ libraryPath: lib });
    const loading = load(ns);
    ns.close();
    await assert.rejects(loading, (error) => error instanceof InvalidArgument && /has been closed/.test(error.message));
  }
});

test("what is no name is refused, and the namespace goes on", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const libc = await ns.load("libc.so");
  // Numbers are places in the linker's memory.
  for (const name of [2 ** 31, 5, 5n, Symbol("name"), undefined, null, {}, ["abs"]]) {
    for (const run of [
      () => libc.$function(name), () => libc.$has(name), () => libc.$rows(name, [1], { rows: 1 }), () => libc.$pointer(name), () => libc.$next(name), () => libc.$address(name), () => libc.$async(name),
      () => ns.define(name, "f", "() -> ()", () => {}), () => ns.define("env", name, "() -> ()", () => {}), () => ns.define("env", "f", name, () => {}),
      () => ns.callback(name, () => {}), () => ns.defineGlobal("env", name, "i32", 1), () => ns.addLibrary(name, library({})), () => ns.loadedLibrary(name), () => ns.dladdr(name, "names"),
    ]) assert.throws(run, TypeError, `${run}: ${String(name)}`);
    await assert.rejects(ns.loadBytes(name, library({})), TypeError);
  }
  for (const value of [5n, "5", NaN, 0.5]) assert.throws(() => ns.dladdr(value, "data"), TypeError);
  assert.throws(() => ns.addLibrary("libx.so", library({}), {}), TypeError);
  assert.equal(libc.abs(-3), 3);
  ns.close();
});

test("what is no Uint8Array is no library, and the namespace goes on", async () => {
  const ns = await Namespace.create();
  assert.throws(() => ns.addLibrary("libx.so", library({}).buffer), TypeError);
  await assert.rejects(ns.loadBytes("libx.so", library({}).buffer), TypeError);
  await ns.loadBytes("libx.so", library({}));
  ns.close();
});

test("a library's memory is given back with it", async () => {
  const ns = await Namespace.create();
  const bytes = new Uint8Array([...library({}), 0, 0xff, 0xff, 0x3f, 4, 0x66, 0x69, 0x6c, 0x6c, ...new Uint8Array((1 << 20) - 6)]);
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 60; n++) {
    (await ns.loadBytes("libfill.so", bytes.slice())).$close();
    await new Promise((done) => setTimeout(done, 0));
  }
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc");
  let more = 0;
  // What the engine still compiles in the background it keeps until then.
  for (let n = 0; n < 40; n++) {
    collect();
    more = process.memoryUsage().arrayBuffers - before;
    if (more < 30 << 20) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.ok(more < 30 << 20, `${more} bytes`);
  ns.close();
});

test("an answer that is of no use ends the guest, which cannot catch that", only, async () => {
  for (const answer of [Symbol("none"), 5n, { valueOf() { throw new Error("no value"); } }]) {
    const [ns, guest] = await slow(() => answer, { control: "interrupt" }, false);
    ns.setTimeout(5000);
    assert.throws(() => guest.catches(1), Trap);
    ns.close();
    const [later, waiting] = await slow(async () => answer, { control: "interrupt" });
    later.setTimeout(5000);
    await assert.rejects(waiting.$async("catches")(1), (error) => error instanceof Trap && !(error instanceof TimedOut));
    later.close();
  }
});

test("calls that wait are inside each other as deep as others", only, async () => {
  let guest;
  let ns;
  let deepest = 0;
  [ns, guest] = await slow((n) => ((deepest = n), guest.$async("keep")(n + 1)), { maxNesting: 20 });
  await assert.rejects(guest.$async("keep")(1), (error) => error instanceof LinkError && /20 levels deep/.test(error.message));
  assert.equal(deepest, 20);
  guest.$close();
  ns.close();
  [ns, guest] = await slow((n) => guest.$async("keep")(n + 1));
  await assert.rejects(guest.$async("keep")(1), Trap);
  ns.close();
});

test("functions have as many parameters as their type says", async () => {
  const ns = await Namespace.create();
  for (const count of [64, 256, 257, 900]) {
    const many = await ns.loadBytes(`lib${count}.so`, library({ functions: { f: ["i32 ".repeat(count) + "-> i32", 0, [0x20, 0]] } }));
    assert.equal(many.f(...Array(count).fill(count)), count);
  }
  ns.close();
});

test("a function that gives input makes the memory grow", async () => {
  let ns;
  const stdin = (size) => (ns.memory.alloc(40 << 20), new TextEncoder().encode("text").subarray(0, size));
  ns = await Namespace.create({ libraryPath: lib, stdin });
  const libc = await ns.load("libc.so");
  const address = ns.memory.newBytes(new Uint8Array(16));
  assert.equal(libc.read(0, address, 15), 4);
  assert.equal(ns.memory.string(address), "text");
  ns.close();
});

test("what is no file and no folder is neither", async () => {
  const circle = {};
  circle.itself = circle;
  for (const contents of [{ a: 5 }, { a: null }, { a: [1] }, { a: new ArrayBuffer(4) }, { a: new Map() }]) {
    await assert.rejects(MemoryFolder.create(contents), InvalidArgument);
    const ns = await Namespace.create({ libraryPath: lib, wasi: { folders: { "/": contents } } });
    await assert.rejects(ns.load("libc.so"), InvalidArgument);
    ns.close();
  }
  await assert.rejects(MemoryFolder.create(circle), InvalidArgument);
  assert.deepEqual((await MemoryFolder.create({ a: { __proto__: null, b: "text" } })).list(), ["a/b"]);
});

/** Calls itself until JavaScript's stack is full, and then `run` where `bytes` of it are left, more or less. */
function nearTheEnd(bytes, run) {
  let [done, frame] = [true, 0];
  const down = () => {
    let above = 0;
    try {
      above = down() + 1;
    } catch (error) {
      assert.match(error.message, /call stack/);
    }
    if (!done && above * frame >= bytes) {
      done = true;
      run();
    }
    return above;
  };
  // Of a thread of node's that was told nothing else.
  frame = (984 << 10) / down();
  done = false;
  down();
  assert.ok(done);
}

test("a call where JavaScript's stack is nearly full is refused, and the namespace goes on", async () => {
  const ns = await Namespace.create({ libraryPath: lib, control: "interrupt" });
  const libc = await ns.load("libc.so");
  const numbers = ns.memory.newBytes(new Uint8Array(16));
  const order = ns.callback("(i32 i32) -> i32", () => 0);
  await ns.prefetch(["libz.so"]);
  const all = {
    call: () => libc.abs(-3),
    text: () => libc.strlen("text"),
    back: () => libc.qsort(numbers, 4, 4, order),
    rows: () => libc.$rows("abs", [Int32Array.of(1)]),
    heap: () => ns.memory.free(ns.memory.alloc(64)),
    find: () => libc.$has("none"),
    load: () => ns.loadNow("libz.so").$close(),
    bytes: () => ns.addLibrary("libx.so", library({})),
    define: () => ns.define("env", "f", "() -> ()", () => {}),
  };
  const words = new Set();
  for (const [name, run] of Object.entries(all)) {
    for (let bytes = 0; bytes < 200 << 10; bytes += bytes < 16 << 10 ? 512 : 8 << 10) {
      nearTheEnd(bytes, () => {
        try {
          run();
          words.add("done");
        } catch (error) {
          // Before the linker is asked, it is JavaScript's own error.
          assert.ok(error instanceof RangeError || (error instanceof W.LimitReached && /stack is nearly full/.test(error.message)), `${name}: ${error.stack}`);
          words.add(error.constructor.name);
        }
      });
      assert.equal(libc.abs(-3), 3, name);
    }
  }
  assert.deepEqual([...words].sort(), ["LimitReached", "RangeError", "done"]);
  assert.equal(libc.strlen("text"), 4);
  assert.ok(ns.objects().includes("libc.so"));
  ns.close();
});

test("a load where JavaScript's stack is nearly full is done later", async () => {
  const words = new Set();
  for (let bytes = 40 << 10; bytes < 180 << 10; bytes += 2 << 10) {
    const ns = await Namespace.create({ libraryPath: lib });
    await ns.loadBytes("libx.so", library({}));
    await ns.prefetch(["libc.so"]);
    nearTheEnd(bytes, () => {
      try {
        ns.loadNow("libc.so");
        words.add("done");
      } catch (error) {
        words.add(error.constructor.name);
      }
    });
    const libc = ns.loadNow("libc.so");
    assert.equal(libc.getenv("none"), 0, `${bytes} bytes`);
    ns.close();
  }
  assert.ok(words.has("done") && words.has("LimitReached"), [...words].join());
});

test("a call by $async where JavaScript's stack is nearly full leaves the guest's own stack where it was", only, async () => {
  const ns = await Namespace.create({ libraryPath: lib, snapshots: true });
  ns.define("env", "slow", "(i32) -> i32", async (n) => n, { async: true });
  const guest = await ns.loadBytes("libslow.so", library({
    imports: [["env", "slow", "i32 -> i32"]], others: [MEMORY, STACK], functions: { keep: KEEP, where: WHERE }, needed: ["libc.so"],
  }));
  assert.equal(await guest.$async("keep")(1), 2);
  const stack = guest.where();
  const words = new Set();
  for (let bytes = 60 << 10; bytes < 280 << 10; bytes += 512) {
    let coming;
    nearTheEnd(bytes, () => {
      try {
        coming = guest.$async("keep")(2);
      } catch (error) {
        words.add(error.constructor.name);
      }
    });
    words.add(await coming?.catch((error) => error.constructor.name));
    assert.equal(guest.where(), stack, `${bytes} bytes`);
  }
  assert.ok(words.has(4) && words.has("LimitReached"), [...words].join());
  ns.snapshot();
  guest.$close();
  ns.close();
});

test("a guest that fills JavaScript's stack traps, wherever that is, and the namespace goes on", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const libc = await ns.load("libc.so");
  ns.define("env", "host", "(i32) -> i32", (n) => deep.down(n));
  const deep = await ns.loadBytes("libdeep.so", library({
    imports: [["env", "host", "i32 -> i32"], ["env", "dlopen", "i32 i32 -> i32"]],
    functions: {
      down: ["i32 -> i32", 0, [0x20, 0, 0x10, 2]],
      // Opens a library at every level, and calls itself.
      opens: ["i32 -> i32", 0, [0x20, 0, 0x41, 2, 0x10, 1, 0x1a, 0x20, 0, 0x10, 3, 0x41, 1, 0x6a]],
      hosts: ["i32 -> i32", 0, [0x20, 0, 0x10, 0, 0x41, 1, 0x6a]],
    },
    needed: ["libc.so", "libdl.so"],
  }));
  const name = ns.memory.newString("libz.so");
  await ns.load("libz.so");
  const overflow = (error) => error instanceof Trap && /stack overflow/.test(error.message);
  assert.throws(() => deep.down(1), overflow);
  assert.throws(() => deep.opens(name), overflow);
  // Guest and JavaScript call each other no deeper than a limit.
  assert.throws(() => deep.hosts(1), LinkError);
  for (let bytes = 64 << 10; bytes < 256 << 10; bytes += 16 << 10) {
    nearTheEnd(bytes, () => assert.throws(() => deep.opens(name), (error) => overflow(error) || error instanceof W.LimitReached));
  }
  assert.equal(libc.abs(-3), 3);
  deep.$close();
  ns.close();
});

test("a library may be awaited, shown and made JSON, whatever it is in", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const libc = await (await ns.load("libc.so"));
  assert.equal(JSON.stringify({ libc }), '{"libc":{"$name":"libc.so"}}');
  assert.equal(String(libc), "[object Object]");
  assert.match(inspect(libc), /\$name/);
  const odd = await ns.loadBytes("libodd.so", library({ functions: { then: ["-> i32", 0, [0x41, 3]], toJSON: ["-> i32", 0, [0x41, 4]] } }));
  assert.deepEqual([odd.then, odd.toJSON, odd.$call("then"), odd.$function("toJSON")()], [undefined, undefined, 3, 4]);
  ns.close();
});

test("a guest that reaches for the table of its exports ends in a trap, and its namespace goes on", async () => {
  const count = 40;
  const functions = Object.fromEntries(Array.from({ length: count }, (_, n) => [`number_${n}`, ["-> i32", 0, [0x41, n]]]));
  functions.wide = ["-> i64", 0, [0x42, 7]];
  // (table.set 0 (i32.const 1) (ref.func $wide)): the module has no table, and is not valid.
  functions.spoil = ["->", 0, [0x41, 1, 0xd2, count, 0x26, 0]];
  const fetched = library({ functions });
  const fetch = async () => new Response(fetched);
  const ns = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch });
  const spoilt = await ns.load("libspoilt.so").catch((error) => error);
  if (!(spoilt instanceof Error)) {
    spoilt.spoil();
    assert.throws(() => spoilt.number_1(), Trap);
    assert.equal(spoilt.number_2(), 2);
  }
  assert.equal((await ns.loadBytes("libx.so", library({ functions: { x: ["-> i32", 0, [0x41, 1]] } }))).x(), 1);
  ns.close();
});

test("what fails where the linker has failed before is the load's own error, and nothing else is rejected", async () => {
  const rejected = [];
  const note = (error) => rejected.push(error);
  process.on("unhandledRejection", note);
  const ns = await Namespace.create({ libraryPath: lib });
  ns.linker.engine.failure = new Error("for this test");
  await assert.rejects(ns.load("libz.so"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.off("unhandledRejection", note);
  assert.deepEqual(rejected, []);
});
