// The package in a headless Chromium, on a page's own thread. Without that browser this is left out, which the runner says.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SPIN, library } from "./modules.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const { serve, withPage } = await import(pathToFileURL(path.join(here, "../../../tests/web/chromium.mjs")).href);
const installed = process.env.WASMDYLD_TEST_JS;
const guests = process.env.WASMDYLD_GUESTS;
const absent = spawnSync("chromium", ["--version"]).status !== 0;

const OPENS = library({
  imports: [["env", "dlopen", "i32 i32 -> i32"]],
  functions: { open: ["i32 -> i32", 0, [0x20, 0, 0x41, 2, 0x10, 0]], spin: SPIN },
  needed: ["libc.so", "libdl.so"],
});

const PAGE = `<!doctype html>
<script type="importmap">{ "imports": { "wasmdyld": "/package/wasmdyld/dist/index.js", "@bjorn3/browser_wasi_shim": "/package/@bjorn3/browser_wasi_shim/dist/index.js" } }</script>
<script type="module">
import { Namespace, TimedOut, canWait, link } from "wasmdyld";
const OPENS = Uint8Array.from(${JSON.stringify([...OPENS])});
globalThis.results = (async () => {
  const ns = await Namespace.create({ libraryPath: "/lib" });
  const z = await ns.load("libz.so");
  const crc = z.crc32(0, "123456789", 9) >>> 0;
  const rows = [...z.$rows("crc32", [0, "123456789", Int32Array.of(9, 1)])].map((one) => one >>> 0);
  // From wherever on the stack the linker is called, it is not ended in its midst.
  const near = new Set();
  let levels = 0;
  const down = () => {
    levels += 1;
    try { down(); } catch (error) { near.add(error.name); }
    // Each level has more of the stack left, and the last ones enough.
    if (levels-- % 8 === 0) try { z.crc32(0, "123456789", 9); near.add("done"); } catch (error) { near.add(error.name); }
  };
  down();
  const after = z.crc32(0, "123456789", 9) >>> 0;
  let refused = "";
  try { ns.loadNow("liblua.so"); } catch (error) { refused = error.message; }
  ns.close();
  let out = "";
  const programs = await Namespace.create({
    libraryPath: "/lib",
    wasi: { folders: { "/data": { "a.txt": "text" } } },
    stdout: (bytes) => { out += new TextDecoder().decode(bytes); },
  });
  const exit = await programs.run("/cases/hello/main-pie.wasm");
  programs.close();
  // What the guest opens is fetched while it waits; checks, snapshots and one module are of the other two modules.
  const waiting = await Namespace.create({ libraryPath: "/lib", snapshots: true, control: "interrupt" });
  const opens = await waiting.loadBytes("libopens.so", OPENS);
  const opened = canWait ? (await opens.$async("open")("libz.so")) !== 0 : "not here";
  const snapshot = waiting.snapshot();
  waiting.setTimeout(100);
  let ended;
  try { opens.spin(); } catch (error) { ended = error instanceof TimedOut; }
  await waiting.restore(snapshot);
  const objects = waiting.objects().includes("libz.so");
  waiting.close();
  const linked = await link("/cases/hello/main-pie.wasm", { libraryPath: "/lib" });
  const valid = WebAssembly.validate(linked.module);
  return { rows, near: [...near].sort(), after, crc, refused, out, exit, opened, ended, objects, valid };
})();
</script>`;

test("on a page", { skip: absent && "chromium is not here" }, async () => {
  const { server, address } = await serve((asked) => {
    if (asked === "/") return path.join(installed, "page.html");
    const rest = (folder) => (asked.startsWith(`${folder}/`) ? asked.slice(folder.length + 1) : undefined);
    if (rest("/package")) return path.join(installed, "..", rest("/package"));
    return path.join(guests, asked);
  });
  fs.writeFileSync(path.join(installed, "page.html"), PAGE);
  try {
    await withPage("chromium", async (page) => {
      await page.open(`${address}/`);
      const result = await page.value("globalThis.results");
      assert.deepEqual(page.errors, []);
      assert.equal(result.crc, 0xcbf43926);
      assert.deepEqual(result.rows, [0xcbf43926, 0x83dcefb7]);
      assert.deepEqual([result.near, result.after], [["LimitReached", "RangeError", "done"], 0xcbf43926]);
      assert.match(result.refused, /not fetched: `await prefetch`/);
      assert.deepEqual([result.opened, result.ended, result.objects, result.valid], [true, true, true, true]);
      assert.deepEqual([result.out, result.exit], ["Hello from a program with a shared libc.\n", 0]);
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
