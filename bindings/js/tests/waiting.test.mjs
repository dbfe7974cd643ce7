// Guests that wait for promises, by JavaScript Promise Integration.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { KEEP, MEMORY, PASS, SPIN, STACK, TRAP, WHERE, library, withFolder } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
const { Busy, Exit, InvalidArgument, Namespace, NotFound, TimedOut, Trap, Unsupported, canWait } = await import(pathToFileURL(path.join(installed, "dist/index.js")).href);
const guests = process.env.WASMDYLD_GUESTS;
const lib = path.join(guests, "lib");
const only = { skip: !canWait && "JavaScript has no Promise Integration here" };

const SLOW = library({
  imports: [["env", "slow", "i32 -> i32"]],
  others: [MEMORY, STACK],
  functions: { keep: KEEP, pass: PASS, where: WHERE, trap: TRAP, spin: SPIN },
  needed: ["libc.so"],
});

/** A namespace with a function that gives a promise. */
async function slow(body, options = {}) {
  const ns = await Namespace.create({ libraryPath: lib, ...options });
  ns.define("env", "slow", "(i32) -> i32", body, { async: true });
  return [ns, await ns.loadBytes("libslow.so", SLOW)];
}

test("a guest waits for a promise", only, async () => {
  const [ns, guest] = await slow(async (n) => (await sleep(1), n * 2));
  const keep = guest.$async("keep");
  const where = guest.where();
  const coming = keep(21);
  assert.ok(coming instanceof Promise);
  assert.equal(await coming, 63);
  assert.equal(guest.where(), where);
  // Called as ever there is nothing to wait with, and that is an error that no guest catches.
  assert.throws(() => guest.keep(1), (error) => error instanceof Trap && /env\.slow gives a promise/.test(error.message));
  assert.equal(guest.where(), where);
  await assert.rejects(keep(), TypeError);
  assert.throws(() => guest.$async("none"), NotFound);
  ns.close();
});

test("calls that wait at once do not disturb each other, in whatever order they go on", only, async () => {
  const release = new Map();
  const [ns, guest] = await slow((n) => new Promise((done) => release.set(n, done)));
  const [keep, where] = [guest.$async("keep"), guest.where()];
  for (const order of [[1, 2, 3], [3, 2, 1], [2, 3, 1]]) {
    const results = [1, 2, 3].map((n) => keep(n));
    // Others use the stack meanwhile.
    assert.equal(guest.where(), where);
    const text = "text ".repeat(1000);
    assert.equal((await ns.load("libc.so")).strlen(text), text.length);
    for (const n of order) {
      release.get(n)(100 * n);
      await sleep(0);
      assert.equal(guest.where(), where);
    }
    assert.deepEqual(await Promise.all(results), [101, 202, 303]);
  }
  ns.close();
});

test("a function that waits calls the guest, at once and waiting", only, async () => {
  let guest;
  const [ns, loaded] = await slow(async (n) => {
    if (n === 0) return 1;
    const before = guest.where();
    await null;
    const inner = await guest.$async("keep")(n - 1);
    assert.notEqual(before, guest.where());
    return inner;
  });
  guest = loaded;
  const where = guest.where();
  // 4 + (3 + (2 + (1 + (0 + 1))))
  assert.equal(await guest.$async("keep")(4), 11);
  assert.equal(guest.where(), where);
  ns.close();
});

test("a call that waits begins in a function that a guest has called, and outlives it", only, async () => {
  const begun = [];
  let guest;
  const [ns, loaded] = await slow(async (n) => (await sleep(1), n));
  guest = loaded;
  // The guest's own call is over before the one that it has begun.
  ns.define("env", "begin", "(i32) -> i32", (n) => (begun.push(guest.$async("keep")(n)), n));
  const begins = await ns.loadBytes("libbegins.so", library({
    imports: [["env", "begin", "i32 -> i32"]], others: [MEMORY, STACK], functions: { keep: KEEP }, needed: ["libc.so"],
  }));
  const where = guest.where();
  assert.equal(begins.keep(5), 10);
  assert.equal(guest.where(), where);
  assert.equal(await begins.$async("keep")(6), 12);
  assert.deepEqual(await Promise.all(begun), [10, 12]);
  assert.equal(guest.where(), where);
  ns.close();
});

