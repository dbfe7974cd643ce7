// Namespaces in several threads of node's at once.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

const installed = process.env.WASMDYLD_TEST_JS;
const guests = process.env.WASMDYLD_GUESTS;
const index = pathToFileURL(path.join(installed, "dist/index.js")).href;
const script = path.join(import.meta.dirname, "worker.mjs");
/** What SQLite needs, and itself. */
const NAMES = ["libc.so", "libdl.so", "libsqlite3.so"];

/** The first thing that a worker posts. */
const posted = (worker) =>
  new Promise((done, failed) => {
    worker.once("message", (told) => (told.error ? failed(new Error(told.error)) : done(told)));
    worker.once("error", failed);
  });

async function asked(message) {
  const worker = new Worker(script);
  try {
    worker.postMessage({ index, ...message });
    return await posted(worker);
  } finally {
    await worker.terminate();
  }
}

const compiled = async (file) => {
  const bytes = new Uint8Array(fs.readFileSync(file));
  return { bytes, module: await WebAssembly.compile(bytes) };
};

async function posting() {
  const libraries = await Promise.all(NAMES.map(async (name) => ({ name, ...(await compiled(path.join(guests, "lib", name))) })));
  const { module: linker } = await compiled(path.join(installed, "dist/wasmdyld.wasm"));
  return { linker, libraries };
}

test("four workers with two namespaces each, of libraries that are posted compiled", async () => {
  const { linker, libraries } = await posting();
  const numbers = [1, 2, 3, 4];
  const all = await Promise.all(numbers.map((number) => asked({ work: "queries", linker, libraries, number })));
  const sizes = new Set(libraries.map(({ bytes }) => bytes.length));
  for (const [n, { number, namespaces, compiled }] of all.entries()) {
    assert.equal(number, numbers[n]);
    const expected = [1, 2].map((n) => Array(5).fill(500_500 * number + n));
    assert.deepEqual(namespaces.map(({ answers }) => answers), expected);
    // What is compiled there is what the linker generates, and no library.
    assert.deepEqual(compiled.filter((size) => sizes.has(size)), []);
    assert.ok(compiled.every((size) => size > 0 && size < 100_000), `${compiled}`);
  }
});

test("a guest in a worker opens libraries", async () => {
  const folder = path.join(guests, "cases/dl-hello");
  const wasi = { preopens: { "/plugins": path.join(folder, "plugins") } };
  const told = await asked({ work: "opens", program: path.join(folder, "main-pie.wasm"), libraryPath: [folder, path.join(guests, "lib")], wasi });
  assert.equal(told.exit, 0);
  assert.match(told.out, /^hello, world$/m);
  assert.match(told.out, /^world, through hello: hello, from the plugin$/m);
});

test("a guest that never comes back ends with its worker, and no other", async () => {
  const worker = new Worker(script);
  worker.postMessage({ index, work: "spins" });
  assert.equal(await posted(worker), "spins");
  const { linker, libraries } = await posting();
  const { namespaces } = await asked({ work: "queries", linker, libraries, number: 7 });
  assert.equal(namespaces[0].answers[0], 500_500 * 7 + 1);
  assert.equal(await worker.terminate(), 1);
});
