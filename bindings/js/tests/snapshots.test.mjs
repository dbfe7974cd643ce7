// Snapshots, and one module of a program: by the linker's full module.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const installed = process.env.WASMDYLD_TEST_JS;
const { InvalidArgument, LinkError, Malformed, Namespace, NotFound, Snapshot, Unsupported, link } = await import(pathToFileURL(path.join(installed, "dist/index.js")).href);
const guests = process.env.WASMDYLD_GUESTS;
const lib = path.join(guests, "lib");
const options = { libraryPath: lib, snapshots: true };

/** A number in the guest's memory, at an address of its heap. */
const at = (ns, address) => ns.memory.readU32(address);

test("a namespace is put back, and another one is put into its state", async () => {
  const ns = await Namespace.create(options);
  const libc = await ns.load("libc.so");
  const address = ns.memory.alloc(4);
  ns.memory.writeU32(address, 1);
  libc.srand(7);
  const snapshot = ns.snapshot();
  assert.ok(snapshot instanceof Snapshot);
  const numbers = [libc.rand(), libc.rand()];
  ns.memory.writeU32(address, 2);
  await ns.load("libz.so");
  await ns.restore(snapshot);
  assert.equal(at(ns, address), 1);
  assert.deepEqual([libc.rand(), libc.rand()], numbers);
  assert.deepEqual(ns.objects(), ["libc.so"]);
  // After a trap as well.
  assert.throws(() => libc.abort(), LinkError);
  await ns.restore(snapshot);
  assert.equal(libc.rand(), numbers[0]);

  const bytes = snapshot.bytes();
  for (const from of [snapshot, bytes]) {
    const other = await Namespace.create({ snapshots: true });
    await other.restore(from);
    assert.equal(at(other, address), 1);
    const found = other.loadedLibrary("libc.so");
    assert.deepEqual([found.rand(), found.rand()], numbers);
    assert.equal(other.loadedLibrary("libz.so"), undefined);
    other.close();
  }
  snapshot.close();
  snapshot.close();
  await assert.rejects(ns.restore(snapshot), InvalidArgument);
  await ns.restore(bytes);
  assert.equal(libc.rand(), numbers[0]);
  ns.close();
});

test("callbacks of before a snapshot are there after it, and those of later are not", async () => {
  const ns = await Namespace.create(options);
  const libc = await ns.load("libc.so");
  const numbers = ns.memory.newBytes(new Uint8Array(Int32Array.of(3, 1, 2).buffer));
  const sort = (order) => {
    new Int32Array(ns.memory.buffer, numbers, 3).set([3, 1, 2]);
    libc.qsort(numbers, 3, 4, order);
    return [...ns.memory.view(Int32Array, numbers, 3).array];
  };
  const compare = (a, b) => ns.memory.readU32(a) - ns.memory.readU32(b);
  const before = ns.callback("(i32 i32) -> i32", compare);
  const snapshot = ns.snapshot();
  const after = ns.callback("(i32 i32) -> i32", (a, b) => compare(b, a));
  assert.deepEqual(sort(after), [3, 2, 1]);
  after.close();
  await ns.restore(snapshot);
  assert.deepEqual(sort(before), [1, 2, 3]);
  // The slot of the one that is gone is not given out.
  const again = ns.callback("(i32 i32) -> i32", (a, b) => compare(b, a));
  assert.deepEqual(sort(again), [3, 2, 1]);
  ns.close();
});

test("what is no snapshot, and who takes none", async () => {
  const ns = await Namespace.create(options);
  await ns.load("libc.so");
  const bytes = ns.snapshot().bytes();
  const damaged = bytes.slice();
  damaged[damaged.length >> 1] ^= 1;
  await assert.rejects(ns.restore(damaged), Malformed);
  await assert.rejects(ns.restore(new Uint8Array(10)), LinkError);
  ns.close();
  const plain = await Namespace.create({ libraryPath: lib });
  await plain.load("libc.so");
  assert.throws(() => plain.snapshot(), Unsupported);
  await assert.rejects(plain.restore(bytes), Unsupported);
  plain.close();
});

test("a namespace with snapshots has all that others have", async () => {
  const ns = await Namespace.create({ ...options, control: "budget" });
  const libc = await ns.load("libc.so");
  ns.setBudget(2n ** 32n);
  const snapshot = ns.snapshot();
  assert.equal(libc.strlen("text"), 4);
  assert.ok(ns.budgetLeft() < 2n ** 32n);
  await ns.restore(snapshot);
  assert.equal(libc.strlen("text"), 4);
  ns.close();
});

test("one module of a program, which runs without the package", async () => {
  const program = path.join(guests, "cases/hello/main-pie.wasm");
  const { module, map, warnings } = await link(program, { libraryPath: lib });
  assert.deepEqual(warnings, []);
  assert.ok(map.objects.length >= 2, JSON.stringify(map).slice(0, 200));
  const { WASI } = await import("node:wasi");
  const file = path.join(installed, "out.txt");
  const stdout = fs.openSync(file, "w+");
  try {
    const wasi = new WASI({ version: "preview1", args: ["hello"], stdout, returnOnExit: true });
    const { instance } = await WebAssembly.instantiate(module, wasi.getImportObject());
    assert.equal(wasi.start(instance), 0);
    assert.equal(fs.readFileSync(file, "utf8"), "Hello from a program with a shared libc.\n");
  } finally {
    fs.closeSync(stdout);
    fs.rmSync(file);
  }
  // The same of bytes, and the same bytes again.
  const again = await link(new Uint8Array(fs.readFileSync(program)), { libraryPath: lib, name: "main-pie.wasm" });
  assert.ok(Buffer.from(module).equals(again.module));
});

test("one module of a library, and what cannot be linked", async () => {
  const { module } = await link(path.join(lib, "libz.so"), { libraryPath: lib, exports: ["malloc"], strip: true });
  const names = WebAssembly.Module.exports(await WebAssembly.compile(module)).map(({ name }) => name);
  for (const name of ["memory", "_initialize", "crc32", "malloc"]) assert.ok(names.includes(name), name);
  await assert.rejects(link(path.join(lib, "libz.so"), {}), (error) => error instanceof NotFound && /libc\.so/.test(error.message));
  await assert.rejects(link(path.join(lib, "none.so"), {}), NotFound);
  await assert.rejects(link(path.join(lib, "libz.so"), { libraryPath: lib, exports: ["nothing"] }), NotFound);
  await assert.rejects(link(path.join(guests, "cases/hello/main-pie.wasm"), { libraryPath: lib, library: true }), InvalidArgument);
});
