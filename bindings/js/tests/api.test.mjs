// The package as users have it: installed from its archive, with guests of this project. `cargo xtask js` runs this.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { PASS, library } from "./modules.mjs";

const own = (file) => import(pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist", file)).href);
const { Exit, InvalidArgument, IoError, LinkError, Namespace, NotFound, Trap, Undefined } = await own("index.js");
const inside = (file) => import(pathToFileURL(path.join(process.env.WASMDYLD_JS_MODULES, file)).href);
const { callbackLibrary } = await inside("callbacks.js");
const { withStreams } = await inside("wasi.js");
const guests = process.env.WASMDYLD_GUESTS;
const lib = path.join(guests, "lib");
const program = (name) => path.join(guests, "cases", name, "main-pie.wasm");
const text = (parts) => Buffer.concat(parts).toString();

const unsigned = (number) => (number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...unsigned(number >>> 7)]);
const sized = (bytes) => [...unsigned(bytes.length), ...bytes];
const named = (name) => sized([...new TextEncoder().encode(name)]);
const section = (id, bytes) => [id, ...sized(bytes)];

/** A library that needs others, searches folders for them, and imports functions without parameters and results. */
function libraryOf(needed, imports = [], runtimePath = []) {
  const texts = (kind, all) => [kind, ...sized([...unsigned(all.length), ...all.flatMap(named)])];
  const list = [...texts(2, needed), ...texts(5, runtimePath)];
  const functions = imports.flatMap(([module, name]) => [...named(module), ...named(name), 0, 0]);
  return new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0,
    ...section(0, [...named("dylink.0"), 1, ...sized([0, 0, 0, 0]), ...list]),
    ...section(1, [1, 0x60, 0, 0]),
    ...section(2, [...unsigned(imports.length), ...functions]),
  ]);
}

