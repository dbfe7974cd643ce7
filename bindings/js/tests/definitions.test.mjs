// What the host gives to guests and learns of them: memories, tables, globals, folders; objects, symbols and addresses.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { MEMORY, library } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
/** The package's own modules, with what it does not export. */
const modules = process.env.WASMDYLD_JS_MODULES;
const { InvalidArgument, LinkError, MemoryFolder, Namespace, NotFound } = await import(pathToFileURL(path.join(installed, "dist/index.js")).href);
const { withFewFiles, withStreams } = await import(pathToFileURL(path.join(modules, "wasi.js")).href);
const { withStillTime } = await import(pathToFileURL(path.join(modules, "still.js")).href);
const guests = process.env.WASMDYLD_GUESTS;
const lib = path.join(guests, "lib");

test("globals", async () => {
  const ns = await Namespace.create();
  const made = ns.defineGlobal("host", "count", "i32", 5, { mutable: true });
  const given = new WebAssembly.Global({ value: "i64", mutable: false }, 7n);
  assert.equal(ns.defineGlobal("host", "wide", "i64", given), given);
  const guest = await ns.loadBytes("libglobals.so", library({
    others: [["host", "count", [3, 0x7f, 1]], ["host", "wide", [3, 0x7e, 0]]],
    // (global.set 0 (i32.add (global.get 0) (i32.const 1))) (global.get 0); (global.get 1)
    functions: { next: ["-> i32", 0, [0x23, 0, 0x41, 1, 0x6a, 0x24, 0, 0x23, 0]], wide: ["-> i64", 0, [0x23, 1]] },
  }));
  assert.equal(guest.next(), 6);
  made.value = 9;
  assert.equal(guest.next(), 10);
  assert.equal(guest.wide(), 7n);
  assert.throws(() => ns.defineGlobal("host", "x", "i32", given), TypeError);
  assert.throws(() => ns.defineGlobal("host", "x", "i64", given, { mutable: true }), TypeError);
  assert.throws(() => ns.defineGlobal("host", "x", "v128", 0), TypeError);
  // One of another type is no definition.
  await assert.rejects(ns.loadBytes("libother.so", library({ others: [["host", "count", [3, 0x7e, 1]]] })), LinkError);
  ns.close();
});

test("memories and tables", async () => {
  const ns = await Namespace.create();
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  new Uint32Array(memory.buffer)[2] = 77;
  ns.defineMemory("host", "other", memory, { maximum: 4 });
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 3 });
  ns.defineTable("host", "functions", table);
  const guest = await ns.loadBytes("libothers.so", library({
    others: [["host", "other", [2, 1, 1, 4]], ["host", "functions", [1, 0x70, 0, 1]]],
    // (i32.load (i32.const 8)); (table.size 0)
    functions: { read: ["-> i32", 0, [0x41, 8, 0x28, 2, 0]], slots: ["-> i32", 0, [0xfc, 16, 0]] },
  }));
  assert.equal(guest.read(), 77);
  assert.equal(guest.slots(), 3);
  assert.throws(() => ns.defineMemory("host", "x", {}), TypeError);
  assert.throws(() => ns.defineTable("host", "x", memory), TypeError);
  // What is too small is told.
  await assert.rejects(ns.loadBytes("liblarge.so", library({ others: [["host", "functions", [1, 0x70, 0, 9]]] })), LinkError);
  ns.close();
});

test("a library that stands before another calls the next of its functions", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const own = await ns.loadBytes("libown.so", library({ functions: { crc32: ["i32 i32 i32 -> i32", 0, [0x41, 42]] } }), { global: true });
  const z = await ns.load("libz.so", { global: true });
  assert.equal(ns.symbols.crc32(0, "123456789", 9), 42);
  assert.equal(own.$next("crc32")(0, "123456789", 9) >>> 0, 0xcbf43926);
  assert.throws(() => own.$next("none"), NotFound);
  assert.throws(() => z.$next("crc32"), NotFound);
  ns.close();
});

