// The installed package as such: how large it is, and its types.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { sizes } from "./sizes.mjs";

const all = await import(`${process.env.WASMDYLD_TEST_JS}/dist/index.js`);
const { LinkError, Namespace, NotFound } = all;

const installed = process.env.WASMDYLD_TEST_JS;
const tools = process.env.WASMDYLD_JS_TOOLS;
const SKIP = process.env.WASMDYLD_JS_SMALL ? false : "the modules are not built for size";

test("the linker is small", { skip: SKIP }, () => {
  const { plain, brotli } = sizes(path.join(installed, "dist/wasmdyld.wasm"));
  assert.ok(plain <= 671_000, `${plain} bytes`);
  assert.ok(brotli <= 244_500, `${brotli} bytes compressed`);
});

test("the package's own code is one small file", () => {
  const scripts = fs.readdirSync(path.join(installed, "dist"), { recursive: true }).filter((name) => name.endsWith(".js"));
  assert.deepEqual(scripts, ["index.js"]);
  const { plain, brotli } = sizes(path.join(installed, "dist/index.js"));
  assert.ok(plain <= 90_300 && brotli <= 27_900, `${plain} bytes, ${brotli} compressed`);
});

test("what it exports has its names, though the names in its file are short", async () => {
  for (const [name, one] of Object.entries(all)) if (typeof one === "function") assert.equal(one.name, name);
  const ns = await Namespace.create();
  await assert.rejects(ns.run("/there/is/none.wasm"), (error) => error instanceof NotFound && error.constructor.name === "NotFound");
  ns.close();
});

test("its types serve programs that are checked strictly", () => {
  const folder = path.join(installed, "../../types");
  fs.mkdirSync(folder, { recursive: true });
  const compiles = (name, text) => {
    fs.writeFileSync(path.join(folder, name), text);
    const options = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--noEmit", "--module", "nodenext", "--target", "es2022"];
    const lib = ["--lib", "es2023,dom,esnext.disposable"];
    execFileSync(process.execPath, [path.join(tools, "node_modules/typescript/bin/tsc"), ...options, ...lib, name], { cwd: folder, stdio: "pipe" });
  };
  const program = (last) => `import { MemoryFolder, Namespace, NotFound, OutOfBudget, Snapshot, canWait, interrupt, link } from "wasmdyld";
import type { Column, Found, Library, Linked, NamespaceOptions, ObjectInfo, RowsArgument, RowsOptions } from "wasmdyld";
const interruptFlag = new Int32Array(new SharedArrayBuffer(4));
const folder: MemoryFolder = await MemoryFolder.create({ "a.txt": "text" });
const options: NamespaceOptions = {
  libraryPath: ["lib", new URL("file:///lib")], stdout: (bytes) => void bytes.length, plt: "auto", maxObjects: 10,
  control: "budget", interruptFlag, snapshots: true, wasi: { folders: { "/data": folder }, maxFiles: 5 },
};
using ns = await Namespace.create(options);
const z: Library = await ns.load("libz.so");
const order = ns.callback("(i32 i32) -> i32", (a: number, b: number) => a - b);
const view: Uint8Array = ns.memory.view(Uint8Array, ns.memory.newString("text"), 4).array;
try {
  z.qsort(view.byteOffset, 4, 1, order);
  z.qsort(view.byteOffset, 4, 1, z.$function("compare"));
} catch (error) {
  if (error instanceof NotFound) console.error(error.code, error.symbols.length);
}
ns.define("env", "wait", "(i32) -> i32", async (n: number) => n, { async: true, override: true });
const column: Column = { address: 16, stride: 8 };
const columns: RowsArgument[] = [Int32Array.of(1), ns.memory.view(Float64Array, 8, 1), column, 5, 7n, "text"];
const rows: RowsOptions = { rows: 1, out: [new BigInt64Array(1), column] };
const all: Int32Array = z.$rows("f", columns, rows);
const global: WebAssembly.Global = ns.defineGlobal("env", "g", "i64", 5n, { mutable: true });
ns.defineMemory("env", "m", new WebAssembly.Memory({ initial: 1, maximum: 2 }), { maximum: 2 });
const sum: number = canWait ? await z.$async("crc32")(0, "text", 4) : z.$next("crc32")(0, null, 0);
ns.setTimeout(100);
ns.setBudget(10n ** 9n);
ns.setWatcher(10, () => sum === 0);
const left: bigint | undefined = ns.budgetLeft();
const snapshot: Snapshot = ns.snapshot();
await ns.restore(snapshot.bytes());
const infos: ObjectInfo[] = ns.objectInfos();
const found: Found | undefined = ns.dladdr(infos[0]?.place.memoryBase ?? 0, "data");
const { module, warnings }: Linked = await link("program.wasm", { exports: ["f"], strip: true });
interrupt(interruptFlag);
console.log(all.length, global.value, left, found?.symbol, module.length, warnings.join(), OutOfBudget.name);
const code: number = ${last};
console.log(code);
export {};
`;
  compiles("good.mts", program('await ns.run("hello.wasm", ["argument"])'));
  assert.throws(() => compiles("bad.mts", program('await ns.run("hello.wasm", [1])')), ({ stdout }) => /TS2322/.test(String(stdout)));
});

/** A library with a function that leaves no result, which engines refuse. */
const INVALID = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 0, 15, 8, ...Buffer.from("dylink.0"), 1, 4, 0, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b,
]);

test("the second module is read where it is wanted, or fetched before", async () => {
  const bytes = fs.readFileSync(path.join(installed, "dist/wasmdyld-aside.wasm"));
  const fetch = async () => new Response(INVALID);
  const refused = async (linkerAside) => {
    using ns = await Namespace.create({ libraryPath: "http://x.invalid/lib", fetch, ...(linkerAside && { linkerAside }) });
    return await ns.load("libx.so").then(() => assert.fail("it was loaded"), (error) => error);
  };
  for (const aside of [undefined, bytes, await WebAssembly.compile(bytes)]) {
    const error = await refused(aside);
    assert.match(error.message, /not a valid module: type mismatch.* at offset 0x/);
    assert.equal(error.code, "MALFORMED");
  }
  // What is loaded from bytes is asked for as well.
  for (const load of [(ns) => ns.loadBytes("libx.so", INVALID), (ns) => ns.run(INVALID), (ns) => (ns.addLibrary("libx.so", INVALID), ns.load("libx.so"))]) {
    using ns = await Namespace.create({ linkerAside: bytes });
    await assert.rejects(load(ns), /not a valid module: type mismatch.* at offset 0x/);
  }
  // Without it the engine's own words have to do.
  const error = await refused(path.join(installed, "dist/none.wasm"));
  assert.ok(error instanceof LinkError);
  assert.match(error.message, /JavaScript says: /);
});