/** A folder with these files, for the time of a test. */
async function inFolder(files, run) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "wasmdyld-js-"));
  try {
    for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), bytes);
    await run(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** A web of these files; `before` is awaited with each name. */
const webOf = (files, before = async () => {}) => async (address) => {
  const name = String(address).replace(/^.*\//, "");
  const given = await before(name);
  return given ?? (files[name] ? new Response(files[name]) : new Response("", { status: 404 }));
};

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
    assert.match(error.message, /\/nowhere\/libnone\.so \(library path\): no such file/);
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

test("libraries of the web are fetched once", async () => {
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
    assert.throws(() => ns.loadNow("liblua.so"), (error) => /liblua\.so \(library path\): not fetched: `await prefetch`/.test(error.message));
    await ns.prefetch(["liblua.so"]);
    assert.ok(ns.loadNow("liblua.so").$has("lua_newstate"));
    ns.close();
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("long libraries of the web are compiled as they come, whatever their server says of them", async (t) => {
  const streamed = t.mock.method(WebAssembly, "compileStreaming");
  const bytes = fs.readFileSync(path.join(lib, "libc.so"));
  const loaded = async (headers, body) => {
    const before = streamed.mock.callCount();
    const ns = await Namespace.create({ libraryPath: "https://example.org/lib", fetch: async () => new Response(body, { headers }) });
    const [libc] = await Promise.allSettled([ns.load("libc.so")]);
    const told = libc.value?.abs(-3) ?? libc.reason.code;
    ns.close();
    return [streamed.mock.callCount() - before, told];
  };
  const wasm = { "content-type": "application/wasm" };
  assert.deepEqual(await loaded({ ...wasm, "content-length": "4194305" }, bytes), [1, 3]);
  for (const length of ["4194304", "-1", "many", "5000000, 5000000"]) assert.deepEqual(await loaded({ ...wasm, "content-length": length }, bytes), [0, 3], length);
  assert.deepEqual(await loaded({ "content-length": "5000000" }, bytes), [0, 3]);
  // What was compiled as it came and is no module, or not all of it, is what the linker says it is.
  assert.deepEqual(await loaded({ ...wasm, "content-length": "5000000" }, bytes.subarray(0, -1000)), [1, "MALFORMED"]);
  assert.deepEqual(await loaded({ ...wasm, "content-length": "5000000" }, "<html>"), [1, "MALFORMED"]);
});

test("of libraries of the web the engine gets modules with few exports, and the second module is fetched where names are of C++", async (t) => {
  const asked = [];
  const fetch = async (address) => {
    const name = decodeURIComponent(path.basename(new URL(address).pathname));
    asked.push(name);
    const folder = name.endsWith(".wasm") ? path.join(process.env.WASMDYLD_TEST_JS, "dist") : lib;
    if (!fs.existsSync(path.join(folder, name))) return new Response("", { status: 404 });
    const bytes = fs.readFileSync(path.join(folder, name));
    const headers = { "content-type": "application/wasm", "content-length": String(bytes.length) };
    return new Response(bytes, { headers });
  };
  const [real, exports] = [WebAssembly.compile, []];
  t.mock.method(globalThis, "fetch", fetch);
  t.mock.method(WebAssembly, "compile", async (bytes) => {
    const module = await real(bytes);
    exports.push(WebAssembly.Module.exports(module).length);
    return module;
  });
  const ns = await Namespace.create({ libraryPath: "https://example.org/lib", fetch, linkerAside: "https://example.org/wasmdyld-aside.wasm" });
  exports.length = 0;
  const z = await ns.load("libz.so");
  assert.equal(z.crc32(0, "123456789", 9) >>> 0, 0xcbf43926);
  assert.deepEqual(asked, ["libz.so", "libc.so"]);
  assert.equal(exports.length, 2);
  assert.ok(exports.every((count) => count < 32), exports);
  await ns.load("libc++.so");
  assert.ok(asked.includes("wasmdyld-aside.wasm"), asked);
  ns.close();
});

test("names of a module's imports reach nothing of JavaScript's", async () => {
  const { keys } = Object;
  for (const bind of ["now", "lazy"]) {
    for (const [module, name] of [["__proto__", "polluted"], ["constructor", "keys"], ["toString", "call"]]) {
      const ns = await Namespace.create({ bind });
      ns.define(module, name, "() -> ()", () => {});
      await ns.loadBytes("libnames.so", libraryOf([], [[module, name]]));
      const polluted = [({}).polluted, Object.hasOwn(Object.prototype.toString, "call")];
      const replaced = Object.keys !== keys;
      delete Object.prototype.polluted;
      delete Object.prototype.toString.call;
      Object.defineProperty(Object, "keys", { value: keys, writable: true, configurable: true });
      assert.deepEqual([polluted, replaced], [[undefined, false], false], `${module}.${name}`);
      ns.close();
    }
  }
});

test("what a library needs is a file in a folder of libraries, and nowhere else", async () => {
  await inFolder({ "secret.so": libraryOf([]) }, async (folder) => {
    const libs = path.join(folder, "libs");
    fs.mkdirSync(libs);
    fs.writeFileSync(path.join(libs, "a\\b"), libraryOf([]));
    const names = [path.join(folder, "secret.so"), "../secret.so", "a\\b", "", ".", "..", "a\0b"];
    for (const name of names) {
      fs.writeFileSync(path.join(libs, "libbad.so"), libraryOf([name]));
      const fetched = [];
      const ns = await Namespace.create({ libraryPath: libs, progress: ({ library, phase }) => phase === "fetched" && fetched.push(library) });
      await assert.rejects(ns.load("libbad.so"), (error) => error instanceof LinkError && error.code !== "IO", JSON.stringify(name));
      assert.deepEqual(fetched, ["libbad.so"], JSON.stringify(name));
      // With a slash it is a place, which the host may name.
      if (!name.includes("/")) {
        await ns.prefetch([name]);
        assert.deepEqual(fetched, ["libbad.so"], JSON.stringify(name));
        assert.throws(() => ns.loadNow(name), LinkError, JSON.stringify(name));
      }
      ns.close();
    }
    const asked = [];
    const fetch = webOf({ "libbad.so": libraryOf(["..", ".", "a\\b"]) }, async (name) => void asked.push(name));
    const ns = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch });
    await assert.rejects(ns.load("libbad.so"), LinkError);
    assert.deepEqual(asked, ["libbad.so"]);
    ns.close();
  });
});

test("a library's own folders are searched, in it and below", async () => {
  const files = {
    "/lib/liba.so": libraryOf(["libb.so"], [], ["$ORIGIN/deps dir:$ORIGIN/%2e%2e/up", "$ORIGIN/../up"]),
    "/lib/deps%20dir/libb.so": libraryOf(["libc1.so"], [], ["${ORIGIN}/more"]),
    "/lib/deps%20dir/more/libc1.so": libraryOf([]),
    "/lib/libup.so": libraryOf(["libd.so"], [], ["$ORIGIN/%2e%2e/up", "$ORIGIN/../up", "/up"]),
    "/up/libd.so": libraryOf([]),
  };
  const asked = [];
  const fetch = async (address) => {
    const { pathname } = new URL(address);
    asked.push(pathname);
    return files[pathname] ? new Response(files[pathname]) : new Response("", { status: 404 });
  };
  const options = { libraryPath: "http://x.invalid/lib", fetch };
  const ns = await Namespace.create(options);
  await ns.load("liba.so");
  assert.deepEqual(ns.objects().sort(), ["liba.so", "libb.so", "libc1.so"]);
  await assert.rejects(ns.load("libup.so"), (error) => error instanceof NotFound && /\$ORIGIN\/\.\.\/up.*climbs out/.test(error.message));
  assert.deepEqual(asked.filter((path) => /\/up/.test(path)), ["/lib/%252e%252e/up/libd.so"]);
  ns.close();
  const any = await Namespace.create({ ...options, runtimePath: "any" });
  await any.load("libup.so");
  assert.deepEqual(any.objects().sort(), ["libd.so", "libup.so"]);
  any.close();
  const off = await Namespace.create({ ...options, runtimePath: "off" });
  await assert.rejects(off.load("liba.so"), NotFound);
  // What the host names itself is a place, with its own folders.
  await assert.rejects(off.load("http://x.invalid/lib/deps%20dir/libb.so"), NotFound);
  off.close();
  const place = await Namespace.create({ fetch });
  await place.load("http://x.invalid/lib/deps%20dir/libb.so?version=2");
  assert.deepEqual(place.objects().sort(), ["libb.so", "libc1.so"]);
  place.close();
});

test("a response without an end is cut off", async () => {
  for (const type of ["application/octet-stream", "application/wasm"]) {
    let sent = 0;
    let cancelled = false;
    const chunk = libraryOf([]).slice(0, 8);
    const pull = (controller) => {
      controller.enqueue(sent === 0 ? chunk : new Uint8Array(65536));
      sent += 65536;
    };
    const endless = () => new ReadableStream({ pull, cancel: () => void (cancelled = true) });
    const fetch = async () => new Response(endless(), { headers: { "content-type": type } });
    const ns = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch, maxLibraryBytes: 1 << 20 });
    await assert.rejects(ns.load("liba.so"), (error) => error instanceof IoError && /1048576 are the most: maxLibraryBytes/.test(error.message));
    assert.ok(cancelled && sent < 1 << 22, `${sent} bytes were sent`);
    ns.close();
  }
});