test("what goes wrong while a guest waits ends its call, and nothing else", only, async () => {
  const thrown = new Error("no answer");
  const [ns, guest] = await slow(async (n) => {
    await sleep(1);
    if (n === 1) throw thrown;
    return n;
  });
  const where = guest.where();
  const [bad, good] = [guest.$async("keep")(1), guest.$async("keep")(2)];
  await assert.rejects(bad, (error) => error instanceof Trap && error.cause === thrown && /no answer/.test(error.message));
  assert.equal(await good, 4);
  await assert.rejects(guest.$async("trap")(), Trap);
  assert.equal(guest.where(), where);
  const libc = await ns.load("libc.so");
  await assert.rejects(libc.$async("exit")(5), (error) => error instanceof Exit && error.exitCode === 5);
  assert.equal(await guest.$async("keep")(3), 6);
  ns.close();
});

test("what would take a guest's stack away has to wait, and who is closed goes no further", only, async () => {
  let done;
  const [ns, guest] = await slow(() => new Promise((resolve) => (done = resolve)), { snapshots: true });
  const coming = guest.$async("keep")(1);
  assert.throws(() => guest.$close(), Busy);
  assert.throws(() => ns.snapshot(), (error) => error instanceof Busy && /1 calls of guests wait/.test(error.message));
  await assert.rejects(ns.restore(new Uint8Array(8)), Busy);
  ns.close();
  done(5);
  await assert.rejects(coming, InvalidArgument);
});

/** Takes so many frames of 16 bytes, each written to, and waits in the last one. */
const DEEP = ["i32 -> i32", 1, [
  0x23, 0, 0x41, 16, 0x6b, 0x22, 1, 0x24, 0,
  0x20, 1, 0x41, 0x7f, 0x36, 2, 0,
  // (if (local.get 0) (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else (call $slow (i32.const 1)))
  0x20, 0, 0x04, 0x7f, 0x20, 0, 0x41, 1, 0x6b, 0x10, 1, 0x05, 0x41, 1, 0x10, 0, 0x0b,
  0x20, 1, 0x41, 16, 0x6a, 0x24, 0,
]];
/** The same with one frame of 64 KiB, of which only the lowest word is written to. */
const WIDE = ["i32 -> i32", 0, [
  0x23, 0, 0x20, 0, 0x6b, 0x24, 0, 0x23, 0, 0x41, 0x7f, 0x36, 2, 0, 0x41, 1, 0x10, 0, 0x23, 0, 0x20, 0, 0x6a, 0x24, 0,
]];

test("a call that takes more than its stack ends the namespace, and a restore brings it back", only, async () => {
  const bytes = library({
    imports: [["env", "slow", "i32 -> i32"]], others: [MEMORY, STACK], functions: { deep: DEEP, wide: WIDE, keep: KEEP }, needed: ["libc.so"],
  });
  const full = (error) => error instanceof Trap && /stack overflow: a call by \$async took more than its 4096 bytes/.test(error.message);
  // Where the guest never waits, it is seen when it has ended.
  for (const [name, argument, answer] of [["deep", 400, async (n) => n], ["wide", 65536, async (n) => n], ["deep", 400, null]]) {
    const ns = await Namespace.create({ libraryPath: lib, stackSize: 4096, snapshots: true });
    if (answer) ns.define("env", "slow", "(i32) -> i32", answer, { async: true });
    else ns.define("env", "slow", "(i32) -> i32", (n) => n);
    const guest = await ns.loadBytes("libdeep.so", bytes);
    // The heap has room below.
    ns.memory.alloc(1 << 17);
    assert.equal(await guest.$async("deep")(100), 1);
    assert.equal(await guest.$async("keep")(1), 2);
    const snapshot = ns.snapshot();
    const outer = answer && guest.$async("deep")(10);
    const ending = guest.$async(name)(argument);
    await assert.rejects(ending, full, name);
    await outer?.then(() => {}, (error) => assert.ok(full(error), error));
    for (const run of [() => guest.keep(1), () => ns.memory.alloc(1), () => ns.objects(), () => ns.loadNow("libc.so"), () => ns.snapshot(), () => guest.$close()]) assert.throws(run, full);
    assert.throws(() => guest.$async("keep"), full);
    await assert.rejects(ns.load("libz.so"), full);
    await ns.restore(snapshot);
    assert.equal(await guest.$async("keep")(1), 2);
    ns.close();
  }
});