test("objects, and what addresses belong to", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const sqlite = await ns.load("libsqlite3.so");
  const infos = new Map(ns.objectInfos().map((info) => [info.name, info]));
  assert.deepEqual([...infos.keys()], ns.objects());
  const [own, libc] = [infos.get("libsqlite3.so"), infos.get("libc.so")];
  assert.equal(own.path, path.join(lib, "libsqlite3.so"));
  assert.equal(own.origin, lib);
  assert.deepEqual([own.opens, libc.opens], [{ host: 1, guest: 0 }, { host: 0, guest: 0 }]);
  assert.ok(own.needed.includes("libc.so"));
  assert.deepEqual([own.isProgram, own.isGlobal, own.noDelete, own.isHeap], [false, false, false, false]);
  assert.ok(own.place.memorySize > 0 && own.place.tableSize > 0);
  ns.memory.free(ns.memory.alloc(1));
  assert.equal(ns.objectInfos().find(({ name }) => name === "libc.so").isHeap, true);
  const address = sqlite.$address("sqlite3_version");
  assert.deepEqual(ns.dladdr(address + 1, "data"), { object: "libsqlite3.so", symbol: "sqlite3_version", value: address });
  const slot = sqlite.$pointer("sqlite3_libversion");
  assert.deepEqual(ns.dladdr(slot, "function"), { object: "libsqlite3.so", symbol: "sqlite3_libversion", value: slot });
  assert.equal(ns.dladdr(0, "function"), undefined);
  assert.equal(ns.dladdr(0xffff_fff0, "data"), undefined);
  assert.deepEqual(ns.libraryPath.at(-1), lib);
  ns.close();
});

test("bytes with a module that was compiled before", async () => {
  const bytes = new Uint8Array(fs.readFileSync(path.join(lib, "libz.so")));
  const ns = await Namespace.create({ libraryPath: lib });
  const z = await ns.loadBytes("libmine.so", bytes, { module: await WebAssembly.compile(bytes) });
  assert.equal(z.crc32(0, "123456789", 9) >>> 0, 0xcbf43926);
  ns.close();
});

test("a folder in memory that guests and JavaScript have in common", async () => {
  const folder = await MemoryFolder.create({ "a.txt": "text", below: { "b.bin": Uint8Array.of(1, 2) }, empty: {} });
  assert.deepEqual(folder.list(), ["a.txt", "below/b.bin", "empty/"]);
  const ns = await Namespace.create({ libraryPath: lib, wasi: { folders: { "/data": folder } } });
  const libc = await ns.load("libc.so");
  const file = libc.fopen("/data/a.txt", "r+");
  assert.notEqual(file, 0);
  const read = new Uint8Array(4);
  assert.equal(libc.fread(read, 1, 4, file), 4);
  assert.equal(new TextDecoder().decode(read), "text");
  libc.fwrite(" and more", 1, 9, file);
  libc.fclose(file);
  assert.equal(new TextDecoder().decode(folder.read("a.txt")), "text and more");
  folder.write("below/new/c.txt", "new");
  assert.equal(libc.access("/data/below/new/c.txt", 0), 0);
  assert.equal(libc.mkdir("/data/made", 0o777), 0);
  assert.ok(folder.list().includes("made/"));
  folder.remove("below");
  assert.notEqual(libc.access("/data/below/b.bin", 0), 0);
  assert.throws(() => folder.remove("below"), NotFound);
  assert.throws(() => folder.read("empty"), NotFound);
  assert.throws(() => folder.write("empty", ""), InvalidArgument);
  assert.throws(() => folder.write("a.txt/x", ""), InvalidArgument);
  for (const bad of ["", "/a", "a/", "a//b", "../a", "./a", "a\0"]) assert.throws(() => folder.write(bad, ""), InvalidArgument, bad);
  folder.clear();
  assert.deepEqual(folder.list(), []);
  ns.close();
});

test("guests have so many files open and no more", async () => {
  const folder = await MemoryFolder.create({ "a.txt": "text" });
  const ns = await Namespace.create({ libraryPath: lib, wasi: { folders: { "/data": folder }, maxFiles: 2 } });
  const libc = await ns.load("libc.so");
  const open = () => libc.fopen("/data/a.txt", "r");
  const files = [open(), open()];
  assert.ok(files.every((file) => file !== 0));
  assert.equal(open(), 0);
  libc.fclose(files[0]);
  assert.notEqual(open(), 0);
  assert.equal(open(), 0);
  ns.close();
  // A number that was given to another stays one file.
  const memory = new WebAssembly.Memory({ initial: 1 });
  let next = 4;
  const put = (...args) => (new DataView(memory.buffer).setUint32(args.at(-1), next++, true), 0);
  const wasi = withFewFiles({ path_open: put, fd_close: () => 0, fd_renumber: () => 0 }, 2, () => memory);
  const opened = () => wasi.path_open(3, 0, 0, 0, 0, 0n, 0n, 0, 16);
  assert.deepEqual([opened(), opened(), opened()], [0, 0, 33]);
  wasi.fd_renumber(4, 5);
  assert.deepEqual([opened(), opened()], [0, 33]);
  wasi.fd_close(5);
  wasi.fd_close(6);
  assert.deepEqual([opened(), opened(), opened()], [0, 0, 33]);
});

