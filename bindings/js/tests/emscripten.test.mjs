// Side modules of emscripten, in node and without emscripten's own loader: those of tests/emscripten, whose sources lie beside them.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const guests = process.env.WASMDYLD_GUESTS;
const { Namespace, Trap } = await import(pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist/index.js")).href);
const modules = path.join(import.meta.dirname, "../../../tests/emscripten");

/** A namespace with what such modules want. */
async function withRuntime(options, use) {
  const ns = await Namespace.create({ libraryPath: [modules, path.join(guests, "lib"), path.join(guests, "cases/cxx-uncaught")], ...options });
  try {
    for (const name of ["libc.so", "libemscripten-compat.so", "libc++.so"]) await ns.load(name, { global: true });
    return await use(ns);
  } finally {
    ns.close();
  }
}

test("setjmp and longjmp", () =>
  withRuntime({}, async (ns) => {
    const lib = await ns.load("libjump.so");
    assert.equal(lib.jump(5, 42), 42);
    assert.equal(lib.jump(0, 7), 7);
    assert.equal(lib.many(), 45);
    assert.deepEqual([lib.through(0), lib.through(1)], [30, 400]);
    // A jump that a function of JavaScript's lies in the midst of: it gives back what passes it.
    const call = ns.callback("(i32 i32) -> ()", (back, value) => ns.table.get(back)(value));
    assert.equal(lib.by_pointer(call, 9), 9);
    // The guest's stack is what it was, however often.
    for (let n = 0; n < 1000; n++) assert.equal(lib.jump(50, 1), 1);
  }));

test("exceptions, also between both forms of them", () =>
  withRuntime({}, async (ns) => {
    const lib = await ns.load("libthrow.so");
    const caught = [0, 1, 2, 3, 4, 5, 6].map((kind) => lib.caught(kind));
    assert.deepEqual(caught, [1, 108, 302, 202, 407, 507, 601]);
    assert.deepEqual([lib.again(2), lib.again(3), lib.again(1)], [13, 23, 22]);
    assert.deepEqual([lib.passes(1), lib.passes(0)], [1, 0]);
    // Thrown by what wasmdyld-c++ compiled.
    const toss = await ns.load("libtoss.so");
    const word = ns.memory.newString("runtime");
    assert.equal(lib.calls(toss.$pointer("toss"), word), 31);
    for (let n = 0; n < 1000; n++) assert.equal(lib.caught(3), 202);
    assert.throws(() => lib.passes(2), (error) => error instanceof Trap && /uncaught C\+\+ exception std::runtime_error: deep/.test(error.message));
  }));

test("files, clocks and texts", async () => {
  const inside = fs.mkdtempSync(path.join(os.tmpdir(), "emscripten-"));
  let out = "";
  const options = { wasi: { preopens: { "/in": inside } }, stdout: (bytes) => (out += Buffer.from(bytes)) };
  await withRuntime(options, async (ns) => {
    const lib = await ns.load("libsystem.so");
    const text = new Uint8Array(8);
    assert.equal(lib.text(text, 7), 3);
    assert.equal(Buffer.from(text.subarray(0, 3)).toString(), "7-x");
    assert.equal(lib.print(12), 0);
    assert.equal(lib.clocks(), 0);
    // node:wasi tells F_GETFL in the numbers of the machine, where this ends; what comes before has made the file, and written to it twice.
    assert.equal(lib.files("/in/file"), -5);
    // What is there is not made once more: O_EXCL means another flag elsewhere.
    assert.equal(lib.files("/in/file"), -1);
  });
  assert.equal(out, "00012 of emscripten\nbeef\na line\n");
  assert.equal(fs.readFileSync(path.join(inside, "file"), "utf8"), "hello again");
  fs.rmSync(inside, { recursive: true });
});
