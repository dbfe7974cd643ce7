// Calls of a guest's function for many rows at once.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { library } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
const { InvalidArgument, LinkError, Namespace, OutOfBudget, Trap } = await import(pathToFileURL(path.join(installed, "dist/index.js")).href);
const lib = path.join(process.env.WASMDYLD_GUESTS, "lib");

/** Sums, of each kind of number; `sink` gives nothing, `both` gives two, `least` traps for what is below 0, and `calls` calls JavaScript. */
const SUMS = library({
  imports: [["env", "host", "i32 -> i32"]],
  functions: {
    i: ["i32 i32 -> i32", 0, [0x20, 0, 0x20, 1, 0x6a]],
    l: ["i64 i64 -> i64", 0, [0x20, 0, 0x20, 1, 0x7c]],
    f: ["f32 f32 -> f32", 0, [0x20, 0, 0x20, 1, 0x92]],
    d: ["f64 f64 -> f64", 0, [0x20, 0, 0x20, 1, 0xa0]],
    both: ["i32 i64 -> i64 i32", 0, [0x20, 1, 0x20, 0]],
    sink: ["i32 ->", 0, []],
    least: ["i32 -> i32", 0, [0x20, 0, 0x41, 0, 0x48, 0x04, 0x40, 0x00, 0x0b, 0x20, 0]],
    calls: ["i32 -> i32", 0, [0x20, 0, 0x10, 0]],
  },
});

async function sums(options = {}, host = (n) => n + 1) {
  const ns = await Namespace.create({ libraryPath: lib, ...options });
  const libc = await ns.load("libc.so");
  ns.define("env", "host", "(i32) -> i32", host);
  return [ns, await ns.loadBytes("libsums.so", SUMS), libc];
}

test("a function is called for rows of each kind of number", async () => {
  const [ns, guest] = await sums();
  assert.deepEqual(guest.$rows("i", [Int32Array.of(1, 2, -3), Uint32Array.of(10, 20, 30)]), Int32Array.of(11, 22, 27));
  assert.deepEqual(guest.$rows("l", [BigInt64Array.of(1n, -2n), BigUint64Array.of(2n ** 40n, 5n)]), BigInt64Array.of(2n ** 40n + 1n, 3n));
  assert.deepEqual(guest.$rows("f", [Float32Array.of(1.5, 2), 0.25]), Float32Array.of(1.75, 2.25));
  assert.deepEqual(guest.$rows("d", [Float64Array.of(1.5, 2), 0.1]), Float64Array.of(1.6, 2.1));
  assert.deepEqual(guest.$rows("both", [Int32Array.of(1, 2), 7n]), [BigInt64Array.of(7n, 7n), Int32Array.of(1, 2)]);
  assert.equal(guest.$rows("sink", [Int32Array.of(1)]), undefined);
  assert.deepEqual(guest.$rows("i", [5, 6], { rows: 3 }), Int32Array.of(11, 11, 11));
  assert.deepEqual(guest.$rows("i", [new Int32Array(0), 6]), new Int32Array(0));
  assert.deepEqual(guest.$rows("i", [Int32Array.of(1, 2, 3), 1], { rows: 2 }), Int32Array.of(2, 3));
  // A part of a larger list.
  assert.deepEqual(guest.$rows("i", [Int32Array.of(9, 1, 2, 9).subarray(1, 3), 1]), Int32Array.of(2, 3));
  ns.close();
});

test("results go where they are wanted", async () => {
  const [ns, guest] = await sums();
  const out = new Uint32Array(4);
  assert.equal(guest.$rows("i", [Int32Array.of(1, 2, 3), -2], { out }), out);
  assert.deepEqual(out, Uint32Array.of(2 ** 32 - 1, 0, 1, 0));
  const two = [new BigUint64Array(1), new Int32Array(1)];
  assert.equal(guest.$rows("both", [Int32Array.of(4), 3n], { out: two }), two);
  assert.deepEqual(two, [BigUint64Array.of(3n), Int32Array.of(4)]);
  ns.close();
});

