// The package as users have it: installed from its archive, with guests of this project. `cargo xtask js` runs this.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const own = (file) => import(pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist", file)).href);
const { Exit, InvalidArgument, Namespace, NotFound, Trap, Undefined } = await own("index.js");
const { callbackLibrary } = await own("callbacks.js");
const guests = process.env.WASMDYLD_GUESTS;
const lib = path.join(guests, "lib");
const program = (name) => path.join(guests, "cases", name, "main-pie.wasm");
const text = (parts) => Buffer.concat(parts).toString();

test("a library's functions, data and callbacks", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const sqlite = await ns.load("libsqlite3.so");
  assert.match(ns.memory.string(sqlite.sqlite3_libversion()), /^3\.\d+\.\d+$/);
  assert.equal(ns.memory.string(sqlite.$address("sqlite3_version")), ns.memory.string(sqlite.sqlite3_libversion()));
  assert.deepEqual(ns.objects(), ["libsqlite3.so", "libdl.so", "libc.so"]);
  const handle = ns.memory.alloc(4);
  assert.equal(sqlite.sqlite3_open(":memory:", handle), 0);
  const db = ns.memory.readU32(handle);
  const rows = [];
  const row = ns.callback("(i32 i32 i32 i32) -> i32", (_, count, values) => {
    rows.push(Array.from({ length: count }, (_, n) => ns.memory.string(ns.memory.readU32(values + 4 * n))));
    return 0;
  });
  const sql = "CREATE TABLE t(a); INSERT INTO t VALUES (6), (7); SELECT a, a * a FROM t";
  assert.equal(sqlite.sqlite3_exec(db, sql, row, null, null), 0);
  assert.deepEqual(rows, [["6", "36"], ["7", "49"]]);
  // 64 bits are bigints, in and out.
  assert.equal(sqlite.sqlite3_soft_heap_limit64(2n ** 40n), 0n);
  assert.equal(sqlite.sqlite3_soft_heap_limit64(-1), 2n ** 40n);
  row.close();
  assert.equal(sqlite.sqlite3_close(db), 0);
  ns.memory.free(handle);
  assert.equal(sqlite.$has("sqlite3_open"), true);
  assert.equal(sqlite.$symbols().get("sqlite3_version"), "data");
  assert.throws(() => sqlite.sqlite3_opne, (error) => error instanceof NotFound && /sqlite3_opne/.test(error.message));
  assert.throws(() => sqlite.sqlite3_close(), TypeError);
  assert.throws(() => sqlite.sqlite3_close(2 ** 33), RangeError);
  // The slot serves the next one of its type.
  const next = ns.callback("(i32, i32, i32, i32) -> (i32)", () => 1);
  assert.equal(next.slot, row.slot);
  next.close();
  sqlite.$close();
  assert.deepEqual(ns.objects(), ["callback-1.so"]);
  ns.close();
  ns.close();
  assert.throws(() => ns.objects(), InvalidArgument);
});

test("what JavaScript throws ends the guest, and is the cause", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const libc = await ns.load("libc.so");
  const thrown = new Error("no order");
  const numbers = ns.memory.newBytes(new Uint8Array(new Int32Array([3, 1, 2]).buffer));
  const view = ns.memory.view(Int32Array, numbers, 3);
  const refuse = ns.callback("(i32 i32) -> i32", () => {
    throw thrown;
  });
  assert.throws(
    () => libc.qsort(numbers, 3, 4, refuse),
    (error) => error instanceof Trap && error.code === "TRAP" && error.cause === thrown && /no order/.test(error.message),
  );
  // The namespace goes on.
  const order = ns.callback("(i32 i32) -> i32", (a, b) => ns.memory.readU32(a) - ns.memory.readU32(b));
  libc.qsort(numbers, 3, 4, order);
  assert.deepEqual([...view.array], [1, 2, 3]);
  // The memory has moved, and the view with it.
  const { buffer } = ns.memory;
  libc.malloc(8 << 20);
  assert.notEqual(ns.memory.buffer, buffer);
  assert.deepEqual([...view.array], [1, 2, 3]);
  const bytes = new Uint8Array(8);
  libc.memset(bytes, 7, 5);
  assert.deepEqual([...bytes], [7, 7, 7, 7, 7, 0, 0, 0]);
  assert.throws(() => libc.exit(5), (error) => error instanceof Exit && error.exitCode === 5);
  ns.close();
});

