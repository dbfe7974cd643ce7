// In a worker of a page: runs the programs that /runs has, and posts what each did.
import * as wasmdyld from "/modules/wasmdyld/dist/index.js";
import { makeWasi } from "/parts/wasi.js";

import { ended } from "./program.mjs";

const json = async (address) => (await fetch(address)).json();
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Folders as the package takes them, of those with numbers. */
function folders(numbered) {
  const all = numbered.map(() => ({}));
  numbered.forEach((entries, number) => {
    for (const [name, entry] of Object.entries(entries)) all[number][name] = typeof entry === "number" ? all[entry] : bytes(entry);
  });
  return all;
}

/** WASI with these folders in memory. A file that is served too is the same library by its path and by its name. */
async function wasiOf({ program, args, env, folders: numbered, dirs }) {
  const all = folders(numbered);
  const wasi = await makeWasi(program.slice(program.lastIndexOf("/") + 1), {
    args,
    env: Object.fromEntries(env),
    folders: Object.fromEntries(dirs.map(([folder, guest]) => [guest, all[folder]])),
    shim: "/modules/@bjorn3/browser_wasi_shim/dist/index.js",
  });
  const addresses = new Map();
  const note = (folder, guest, address) => {
    for (const [name, entry] of Object.entries(all[folder])) {
      if (entry instanceof Uint8Array) addresses.set(wasi.file(`${guest}/${name}`).identity, new URL(`${address}/${name}`, location.href).href);
      else note(all.indexOf(entry), `${guest}/${name}`, `${address}/${name}`);
    }
  };
  for (const [folder, guest, address] of dirs) if (address) note(folder, guest, address);
  const file = (path) => {
    const found = wasi.file(path);
    return found && { ...found, identity: addresses.get(found.identity) ?? found.identity };
  };
  return { ...wasi, file };
}

const results = [];
for (let number = 0, count = await json("/runs"); number < count; number++) {
  const run = await json(`/runs/${number}`);
  results.push(await ended(wasmdyld, run, await wasiOf(run)));
}
postMessage(JSON.stringify(results));
