// How long thirty libraries take to load, of few functions and of many, against emscripten's own loader, in one run: `cargo xtask js --bench`.
// Each time is the least of several processes, which take turns.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LIBRARIES, build } from "./load-guests.mjs";

const ROUNDS = Number(process.env.WASMDYLD_BENCH_ROUNDS ?? 15);
const EXPECTED_AT = 7;
/** How many functions a library has: what takes long by one loader and by the other is not the same. */
const FUNCTIONS = [300, 1000];

/** In a process of its own: milliseconds from the first statement, and from `Namespace.create`; and of the same again, when the linker's code is warm. */
async function ours(folder) {
  const begun = performance.now();
  const { Namespace } = await import(`${process.env.WASMDYLD_TEST_JS}/dist/index.js`);
  const load = async () => {
    const start = performance.now();
    const ns = await Namespace.create({ libraryPath: folder });
    const program = await ns.load("libprogram.so");
    const total = program.total(EXPECTED_AT);
    return { start, end: performance.now(), total };
  };
  const first = await load();
  const result = { whole: first.end - begun, load: first.end - first.start, total: first.total };
  if (process.env.WASMDYLD_BENCH_AGAIN) {
    const again = await load();
    result.again = again.end - again.start;
  }
  return result;
}

/** The same of emscripten's program, whose script does it all. */
async function emscripten(folder) {
  const begun = performance.now();
  const { createRequire } = await import("node:module");
  const require = createRequire(import.meta.url);
  // The loader of that time would take node's for a browser's.
  delete globalThis.fetch;
  process.chdir(folder);
  const program = require(path.join(folder, "program.js"));
  await new Promise((resolve) => (program.onRuntimeInitialized = resolve));
  const total = program._total(EXPECTED_AT);
  const end = performance.now();
  return { whole: end - begun, load: end - begun, total };
}

/** A process from its start to its end, and what it tells. */
function run(kind, folder, env = {}) {
  const start = performance.now();
  const told = execFileSync(process.execPath, [fileURLToPath(import.meta.url), kind, folder], { encoding: "utf8", env: { ...process.env, ...env } });
  return { process: performance.now() - start, ...JSON.parse(told) };
}

function main() {
  const { WASMDYLD_BENCH_FOLDER: folder, WASMDYLD_BENCH_CC: cc } = process.env;
  const emcc = found("emcc");
  if (!emcc) console.log("emcc is not on the PATH (Debian: apt-get install emscripten): the libraries are loaded by this package alone");
  for (const functions of FUNCTIONS) compare(functions, build(path.join(folder, String(functions)), functions, { cc, emcc }), emcc);
}

function compare(functions, folders, emcc) {
  const sides = [["ours", folders.ours], ...(emcc ? [["emscripten", folders.emscripten]] : [])];
  const least = Object.fromEntries(sides.map(([kind]) => [kind, {}]));
  const totals = new Set();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [kind, from] of round % 2 ? sides.toReversed() : sides) {
      const { total, ...times } = run(kind, from);
      totals.add(total);
      for (const [what, time] of Object.entries(times)) least[kind][what] = Math.min(least[kind][what] ?? Infinity, time);
    }
  }
  if (totals.size !== 1) throw new Error(`the libraries give different sums: ${[...totals].join(", ")}`);
  const rows = [
    ["load", "from Namespace.create, or emscripten's script, to the first call"],
    ["whole", "the same with the import of the package"],
    ["process", "the whole process"],
  ];
  console.log(`${LIBRARIES} libraries of ${functions} functions:`);
  for (const [what, text] of rows) {
    const [own, other] = [least.ours[what], least.emscripten?.[what]];
    const compared = other === undefined ? "" : `; emscripten: ${other.toFixed(1)} ms; ${(own / other).toFixed(2)} times as long`;
    console.log(`  ${text}: ${own.toFixed(1)} ms${compared}`);
  }
}

/** A program on the PATH. */
function found(name) {
  try {
    return execFileSync("sh", ["-c", 'command -v "$0"', name], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

const [kind, folder] = process.argv.slice(2);
if (kind === undefined) main();
else console.log(JSON.stringify(await (kind === "ours" ? ours : emscripten)(folder)));