test("callbacks may wait", only, async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  const libc = await ns.load("libc.so");
  const numbers = ns.memory.newBytes(new Uint8Array(Int32Array.of(3, 1, 2).buffer));
  const order = ns.callback("(i32 i32) -> i32", async (a, b) => (await null, ns.memory.readU32(a) - ns.memory.readU32(b)), { async: true });
  await libc.$async("qsort")(numbers, 3, 4, order);
  assert.deepEqual([...ns.memory.view(Int32Array, numbers, 3).array], [1, 2, 3]);
  assert.throws(() => libc.qsort(numbers, 3, 4, order), Trap);
  ns.close();
});

test("a time-out is for each stretch between two waits", only, async () => {
  const [ns, guest] = await slow(async (n) => (await sleep(900), n), { control: "interrupt" });
  ns.setTimeout(500);
  assert.equal(await guest.$async("keep")(4), 8);
  await assert.rejects(guest.$async("spin")(), TimedOut);
  assert.equal(await guest.$async("pass")(4), 4);
  ns.close();
});

test("without Promise Integration an asynchronous definition is refused, and calls are made at once", { skip: canWait && "JavaScript has it here" }, async () => {
  const ns = await Namespace.create({ libraryPath: lib });
  assert.throws(() => ns.define("env", "slow", "() -> ()", async () => {}, { async: true }), Unsupported);
  const libc = await ns.load("libc.so");
  assert.equal(await libc.$async("strlen")("text"), 4);
  ns.close();
});

/** Opens a library by the name that it is given: dlopen(name, RTLD_NOW). */
const OPENS = library({
  imports: [["env", "dlopen", "i32 i32 -> i32"]],
  functions: { open: ["i32 -> i32", 0, [0x20, 0, 0x41, 2, 0x10, 0]] },
  needed: ["libc.so", "libdl.so"],
});

/** A web of the guests' folder, and what was asked of it. */
async function web(run) {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    const file = path.join(guests, request.url);
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/wasm" }).end(fs.readFileSync(file));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    await run(`http://127.0.0.1:${server.address().port}`, asked);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test("a guest's dlopen waits for what has to be fetched", only, async () => {
  await web(async (address, asked) => {
    const ns = await Namespace.create({ libraryPath: [`${address}/none`, `${address}/lib`] });
    const opens = await ns.loadBytes("libopens.so", OPENS);
    const libdl = await ns.load("libdl.so");
    assert.equal(opens.open("libz.so"), 0);
    assert.match(ns.memory.string(libdl.dlerror()), /not fetched: `await prefetch`/);
    const handle = await opens.$async("open")("libz.so");
    assert.notEqual(handle, 0);
    assert.equal(libdl.dlerror(), 0);
    assert.ok(ns.objects().includes("libz.so"));
    assert.ok(asked.includes("/none/libz.so") && asked.includes("/lib/libz.so"));
    assert.equal(await opens.$async("open")("libnone.so"), 0);
    assert.match(ns.memory.string(libdl.dlerror()), /libnone\.so/);
    // At hand now.
    assert.equal(opens.open("libz.so"), handle);
    ns.close();
  });
});

