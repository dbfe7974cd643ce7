// In a browser: runs the programs that /runs lists, with browser_wasi_shim, and gives what each did.
import { Directory, File, OpenFile, PreopenDirectory, ConsoleStdout, WASI } from "/shim/index.js";

import { ended } from "./ended.mjs";

/** A folder of the manifest: names, and for each a folder or a file's bytes in base64. */
function folder(entries) {
  const files = Object.entries(entries).map(([name, entry]) => {
    if (typeof entry !== "string") return [name, new Directory(folder(entry))];
    return [name, new File(Uint8Array.from(atob(entry), (c) => c.charCodeAt(0)))];
  });
  return new Map(files);
}

async function run({ module, name, args, env, dirs }) {
  const streams = { stdout: [], stderr: [] };
  const collect = (into) => new ConsoleStdout((bytes) => into.push(...bytes));
  const wasi = new WASI(
    [name, ...args],
    env.map(([key, value]) => `${key}=${value}`),
    [
      new OpenFile(new File([])),
      collect(streams.stdout),
      collect(streams.stderr),
      ...dirs.map(([entries, guest]) => new PreopenDirectory(guest, folder(entries))),
    ],
    { debug: false },
  );
  const bytes = await (await fetch(module)).arrayBuffer();
  const result = await ended(bytes, { wasi_snapshot_preview1: wasi.wasiImport }, (instance) => wasi.start(instance));
  const text = (bytes) => new TextDecoder().decode(new Uint8Array(bytes));
  return { ...result, stdout: text(streams.stdout), stderr: text(streams.stderr) };
}

globalThis.results = (async () => {
  const results = [];
  for (const each of await (await fetch("/runs")).json()) {
    results.push(await run(each));
  }
  return JSON.stringify(results);
})();
