// As namespace.mjs, in a worker of a headless browser's page: `node namespaces.mjs BROWSER PACKAGE GUESTS MANIFEST`. The files are served, except for the
// guests' own folders, which the worker has in memory.
import fs from "node:fs";
import path from "node:path";

import { serve } from "./chromium.mjs";
import { withPage } from "./browsers.mjs";

const [browser, installed, guests, manifest] = process.argv.slice(2);
const here = import.meta.dirname;
const modules = path.join(installed, "..");
// The package's own code is one file, and does not give away its WASI.
const parts = process.env.WASMDYLD_JS_MODULES;

/** Folders by numbers: for each the names in it, and for these a folder's number or a file's bytes. A folder in several places has one number. */
function folders() {
  const [all, numbers] = [[], new Map()];
  const add = (folder) => {
    const real = fs.realpathSync(folder);
    const known = numbers.get(real);
    if (known !== undefined) return known;
    const entries = {};
    const number = all.push(entries) - 1;
    numbers.set(real, number);
    for (const entry of fs.readdirSync(real, { withFileTypes: true })) {
      const file = path.join(real, entry.name);
      entries[entry.name] = entry.isDirectory() ? add(file) : fs.readFileSync(file, "base64");
    }
    return number;
  };
  return { all, add };
}

const served = (file) => `/guests/${path.relative(guests, file).split(path.sep).join("/")}`;
const runs = JSON.parse(fs.readFileSync(manifest, "utf8"));

/** What the worker is told of one run. */
function told(number) {
  const { program, libraryPath, dirs, ...rest } = runs[number];
  const { all, add } = folders();
  // A folder of the guests is served as well.
  const given = dirs.map(([host, guest]) => [add(host), guest, host.startsWith(guests) ? served(host) : null]);
  return { ...rest, program: served(program), libraryPath: libraryPath.map(served), folders: all, dirs: given };
}

function find(asked) {
  const [, folder, rest] = asked.match(/^\/([a-z]*)\/?([^]*)$/);
  if (folder === "runs") return { text: JSON.stringify(rest === "" ? runs.length : told(Number(rest))) };
  if (folder === "guests") return path.join(guests, rest);
  if (folder === "modules") return path.join(modules, rest);
  if (folder === "parts") return path.join(parts, rest);
  return path.join(here, asked);
}

const { server, address } = await serve(find);
try {
  const results = await withPage(browser, async (page) => {
    await page.open(`${address}/namespaces.html`);
    return page.value("globalThis.results");
  });
  for (const result of JSON.parse(results)) process.stdout.write(JSON.stringify(result) + "\n");
} finally {
  server.close();
  server.closeAllConnections();
}