test("input from a function", async () => {
  const asked = [];
  const left = [Uint8Array.from(Buffer.from("one\n")), Uint8Array.from(Buffer.from("two")), undefined];
  const ns = await Namespace.create({ libraryPath: lib, stdin: (size) => (asked.push(size), left.shift()) });
  const libc = await ns.load("libc.so");
  const line = () => {
    const read = new Uint8Array(8);
    const got = libc.fgets(read, 8, ns.memory.readU32(libc.$address("stdin")));
    return got === 0 ? null : new TextDecoder().decode(read.subarray(0, read.indexOf(0)));
  };
  assert.deepEqual([line(), line(), line()], ["one\n", "two", null]);
  assert.ok(asked.length >= 3 && asked.every((size) => size > 0), `${asked}`);
  ns.close();
  // What throws, or gives more than was asked for, is an error of input for the guest.
  const memory = new WebAssembly.Memory({ initial: 1 });
  new Uint32Array(memory.buffer, 16, 2).set([64, 4]);
  for (const stdin of [() => { throw new Error("none"); }, () => new Uint8Array(5), () => "text"]) {
    assert.equal(withStreams({}, { stdin }, () => memory).fd_read(0, 16, 1, 32), 29);
  }
  assert.equal(withStreams({}, { stdin: (size) => new Uint8Array(size).fill(7) }, () => memory).fd_read(0, 16, 1, 32), 0);
  assert.deepEqual([...new Uint8Array(memory.buffer, 64, 5)], [7, 7, 7, 7, 0]);
  assert.equal(new Uint32Array(memory.buffer, 32, 1)[0], 4);
});

test("guests for which every run is the same", async () => {
  const seen = async (seed) => {
    const ns = await Namespace.create({ libraryPath: lib, wasi: { deterministic: seed } });
    const libc = await ns.load("libc.so");
    const random = new Uint8Array(20);
    assert.equal(libc.getentropy(random, 20), 0);
    const times = () => [libc.time(null)];
    const before = times();
    const began = performance.now();
    assert.equal(libc.sleep(100), 0);
    assert.ok(performance.now() - began < 10_000);
    const told = [[...random], before, times()];
    ns.close();
    return told;
  };
  const [random, before, after] = await seen(7);
  assert.deepEqual(before, [1_000_000_000n]);
  assert.deepEqual(after, [1_000_000_100n]);
  assert.deepEqual(await seen(7n), [random, before, after]);
  assert.notDeepEqual((await seen(8))[0], random);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const view = new DataView(memory.buffer);
  const wasi = withStillTime({}, 7, () => memory);
  // As SplitMix64 has it for this seed, and other hosts do.
  assert.equal(wasi.random_get(0, 12), 0);
  assert.equal(view.getBigUint64(0, true), 7191089600892374487n);
  assert.deepEqual([view.getUint32(8, true) !== 0, view.getUint32(12, true)], [true, 0]);
  const time = (clock) => [wasi.clock_time_get(clock, 0n, 16), view.getBigUint64(16, true)];
  assert.deepEqual(time(1), [0, 0n]);
  // Of two sleeps the shorter one, and of a file and a sleep the file at once.
  const subscribe = (n, user, kind, clock, timeout, flags) => {
    const at = 1024 + 48 * n;
    new Uint8Array(memory.buffer, at, 48).fill(0);
    view.setBigUint64(at, user, true);
    view.setUint8(at + 8, kind);
    view.setUint32(at + 16, clock, true);
    view.setBigUint64(at + 24, timeout, true);
    view.setUint16(at + 40, flags, true);
  };
  subscribe(0, 5n, 0, 1, 70n, 0);
  subscribe(1, 6n, 0, 0, 1_000_000_000_000_000_030n, 1);
  assert.equal(wasi.poll_oneoff(1024, 2048, 2, 32), 0);
  assert.deepEqual([view.getUint32(32, true), view.getBigUint64(2048, true), view.getUint16(2056, true), ...time(1)], [1, 6n, 0, 0, 30n]);
  subscribe(1, 7n, 1, 0, 0n, 0);
  assert.equal(wasi.poll_oneoff(1024, 2048, 2, 32), 0);
  assert.deepEqual([view.getUint32(32, true), view.getBigUint64(2048, true), view.getUint8(2058), ...time(1)], [1, 7n, 1, 0, 30n]);
  assert.deepEqual([wasi.poll_oneoff(1024, 2048, 0, 32), wasi.poll_oneoff(1024, 2048, 1 << 20, 32), time(2)[0], time(9)[0]], [28, 28, 8, 28]);
});
