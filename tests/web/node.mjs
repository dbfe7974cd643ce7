// Runs modules on node's own WASI, one after the other in one process: `node node.mjs MANIFEST`. The manifest is JSON: a list of runs, each with
// `module`, `args`, `env` and `dirs`, pairs of a folder of this machine and its name for the guest. Each result is a line of JSON.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { WASI } from "node:wasi";

import { ended } from "./ended.mjs";

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "one-module-"));

async function run({ module, args, env, dirs }) {
  const streams = ["stdin", "stdout", "stderr"].map((name) => fs.openSync(path.join(scratch, name), "w+"));
  const wasi = new WASI({
    version: "preview1",
    args: [path.basename(module), ...args],
    env: Object.fromEntries(env),
    preopens: Object.fromEntries(dirs.map(([host, guest]) => [guest, host])),
    stdin: streams[0],
    stdout: streams[1],
    stderr: streams[2],
  });
  const result = await ended(fs.readFileSync(module), wasi.getImportObject(), (instance) => wasi.start(instance));
  streams.forEach((stream) => fs.closeSync(stream));
  const text = (name) => fs.readFileSync(path.join(scratch, name), "utf8");
  return { ...result, stdout: text("stdout"), stderr: text("stderr") };
}

try {
  for (const each of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
    // The streams are files, so that this is all that goes to standard output.
    process.stdout.write(JSON.stringify(await run(each)) + "\n");
  }
} finally {
  fs.rmSync(scratch, { recursive: true });
}
