// Runs programs with their libraries in namespaces of the package for JavaScript, one after the other in one process: `node namespace.mjs PACKAGE
// MANIFEST`. The manifest is JSON: a list of runs, each with `program`, `args`, `env`, `dirs` (pairs of a folder of this machine and its name for the guest),
// `libraryPath`, `preload` and `stackSize`. Each result is a line of JSON.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, manifest] = process.argv.slice(2);
const { Exit, Namespace, Trap } = await import(pathToFileURL(path.join(folder, "dist/index.js")).href);

/** The codes of `wasmdyld run`. */
const [CANNOT_LOAD, TRAPPED] = [127, 134];

async function run({ program, args, env, dirs, libraryPath, preload, stackSize }) {
  const streams = { stdout: [], stderr: [] };
  const text = (name) => Buffer.concat(streams[name]).toString();
  const ended = (exit, trap = "") => ({ exit, trap, stdout: text("stdout"), stderr: text("stderr") });
  try {
    const namespace = await Namespace.create({
      libraryPath,
      preload,
      ...(stackSize === null ? {} : { stackSize }),
      wasi: { env: Object.fromEntries(env), preopens: Object.fromEntries(dirs.map(([host, guest]) => [guest, host])) },
      stdin: "",
      stdout: (bytes) => streams.stdout.push(bytes),
      stderr: (bytes) => streams.stderr.push(bytes),
    });
    try {
      return ended(await namespace.run(program, args));
    } finally {
      namespace.close();
    }
  } catch (error) {
    if (error instanceof Trap) return ended(TRAPPED, error.message);
    if (error instanceof Exit) return ended(error.exitCode);
    if (error.code) return ended(CANNOT_LOAD, `${error.name}: ${error.message}`);
    return ended(null, error?.stack ?? String(error));
  }
}

for (const each of JSON.parse(fs.readFileSync(manifest, "utf8"))) {
  process.stdout.write(JSON.stringify(await run(each)) + "\n");
}