test("a trap tells functions of guests, and of the linker's only the stub that it arose in", async () => {
  const ns = await Namespace.create({ bind: "lazy" });
  const guest = await ns.loadBytes("libinner.so", library({ imports: [["env", "missing", "i32 -> i32"]], functions: { pass: PASS } }));
  assert.throws(() => guest.pass(1), (error) => {
    assert.ok(error instanceof Trap && /undefined symbol missing/.test(error.message));
    const [stub, ...rest] = error.frames;
    assert.deepEqual([stub.object, stub.function], ["wasmdyld", "stub"]);
    assert.deepEqual(rest.map((frame) => [frame.object, frame.function, frame.offset > 0]), [["libinner.so", "pass", true]]);
    return true;
  });
  ns.close();
});

test("a library that is closed twice leaves another load alone", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const first = await ns.load("libz.so");
  const second = await ns.load("libz.so");
  first.$close();
  first.$close();
  first[Symbol.dispose]();
  assert.equal(second.crc32(0, "a", 1) >>> 0, 0xe8b7be43);
  assert.throws(() => first.adler32, InvalidArgument);
  second.$close();
  assert.deepEqual(ns.objects(), []);
  ns.close();
});

test("libraries are regular files of bounded size", { skip: process.platform === "win32" }, async () => {
  await inFolder({ "libbig.so": "" }, async (folder) => {
    fs.truncateSync(path.join(folder, "libbig.so"), 2 ** 32);
    fs.symlinkSync("/dev/zero", path.join(folder, "libzero.so"));
    execFileSync("mkfifo", [path.join(folder, "libfifo.so")]);
    fs.mkdirSync(path.join(folder, "libfolder.so"));
    for (const name of ["libbig.so", "libfolder.so", "libzero.so", "libfifo.so"]) {
      const ns = await Namespace.create({ libraryPath: folder });
      const why = name === "libbig.so" ? /are the most/ : /no regular file/;
      const refused = (error) => error instanceof IoError && error.message.includes(name) && why.test(error.message);
      await assert.rejects(ns.load(name), refused);
      await assert.rejects(ns.load(path.join(folder, name)), refused);
      assert.throws(() => ns.loadNow(name), (error) => error instanceof LinkError && error.cause instanceof IoError && why.test(error.cause.message));
      ns.close();
    }
    const ns = await Namespace.create();
    await assert.rejects(ns.load(path.join(folder, "libnone.so")), NotFound);
    ns.close();
  });
});

