// What modules say of themselves, in node.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { Malformed, inspect } = await import(pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist/index.js")).href);
const guests = process.env.WASMDYLD_GUESTS;
const read = (...parts) => fs.readFileSync(path.join(...parts));

test("a library, programs, and a module of emscripten's", async () => {
  const z = await inspect(read(guests, "lib/libz.so"));
  assert.deepEqual([z.is, z.refused, z.needed, z.notes], ["a shared library", undefined, ["libc.so"], []]);
  assert.ok(z.takes.memory > 1000 && z.takes.slots > 0 && z.takes.alignment === 16, JSON.stringify(z.takes));
  assert.deepEqual(z.exports.find(({ name }) => name === "crc32"), { name: "crc32", type: "func (i32, i32, i32) -> i32" });
  assert.deepEqual(z.imports.find(({ name }) => name === "malloc"), { module: "env", name: "malloc", type: "func (i32) -> i32", weak: false });
  // What is read is what the engine reads.
  assert.equal(z.imports.length, WebAssembly.Module.imports(new WebAssembly.Module(read(guests, "lib/libz.so"))).length);
  assert.equal((await inspect(read(guests, "cases/hello/main-pie.wasm"))).is, "a position-independent program");
  assert.match((await inspect(read(guests, "cases/hello/main-nonpie.wasm"))).is, /^a program at fixed addresses/);
  const jump = await inspect(read(import.meta.dirname, "../../../tests/emscripten/libjump.so"));
  assert.match(jump.notes[0], /^it was made by emscripten/);
});

test("what cannot be loaded is said, and what is no module is an error", async () => {
  const EMPTY = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  const empty = await inspect(EMPTY);
  assert.equal(empty.is, "a module without a dylink.0 section");
  assert.match(empty.refused, /dylink/);
  assert.equal(empty.takes, undefined);
  for (const bytes of [new Uint8Array(), new Uint8Array(100), read(guests, "lib/libz.so").subarray(0, 3000)]) {
    await assert.rejects(inspect(bytes), Malformed);
  }
});