test("columns lie in the guest's memory", async () => {
  const [ns, guest, libc] = await sums();
  const { memory } = ns;
  // Structures of two numbers, and a place for the third.
  const at = memory.newBytes(new Uint8Array(Int32Array.of(1, 10, 0, 2, 20, 0, 3, 30, 0).buffer));
  const field = (n) => ({ address: at + 4 * n, stride: 12 });
  const all = memory.view(Int32Array, at, 9);
  assert.deepEqual(guest.$rows("i", [field(0), field(1)], { rows: 3, out: field(2) }), field(2));
  assert.deepEqual([...all.array], [1, 10, 11, 2, 20, 22, 3, 30, 33]);
  // A view, and a typed array of the memory itself: neither is copied, and results stand where arguments were.
  const numbers = memory.view(Int32Array, at, 3);
  assert.equal(guest.$rows("i", [numbers, 100], { out: numbers }), numbers);
  assert.deepEqual([...numbers.array], [101, 110, 111]);
  guest.$rows("i", [numbers.array, 1], { out: numbers.array });
  assert.deepEqual([...numbers.array], [102, 111, 112]);
  // Copies of what is larger than the heap make the memory grow, which leaves nothing of its typed arrays.
  const large = () => "b".repeat(memory.buffer.byteLength);
  const texts = memory.newBytes(new Uint8Array(Uint32Array.of(at, at, at).buffer));
  const signs = (list) => [...list].map(Math.sign);
  assert.deepEqual(signs(libc.$rows("strcmp", [large(), memory.view(Uint32Array, texts, 3).array])), [-1, -1, -1]);
  libc.$rows("strcmp", [at, large()], { rows: 3, out: memory.view(Int32Array, texts, 3).array });
  assert.deepEqual(signs(memory.view(Int32Array, texts, 3).array), [1, 1, 1]);
  const whole = new Uint8Array(memory.buffer);
  const [size, first] = [whole.length, whole.slice(at, at + 4)];
  const copy = memory.newBytes(whole);
  assert.deepEqual(memory.read(copy + at, 4), first);
  assert.ok(memory.buffer.byteLength > size);
  ns.close();
});

test("one value for all rows is what a call takes", async () => {
  const [ns, guest, libc] = await sums();
  const texts = ["one", "three", ""].map((text) => ns.memory.newString(text));
  assert.deepEqual(libc.$rows("strlen", [Uint32Array.from(texts)]), Int32Array.of(3, 5, 0));
  assert.deepEqual(libc.$rows("strcmp", [Uint32Array.from(texts), "one"]).map(Math.sign), Int32Array.of(0, 1, -1));
  const add = ns.callback("(i32) -> i32", (n) => n + 2);
  const slot = guest.$rows("i", [add, 0], { rows: 1 })[0];
  assert.equal(slot, add.slot);
  texts.forEach((text) => ns.memory.free(text));
  ns.close();
});

test("a row that traps ends the call, and those before are done", async () => {
  const [ns, guest] = await sums();
  const out = new Int32Array(4);
  const where = (error) => error instanceof Trap && error.rowsDone === 2;
  assert.throws(() => guest.$rows("least", [Int32Array.of(5, 6, -1, 7)], { out }), where);
  assert.deepEqual(out, Int32Array.of(5, 6, 0, 0));
  assert.deepEqual(guest.$rows("least", [Int32Array.of(5)]), Int32Array.of(5));
  ns.close();
  const thrown = new Error("no more");
  const [other, calls] = await sums({}, (n) => {
    if (n === 3) throw thrown;
    return n * 2;
  });
  assert.throws(() => calls.$rows("calls", [Int32Array.of(1, 2, 3, 4)]), (error) => error instanceof Trap && error.cause === thrown && error.rowsDone === 2);
  assert.deepEqual(calls.$rows("calls", [Int32Array.of(1, 2)]), Int32Array.of(2, 4));
  other.close();
});