test("programs, their streams and exit codes", async () => {
  const out = [];
  const options = { libraryPath: lib, stdout: (bytes) => out.push(bytes) };
  const ns = await Namespace.create(options);
  assert.equal(await ns.run(program("hello")), 0);
  assert.equal(text(out), "Hello from a program with a shared libc.\n");
  await assert.rejects(ns.run(program("hello")), InvalidArgument);
  ns.close();
});

test("a library that is missing, and a symbol", async () => {
  const ns = await Namespace.create({ libraryPath: ["/nowhere", lib] });
  await assert.rejects(ns.load("libnone.so"), (error) => {
    assert.ok(error instanceof NotFound);
    assert.match(error.message, /libnone\.so/);
    assert.match(error.message, /looked for at \/nowhere\/libnone\.so/);
    return error.chain.length > 1;
  });
  const library = callbackLibrary("missing", { params: [0], results: [1] });
  await assert.rejects(ns.loadBytes("libneeds.so", library), (error) => {
    assert.ok(error instanceof Undefined, error);
    assert.deepEqual(error.symbols.map(({ symbol, wanted }) => [symbol, wanted]), [["wasmdyld.callback.missing", "func (i32) -> i64"]]);
    return true;
  });
  // The namespace is as it was, and takes it when there is a definition.
  ns.define("wasmdyld.callback", "missing", "(i32) -> i64", (n) => BigInt(n));
  await ns.loadBytes("libneeds.so", library);
  await assert.rejects(ns.loadBytes("libbad.so", new Uint8Array([1, 2, 3])), { code: "MALFORMED" });
  assert.throws(() => ns.define("env", "f", "(i33)", () => {}), { code: "INVALID_ARGUMENT" });
  ns.close();
});

test("libraries of the web are fetched once, and compiled as they come", async () => {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    const file = path.join(lib, path.basename(request.url));
    if (request.url.startsWith("/none/") || !fs.existsSync(file)) return response.writeHead(404).end();
    // One in the way of compileStreaming, the other not.
    const type = request.url.endsWith("libc.so") ? "application/octet-stream" : "application/wasm";
    response.writeHead(200, { "content-type": type }).end(fs.readFileSync(file));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    const address = `http://127.0.0.1:${server.address().port}`;
    const phases = [];
    const ns = await Namespace.create({
      libraryPath: [`${address}/none`, `${address}/lib/`],
      progress: ({ library, phase }) => phases.push(`${library} ${phase}`),
    });
    const [z, again] = await Promise.all([ns.load("libz.so"), ns.load("libz.so")]);
    assert.equal(z.crc32(0, "123456789", 9) >>> 0, 0xcbf43926);
    assert.equal(again.$address === undefined, false);
    assert.deepEqual(asked.sort(), ["/lib/libc.so", "/lib/libz.so", "/none/libc.so", "/none/libz.so"]);
    for (const library of ["libz.so", "libc.so"]) {
      assert.ok(phases.indexOf(`${library} fetched`) < phases.indexOf(`${library} compiled`), phases);
    }
    // Nothing waits for the web in a load that must not wait.
    assert.throws(() => ns.loadNow("liblua.so"), (error) => /not fetched; await prefetch\(\["liblua.so"\]\) before/.test(error.message));
    await ns.prefetch(["liblua.so"]);
    assert.ok(ns.loadNow("liblua.so").$has("lua_newstate"));
    ns.close();
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