test("so do the functions by which others open libraries, and a pointer to dlopen", only, async () => {
  const loads = library({
    imports: [["dyld", "load_object", "i32 i32 i32 i32 -> i32"], ["wasix_32v1", "dlopen", "i32 i32 i32 i32 i32 i32 i32 i32 -> i32"]],
    others: [MEMORY, ["env", "__indirect_function_table", [1, 0x70, 0, 0]], ["GOT.func", "dlopen", [3, 0x7f, 1]]],
    functions: {
      type: ["i32 i32 -> i32", 0, [0x41, 0]],
      toywasm: ["i32 i32 i32 -> i32", 0, [0x20, 0, 0x20, 1, 0x41, 0, 0x20, 2, 0x10, 0]],
      wasix: ["i32 i32 i32 -> i32", 0, [0x20, 0, 0x20, 1, 0x41, 2, 0x41, 0, 0x41, 0, 0x41, 0, 0x41, 0, 0x20, 2, 0x10, 1]],
      // (call_indirect (type of the first function) (local.get 0) (i32.const 2) (global.get $dlopen))
      pointer: ["i32 -> i32", 0, [0x20, 0, 0x41, 2, 0x23, 0, 0x11, 2, 0]],
    },
    needed: ["libc.so", "libdl.so"],
  });
  await web(async (address) => {
    for (const [name, call] of Object.entries({
      toywasm: (run, text, into) => run(text, 7, into),
      wasix: (run, text, into) => run(text, 7, into),
      pointer: (run, text) => run(text),
    })) {
      const ns = await Namespace.create({ libraryPath: `${address}/lib` });
      const guest = await ns.loadBytes("libloads.so", loads);
      const [into, text, none] = [ns.memory.alloc(4), ns.memory.newString("libz.so"), ns.memory.newString("libnone.so")];
      const works = (answer) => (name === "pointer" ? answer !== 0 : answer === 0 && ns.memory.readU32(into) !== 0);
      assert.ok(!works(call(guest[name], text, into)), name);
      assert.ok(works(await call(guest.$async(name), text, into)), name);
      assert.ok(ns.objects().includes("libz.so"), name);
      assert.ok(works(call(guest[name], text, into)), name);
      assert.ok(!works(await call(guest.$async(name), none, into)), name);
      // What is no text of its memory is an error of the guest's, as ever.
      if (name !== "pointer") assert.notEqual(await guest.$async(name)(-16, 2 ** 30, into), 0);
      ns.close();
    }
  });
});

test("what a library's own folders have is waited for as well", only, async () => {
  const files = { "/lib/libopens.so": withFolder(OPENS, "$ORIGIN/deps"), "/lib/deps/libdeep.so": library({}) };
  const fetch = async (address) => {
    const { pathname } = new URL(address);
    const bytes = files[pathname] ?? (/^\/lib\/\w+\.so$/.test(pathname) && fs.existsSync(path.join(guests, pathname)) ? fs.readFileSync(path.join(guests, pathname)) : undefined);
    return bytes ? new Response(bytes) : new Response("", { status: 404 });
  };
  const ns = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch });
  const opens = await ns.load("libopens.so");
  assert.notEqual(await opens.$async("open")("libdeep.so"), 0);
  assert.equal((await ns.load("libdl.so")).dlerror(), 0);
  ns.close();
});

test("a program waits for libraries that it opens", only, async () => {
  await web(async (address, asked) => {
    const folder = `${address}/cases/dl-hello`;
    const out = [];
    const wasi = { preopens: { "/plugins": path.join(guests, "cases/dl-hello/plugins") } };
    const ns = await Namespace.create({ wasi, libraryPath: [folder, `${address}/lib`], stdout: (bytes) => out.push(bytes) });
    assert.equal(await ns.run(`${folder}/main-pie.wasm`), 0);
    assert.match(Buffer.concat(out).toString(), /an error stays until it is read\n.*through pointers to dlopen and dlsym: hello, pointer/s);
    assert.ok(asked.some((name) => name.startsWith("/cases/dl-hello/lib")), asked);
    ns.close();
  });
});

test("a program waits for functions of JavaScript's", only, async () => {
  // (func (export "_start") (drop (call $slow (i32.const 5))))
  const program = library({ imports: [["env", "slow", "i32 -> i32"]], functions: { _start: ["->", 0, [0x41, 5, 0x10, 0, 0x1a]] } });
  let waited = 0;
  const body = async (n) => {
    await sleep(1);
    if (n !== 5) throw new Error("another number");
    waited += 1;
    return n;
  };
  const ns = await Namespace.create();
  ns.define("env", "slow", "(i32) -> i32", body, { async: true });
  const running = ns.run(program);
  assert.equal(waited, 0);
  assert.equal(await running, 0);
  assert.equal(waited, 1);
  ns.close();
});
