// The package in a headless Chromium, on a page's own thread. Without that browser this is left out, which the runner says.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const { serve, withPage } = await import(pathToFileURL(path.join(here, "../../../tests/web/chromium.mjs")).href);
const installed = process.env.WASMDYLD_TEST_JS;
const guests = process.env.WASMDYLD_GUESTS;
const absent = spawnSync("chromium", ["--version"]).status !== 0;

const PAGE = `<!doctype html>
<script type="importmap">{ "imports": { "wasmdyld": "/package/wasmdyld/dist/index.js", "@bjorn3/browser_wasi_shim": "/package/@bjorn3/browser_wasi_shim/dist/index.js" } }</script>
<script type="module">
import { Namespace } from "wasmdyld";
globalThis.results = (async () => {
  const ns = await Namespace.create({ libraryPath: "/lib" });
  const z = await ns.load("libz.so");
  const crc = z.crc32(0, "123456789", 9) >>> 0;
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
  return { crc, refused, out, exit };
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
      assert.match(result.refused, /not fetched: `await prefetch`/);
      assert.deepEqual([result.out, result.exit], ["Hello from a program with a shared libc.\n", 0]);
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
