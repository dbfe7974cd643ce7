// Runs a program that has the library for wasm32-unknown-unknown inside of it: `node wasm32.mjs ENGINE PROGRAM`. ENGINE is `engine.js` of the package for
// JavaScript, on which guests run; the program's own C library has node's WASI. What it gets of this machine beyond both is here: the time, random numbers, a
// way to wait, and files that are read.
import { webcrypto } from "node:crypto";
import fs from "node:fs";
import { pathToFileURL } from "node:url";
import { WASI } from "node:wasi";
import { Worker } from "node:worker_threads";

const [engineFile, program] = process.argv.slice(2);
const { Engine } = await import(pathToFileURL(engineFile).href);

/** `getRandomValues` takes no more at a time. */
const MOST_RANDOM = 65536;
/** Milliseconds after which a program is ended that has come to no end: nothing else on its thread could. */
const MOST_TIME = 120_000;

const engine = new Engine();
let own;
const bytes = (at, size) => new Uint8Array(own.memory.buffer, at, size);
const setWord = (at, value) => new DataView(own.memory.buffer).setUint32(at, value, true);
const text = (at, size) => new TextDecoder().decode(bytes(at, size));

const host = {
  wasmdyld_time: () => Date.now(),
  wasmdyld_random: (at, size) => {
    for (let done = 0; done < size; done += MOST_RANDOM) {
      const part = new Uint8Array(Math.min(MOST_RANDOM, size - done));
      bytes(at + done, part.length).set(webcrypto.getRandomValues(part));
    }
    return 0;
  },
  wasmdyld_sleep: (milliseconds) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds),
  wasmdyld_panicked: (at, size) => console.error(`panicked: ${text(at, size)}`),
  wasmdyld_on_file: (_whose, path, size, answer) => {
    const name = text(path, size);
    const found = fs.statSync(name, { throwIfNoEntry: false });
    if (found === undefined) return 0;
    // What is no file is no bytes, and then the identity is why.
    const contents = found.isFile() ? fs.readFileSync(name) : new Uint8Array();
    const identity = new TextEncoder().encode(found.isFile() ? `${found.dev} ${found.ino}` : "not a regular file");
    const at = own.wasmdyld_buffer(contents.length + identity.length);
    bytes(at, contents.length).set(contents);
    bytes(at + contents.length, identity.length).set(identity);
    [at, contents.length, identity.length, 0].forEach((value, n) => setWord(answer + 4 * n, value));
    return 1;
  },
};

const { env: variables } = process;
const preopens = Object.fromEntries([".", variables.WASMDYLD_GUESTS].map((folder) => [folder, folder]));
const wasi = new WASI({ version: "preview1", args: [program], env: variables, preopens, returnOnExit: true });
new Worker(`setTimeout(() => process.kill(process.pid, "SIGKILL"), ${MOST_TIME})`, { eval: true }).unref();
const module = await WebAssembly.compile(fs.readFileSync(program));
const given = { ...engine.imports(), ...host };
const env = {};
for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
  if (from !== "env" || kind !== "function") continue;
  env[name] = given[name] ?? (() => {
    throw new WebAssembly.RuntimeError(`${name} is called, which is not there`);
  });
}
const instance = await WebAssembly.instantiate(module, { env, ...wasi.getImportObject() });
own = instance.exports;
engine.connect(own);
own.wasmdyld_start();
process.exitCode = wasi.start(instance);
