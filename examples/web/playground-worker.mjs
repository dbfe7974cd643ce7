// Libraries that somebody has dropped, in a worker: read, linked by the package, and called. The page ends it when it takes too long.
import { File, OpenFile, WASI } from "./node_modules/@bjorn3/browser_wasi_shim/dist/index.js";
import { Namespace, inspect as look } from "./node_modules/wasmdyld/dist/index.js";
import { answer } from "./remote.mjs";

/** What is shown of a module: more is not read. */
const MOST = 500;
/** Pages of 64 KiB: 256 MiB. */
const MOST_MEMORY = 4096;

const folder = new URL("lib/", import.meta.url);
const files = new Map();
/** What of `lib` was asked for. */
const fetched = new Map();
let ns;
let library;
let printed = [];

function add(name, bytes) {
  files.set(name, bytes);
}

/** What a module says of itself. */
async function inspect(name) {
  const info = await look(files.get(name));
  const { imports, exports, notes } = info;
  const more = { imports: Math.max(0, imports.length - MOST), exports: Math.max(0, exports.length - MOST) };
  return { ...info, size: files.get(name).length, imports: imports.slice(0, MOST), exports: exports.slice(0, MOST), notes: notes.slice(0, 20), more };
}

async function bytesOf(name) {
  if (files.has(name)) return files.get(name);
  if (!fetched.has(name)) {
    const response = /^\.{0,2}$|[/\\]/.test(name) ? undefined : await fetch(new URL(encodeURIComponent(name), folder));
    fetched.set(name, response?.ok ? new Uint8Array(await response.arrayBuffer()) : undefined);
  }
  return fetched.get(name);
}

/** A library and all that it needs, breadth first: for each its depth, where it comes from, and what it needs. */
async function needs(name) {
  const all = new Map([[name, { name, depth: 0 }]]);
  for (const one of all.values()) {
    const bytes = await bytesOf(one.name);
    one.from = files.has(one.name) ? "dropped" : bytes ? "lib" : "missing";
    one.needed = bytes === undefined ? [] : (await look(bytes).catch(() => ({ needed: [] }))).needed;
    for (const needed of one.needed) {
      if (!all.has(needed) && all.size < MOST) all.set(needed, { name: needed, depth: one.depth + 1 });
    }
  }
  return [...all.values()];
}

/** Links a library, and gives the names of its functions. */
async function load(name) {
  ns?.close();
  library = undefined;
  printed = [];
  const decoder = new TextDecoder();
  const print = (bytes) => {
    if (printed.length < MOST) printed.push(decoder.decode(bytes, { stream: true }));
  };
  const shim = new WASI([], [], [0, 1, 2].map(() => new OpenFile(new File([]))), { debug: false });
  ns = await Namespace.create({
    libraryPath: folder,
    maxMemoryPages: MOST_MEMORY,
    wasi: { imports: shim.wasiImport, setMemory: (memory) => (shim.inst = { exports: { memory } }) },
    stdout: print,
    stderr: print,
  });
  for (const [file, bytes] of files) ns.addLibrary(file, bytes);
  library = await ns.load(name);
  const functions = [...library.$symbols()].filter(([, kind]) => kind === "function");
  return { functions: functions.map(([symbol]) => symbol).slice(0, MOST), objects: ns.objects(), printed: take() };
}

function take() {
  const text = printed.join("");
  printed = [];
  return text.slice(0, 100_000);
}

/** The text at an address, where it looks like one. */
function textAt(address) {
  try {
    const bytes = new Uint8Array(ns.memory.buffer, address >>> 0);
    const end = bytes.subarray(0, 2000).indexOf(0);
    if (end <= 0) return undefined;
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice(0, end));
    return /[\0-\x08\x0e-\x1f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

const SHOWN = { number: String, bigint: String, undefined: () => "nothing" };

/** Calls a function with arguments as they were typed: `kinds` are their types. */
function call(name, kinds, typed) {
  const values = kinds.map((kind, n) => argument(kind, typed[n].trim()));
  try {
    const result = library.$call(name, ...values);
    const all = Array.isArray(result) ? result : [result];
    const text = typeof result === "number" && Number.isInteger(result) && result > 1023 ? textAt(result) : undefined;
    return { result: all.map((one) => SHOWN[typeof one](one)).join(", "), text, printed: take() };
  } catch (error) {
    error.message = `${take()}${error.message}`;
    throw error;
  }
}

/** A number, or a text in quotes, of which a function gets the address of a copy. */
function argument(kind, typed) {
  const quoted = /^"(.*)"$/s.exec(typed);
  if (quoted && kind === "i32") return quoted[1];
  if (kind === "i64") {
    if (!/^-?(\d+|0x[0-9a-f]+)$/i.test(typed)) throw new TypeError(`${typed || "nothing"} is no integer`);
    return typed.startsWith("-") ? -BigInt(typed.slice(1)) : BigInt(typed);
  }
  const number = typed === "" ? NaN : Number(typed);
  if (Number.isNaN(number) && typed.toLowerCase() !== "nan") throw new TypeError(`${typed || "nothing"} is no number${kind === "i32" ? ", and no text in quotes" : ""}`);
  return number;
}

answer({ add, inspect, needs, load, call });
