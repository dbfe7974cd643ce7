// Runs programs with their libraries in namespaces of the package for JavaScript, one after the other in one process: `node namespace.mjs PACKAGE
// MANIFEST`. The manifest is JSON: a list of runs, each with `program`, `args`, `env`, `dirs` (pairs of a folder of this machine and its name for the guest),
// `libraryPath`, `preload` and `stackSize`. Each result is a line of JSON.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { ended } from "./program.mjs";

const [folder, manifest] = process.argv.slice(2);
const wasmdyld = await import(pathToFileURL(path.join(folder, "dist/index.js")).href);

for (const run of JSON.parse(fs.readFileSync(manifest, "utf8"))) {
  const preopens = Object.fromEntries(run.dirs.map(([host, guest]) => [guest, host]));
  const result = await ended(wasmdyld, run, { env: Object.fromEntries(run.env), preopens });
  process.stdout.write(JSON.stringify(result) + "\n");
}