test("rows are stopped as other calls are, and are inside each other", async () => {
  const [ns, guest] = await sums({ control: "budget" });
  ns.setBudget(1000);
  assert.throws(() => guest.$rows("i", [new Int32Array(5000), 1]), (error) => error instanceof OutOfBudget && error.rowsDone > 100 && error.rowsDone < 1001);
  ns.setBudget();
  ns.close();
  let inner;
  const [other, nested] = await sums({}, (n) => {
    if (n === 1) inner = nested.$rows("i", [Int32Array.of(1, 2), n]);
    return n;
  });
  assert.deepEqual(nested.$rows("calls", [Int32Array.of(0, 1, 2)]), Int32Array.of(0, 1, 2));
  assert.deepEqual(inner, Int32Array.of(2, 3));
  other.close();
});

test("columns that do not fit are refused, and nothing is called", async () => {
  let calls = 0;
  const [ns, guest] = await sums({}, (n) => (calls++, n));
  const [other] = await sums();
  const refused = (columns, options, kind, why, name = "i") => {
    assert.throws(() => guest.$rows(name, columns, options), (error) => error instanceof kind && why.test(error.message), String(why));
  };
  const three = new Int32Array(3);
  refused([three], undefined, TypeError, /a list of 2 columns/);
  refused(three, undefined, TypeError, /a list of 2 columns/);
  refused([three, new Int32Array(2)], undefined, RangeError, /these have 3, 2/);
  refused([1, 2], undefined, RangeError, /`rows`: these have none/);
  refused([three, 1], { rows: 4 }, RangeError, /for 4 rows/);
  refused([three, 1], { row: 3 }, TypeError, /no option `row`; it has rows and out/);
  refused([three, 1], { rows: -1 }, TypeError, /an integer of at least 0/);
  refused([three, new Float32Array(3)], undefined, TypeError, /column 2 of i: values of i32 are in Int32Array or Uint32Array, and not in Float32Array/);
  refused([three, new Uint8Array(3)], undefined, TypeError, /not in Uint8Array/);
  refused([three, {}], undefined, TypeError, /a number is expected, not object/);
  refused([three, other.memory.view(Int32Array, 1024, 3)], undefined, TypeError, /another namespace/);
  refused([three, 1], { out: new Int32Array(2) }, RangeError, /2 values do not hold 3 rows/);
  refused([three, 1], { out: [three, three] }, TypeError, /1 results/);
  refused([three, 1], { out: {} }, TypeError, /goes into/);
  refused([three, { address: 0 }], undefined, InvalidArgument, /argument 1: its address is null/);
  refused([three, { address: 16, stride: 2 ** 31 }], undefined, InvalidArgument, /not within the memory/);
  refused([{ address: -4 }], { rows: 2 }, InvalidArgument, /not within the memory/, "calls");
  refused([three], { out: { address: 2 ** 31 } }, InvalidArgument, /result 0/, "calls");
  refused([{ address: 16, strid: 8 }], { rows: 1 }, TypeError, /column 1 of calls has no option `strid`; it has address and stride/, "calls");
  refused([{ address: 2 ** 32 + 1024 }], { rows: 1 }, TypeError, /an integer of 32 bits/, "calls");
  refused([{ address: "16" }], { rows: 1 }, TypeError, /an integer/, "calls");
  refused([1], { rows: 2 ** 40 }, RangeError, /more than memory/, "calls");
  assert.throws(() => guest.$rows("none", []), LinkError);
  assert.equal(calls, 0);
  assert.deepEqual(guest.$rows("i", [three, 1]), Int32Array.of(1, 1, 1));
  ns.close();
  assert.throws(() => guest.$rows("i", [three, 1]), InvalidArgument);
  other.close();
});
