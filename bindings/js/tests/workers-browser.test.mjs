// Namespaces in several workers of a page at once, in a headless Chromium.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { serve, withPage } = await import(pathToFileURL(path.join(import.meta.dirname, "../../../tests/web/chromium.mjs")).href);
const modules = path.join(process.env.WASMDYLD_TEST_JS, "..");
const guests = process.env.WASMDYLD_GUESTS;

/** What the page does: functions that give what workers have posted. */
const PAGE = `<!doctype html>
<script type="module">
const index = new URL("/modules/wasmdyld/dist/index.js", location).href;
const wasi = { shim: "/modules/@bjorn3/browser_wasi_shim/dist/index.js" };
const bytes = async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer());
const compiled = async (address) => {
  const all = await bytes(address);
  return { bytes: all, module: await WebAssembly.compile(all) };
};
const posted = (worker) =>
  new Promise((done, failed) => {
    worker.onmessage = ({ data }) => (data.error ? failed(new Error(data.error)) : done(data));
    worker.onerror = (event) => failed(new Error(event.message));
  });
const started = (message) => {
  const worker = new Worker("/tests/worker.mjs", { type: "module" });
  worker.postMessage({ index, wasi, ...message });
  return worker;
};
async function asked(message) {
  const worker = started(message);
  try {
    return await posted(worker);
  } finally {
    worker.terminate();
  }
}
const names = ["libc.so", "libdl.so", "libsqlite3.so"];
const libraries = await Promise.all(names.map(async (name) => ({ name, ...(await compiled("/guests/lib/" + name)) })));
const { module: linker } = await compiled("/modules/wasmdyld/dist/wasmdyld.wasm");
globalThis.sizes = libraries.map(({ bytes }) => bytes.length);
globalThis.queries = (numbers) => Promise.all(numbers.map((number) => asked({ work: "queries", linker, libraries, number })));
globalThis.opens = async () => {
  const folder = "/guests/cases/dl-hello";
  const folders = { "/plugins": { "libworld.so": await bytes(folder + "/plugins/libworld.so") } };
  return asked({ work: "opens", program: folder + "/main-pie.wasm", libraryPath: [folder, "/guests/lib"], wasi: { ...wasi, folders } });
};
globalThis.spins = async () => {
  const worker = started({ work: "spins" });
  const first = await posted(worker);
  const others = await queries([7]);
  worker.terminate();
  return { first, others };
};
globalThis.ready = true;
</script>`;

async function onPage(use) {
  const { server, address, requests } = await serve((asked) => {
    const [, folder, rest] = asked.match(/^\/([a-z]*)\/?([^]*)$/);
    if (folder === "") return { text: PAGE, type: "text/html" };
    const place = { modules, guests, tests: import.meta.dirname }[folder];
    return place && path.join(place, rest);
  });
  try {
    await withPage("chromium", async (page) => {
      await page.open(`${address}/`);
      await page.until("globalThis.ready");
      await use(page, requests);
      assert.deepEqual(page.errors, []);
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test("four workers with two namespaces each, of libraries that the page has compiled", () =>
  onPage(async (page, requests) => {
    const [all, sizes] = [await page.value("queries([1, 2, 3, 4])"), await page.value("sizes")];
    assert.deepEqual(all.map(({ number }) => number), [1, 2, 3, 4]);
    for (const { number, namespaces, compiled } of all) {
      const expected = [1, 2].map((n) => Array(5).fill(500_500 * number + n));
      assert.deepEqual(namespaces.map(({ answers }) => answers), expected);
      assert.deepEqual(compiled.filter((size) => sizes.includes(size)), []);
    }
    // By the page alone.
    const libraries = requests.filter((asked) => asked.startsWith("/guests/lib/"));
    assert.deepEqual(libraries.toSorted(), ["/guests/lib/libc.so", "/guests/lib/libdl.so", "/guests/lib/libsqlite3.so"]);
  }));

test("a guest in a worker opens libraries, by requests that it waits for", () =>
  onPage(async (page, requests) => {
    const told = await page.value("opens()");
    assert.equal(told.exit, 0, told.out);
    assert.match(told.out, /^hello, world$/m);
    assert.match(told.out, /^world, through hello: hello, from the plugin$/m);
    // The program does not need it: it was asked for when the program opened it.
    assert.ok(requests.includes("/guests/cases/dl-hello/libhello.so"), `${requests}`);
  }));

test("a guest that never comes back ends with its worker, and no other", () =>
  onPage(async (page) => {
    const { first, others } = await page.value("spins()");
    assert.equal(first, "spins");
    assert.equal(others[0].namespaces[1].answers[4], 500_500 * 7 + 2);
  }));