test("a function is prepared once, however often it is asked for", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const first = await ns.load("libz.so");
  const { crc32 } = first;
  const count = 4200;
  for (let n = 0; n < count; n++) assert.ok(first.$has("adler32"));
  for (let n = 0; n < count; n++) assert.throws(() => first.$address("adler32"), TypeError);
  const others = Array.from({ length: count }, () => ns.loadNow("libz.so"));
  for (const other of others) assert.equal(other.crc32(0, "a", 1) >>> 0, 0xe8b7be43);
  for (let n = 0; n < count; n++) {
    const again = ns.loadNow("libz.so");
    assert.equal(again.crc32(0, "a", 1) >>> 0, 0xe8b7be43);
    again.$close();
  }
  // What was taken before others were closed is good as long as the library is.
  assert.equal(crc32(0, "123456789", 9) >>> 0, 0xcbf43926);
  for (const one of [...others, first]) one.$close();
  assert.deepEqual(ns.objects(), []);
  assert.throws(() => crc32(0, "a", 1), LinkError);
  ns.close();
  assert.throws(() => crc32(0, "a", 1), InvalidArgument);
});

test("loads at the same time wait for what they share", async () => {
  const files = { "liba.so": libraryOf(["libc1.so"]), "libb.so": libraryOf(["libc1.so"]), "libc1.so": libraryOf(["liba.so"]) };
  const waits = { "liba.so": 1, "libb.so": 20, "libc1.so": 100 };
  const asked = [];
  const fetch = webOf(files, async (name) => {
    asked.push(name);
    await new Promise((done) => setTimeout(done, waits[name]));
  });
  const ns = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch });
  await Promise.all([ns.load("liba.so"), ns.load("libb.so")]);
  assert.deepEqual(asked.sort(), ["liba.so", "libb.so", "libc1.so"]);
  ns.close();
  // What is given as bytes needs others too.
  const given = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch });
  given.addLibrary("libd.so", libraryOf(["libb.so"]));
  await given.load("libd.so");
  given.close();
});

test("a fetch that failed is tried again", async () => {
  const failures = [async () => new Response("", { status: 503, statusText: "busy" }), () => Promise.reject(new TypeError("no network"))];
  const fetch = webOf({ "liba.so": libraryOf(["libb.so"]), "libb.so": libraryOf([]) }, async (name) => (name === "libb.so" ? failures.shift()?.() : undefined));
  const ns = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch });
  await assert.rejects(ns.load("liba.so"), (error) => error instanceof IoError && error.code === "IO" && /libb\.so: 503 busy/.test(error.message));
  await assert.rejects(ns.load("liba.so"), (error) => error instanceof IoError && error.cause instanceof TypeError);
  await ns.load("liba.so");
  assert.deepEqual(ns.objects().sort(), ["liba.so", "libb.so"]);
  ns.close();
});

test("what the host's listeners throw leaves the linker alone", () => {
  const index = pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist/index.js")).href;
  const script = `
    import { Namespace } from ${JSON.stringify(index)};
    const seen = new Set();
    process.on("uncaughtException", (error) => seen.add(error.message));
    const refuse = (what) => () => { throw new Error(what); };
    const ns = await Namespace.create({
      libraryPath: ${JSON.stringify(lib)}, progress: refuse("progress"), trace: { categories: "libs,bindings", write: refuse("trace") },
    });
    const z = await ns.load("libz.so");
    console.log((z.crc32(0, "123456789", 9) >>> 0).toString(16), ns.objects().join());
    ns.close();
    await new Promise((done) => setTimeout(done));
    console.log([...seen].sort().join());
  `;
  const run = spawnSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], { encoding: "utf8" });
  assert.equal(run.stdout, "cbf43926 libz.so,libc.so\nprogress,trace\n", run.stderr);
});

test("a callback that is closed twice leaves the next one alone", async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const libc = await ns.load("libc.so");
  const numbers = ns.memory.newBytes(new Uint8Array(Int32Array.of(3, 1, 2).buffer));
  const body = (a, b) => ns.memory.readU32(a) - ns.memory.readU32(b);
  const signature = "(i32 i32) -> i32";
  const first = ns.callback(signature, body);
  first.close();
  const second = ns.callback(signature, body);
  first.close();
  libc.qsort(numbers, 3, 4, second);
  assert.deepEqual([...ns.memory.view(Int32Array, numbers, 3).array], [1, 2, 3]);
  assert.notEqual(ns.callback(signature, body).slot, second.slot);
  ns.close();
});

test("a guest's write is as long as the host's memory bears", () => {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const view = new DataView(memory.buffer);
  const count = 4096;
  for (let n = 0; n < count; n++) view.setUint32(16 + 8 * n + 4, 65536, true);
  const sizes = [];
  const { fd_write } = withStreams({}, { stdout: ({ length }) => sizes.push(length) }, () => memory);
  assert.equal(fd_write(1, 16, count, 0), 0);
  for (let n = 0; n < count; n++) view.setUint32(16 + 8 * n + 4, 1, true);
  assert.equal(fd_write(1, 16, count, 0), 0);
  assert.equal(fd_write(1, 16, -1, 0), 0);
  assert.deepEqual(sizes, [1 << 20, 1024, 1024]);
  assert.equal(view.getUint32(0, true), 1024);
});
