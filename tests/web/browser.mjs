// Runs modules in one page of a headless browser: `node browser.mjs CHROMIUM SHIM MANIFEST`, with the manifest and the results of node.mjs.
import fs from "node:fs";
import path from "node:path";

import { serve, withPage } from "./chromium.mjs";

const [chromium, shim, manifest] = process.argv.slice(2);
const here = import.meta.dirname;

/** A folder's files, which the page holds in memory. */
function contents(folder) {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  return Object.fromEntries(
    entries.map((entry) => {
      const file = path.join(folder, entry.name);
      return [entry.name, entry.isDirectory() ? contents(file) : fs.readFileSync(file, "base64")];
    }),
  );
}

const runs = JSON.parse(fs.readFileSync(manifest, "utf8"));
const told = runs.map(({ module, args, env, dirs }, number) => ({
  module: `/modules/${number}`,
  name: path.basename(module),
  args,
  env,
  dirs: dirs.map(([host, guest]) => [contents(host), guest]),
}));

function find(asked) {
  const [, folder, rest] = asked.match(/^\/([a-z]*)\/?([^]*)$/);
  if (asked === "/runs") return { text: JSON.stringify(told) };
  if (folder === "modules") return runs[rest]?.module;
  if (folder === "shim") return path.join(shim, rest);
  return path.join(here, asked);
}

const { server, address } = await serve(find);
try {
  const results = await withPage(chromium, async (page) => {
    await page.open(`${address}/page.html`);
    return page.value("globalThis.results");
  });
  for (const result of JSON.parse(results)) process.stdout.write(JSON.stringify(result) + "\n");
} finally {
  server.close();
  server.closeAllConnections();
}
