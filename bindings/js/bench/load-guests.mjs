// Libraries for load.mjs: the same C for this project's guests and for emscripten.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

export const LIBRARIES = 30;
/** How many of those before it a library needs, and calls. */
const NEEDED = 2;

const nameOf = (n) => `part${String(n).padStart(2, "0")}`;
const neededBy = (n) => Array.from({ length: Math.min(n, NEEDED) }, (_, k) => n - 1 - k);

/** So many functions, 136 or more, which call each other and those of other libraries; tables of pointers to them, and data that others see. */
function library(n, functions) {
  const name = nameOf(n);
  const own = (k) => `${name}_function${k}`;
  const lines = neededBy(n).flatMap((m) => [
    `extern int ${nameOf(m)}_state[8];`,
    ...[0, 1, 2, 3].map((k) => `int ${nameOf(m)}_function${k * 10}(int);`),
  ]);
  lines.push(`int ${name}_state[8] = { ${n} };`);
  for (let k = 0; k < functions; k++) {
    const others = neededBy(n);
    const other = others.length > 0 && k % 25 === 24 ? others[k % others.length] : undefined;
    const call = other === undefined ? "x" : `${nameOf(other)}_function${(k % 4) * 10}(x) + ${nameOf(other)}_state[${k % 8}]`;
    const before = k > 0 && k % 3 === 0 ? `if (x > ${1000 + k}) return ${own(k - 1)}(x >> 1);` : "";
    lines.push(`int ${own(k)}(int x) {`, `  ${before}`, `  ${name}_state[${k % 8}] ^= x * ${k + n + 3};`, `  if (${name}_state[${(k + 3) % 8}] & ${1 << k % 8}) x += ${name}_state[${(k + 5) % 8}] >> 3;`, `  return (${call}) * ${2 * k + 3} + ${n};`, "}");
  }
  lines.push(`int (*const ${name}_table[])(int) = { ${Array.from({ length: 16 }, (_, k) => own(k * 9)).join(", ")} };`);
  lines.push(`int (*const ${name}_others[])(int) = { ${neededBy(n).map((m) => `${nameOf(m)}_function10`).concat(own(1)).join(", ")} };`);
  lines.push(`int ${name}_run(int x) { return ${name}_table[x & 15](x) + ${name}_others[0](x); }`, "");
  return lines.join("\n");
}

/** What uses all of them. */
function program() {
  const all = Array.from({ length: LIBRARIES }, (_, n) => nameOf(n));
  return [
    ...all.map((name) => `int ${name}_run(int);`),
    "int total(int x) {",
    "  int sum = 0;",
    ...all.map((name) => `  sum += ${name}_run(x);`),
    "  return sum;",
    "}",
    "",
  ].join("\n");
}

/** Builds both kinds in a folder, with so many functions in each library, and gives what was written. */
export function build(folder, functions, { cc, emcc }) {
  const source = path.join(folder, "source");
  const [ours, theirs] = ["ours", "emscripten"].map((kind) => path.join(folder, kind));
  fs.rmSync(folder, { recursive: true, force: true });
  for (const each of [source, ours, theirs]) fs.mkdirSync(each, { recursive: true });
  const write = (name, text) => {
    const file = path.join(source, `${name}.c`);
    fs.writeFileSync(file, text);
    return file;
  };
  // Where Debian has what its emscripten takes of npm.
  const env = { NODE_PATH: "/usr/share/nodejs", ...process.env };
  const run = (program, args, folder) => execFileSync(program, args, { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  const all = Array.from({ length: LIBRARIES }, (_, n) => n);
  const shared = ["-O2", "-fPIC", "-shared", "-nostdlib", "-Wl,--experimental-pic", "-Wl,--no-entry", "-Wl,--strip-all"];
  for (const n of all) {
    const file = write(nameOf(n), library(n, functions));
    const needed = neededBy(n).map(nameOf);
    run(cc, [...shared, file, ...needed.map((name) => `lib${name}.so`), "-o", `lib${nameOf(n)}.so`], ours);
    if (emcc) run(emcc, ["-O2", "-sSIDE_MODULE=1", file, ...needed.map((name) => `${name}.wasm`), "-o", `${nameOf(n)}.wasm`], theirs);
  }
  const file = write("program", program());
  run(cc, [...shared, file, ...all.map((n) => `lib${nameOf(n)}.so`), "-o", "libprogram.so"], ours);
  if (emcc) {
    const options = ["-O2", "-sMAIN_MODULE=2", "-sEXPORTED_FUNCTIONS=_total", "-sENVIRONMENT=node,web", "--no-entry", "-L."];
    run(emcc, [...options, file, ...all.map((n) => `${nameOf(n)}.wasm`), "-o", "program.js"], theirs);
  }
  return { ours, emscripten: theirs };
}
