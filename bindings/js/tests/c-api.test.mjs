// The C API and this package: each function has its name here, or there is a reason why not. `c-api.mjs` has both.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { BY_ITSELF, LEFT_OUT, NAMES } from "./c-api.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const installed = process.env.WASMDYLD_TEST_JS;
/** The package's own modules, with what it does not export. */
const modules = process.env.WASMDYLD_JS_MODULES;
const package_ = await import(pathToFileURL(path.join(installed, "dist/index.js")).href);
const header = fs.readFileSync(path.join(here, "../../../include/wasmdyld.h"), "utf8").replace(/\/\*.*?\*\//gs, "");
const files = (folder, end) => fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(end)).map((name) => fs.readFileSync(path.join(folder, name), "utf8"));
const sources = files(path.join(here, "../src"), ".ts").join("\n");
const types = files(path.join(installed, "dist"), ".d.ts").join("\n");

test("each function of the C API has a name here, or a reason why not", () => {
  const functions = new Set([...header.matchAll(/\bwasm_dyld_(\w+)\(/g)].map(([, name]) => name));
  assert.ok(functions.size > 120, `only ${functions.size} functions were seen`);
  const tables = [NAMES, BY_ITSELF, LEFT_OUT].map(Object.keys);
  const told = tables.flat();
  assert.deepEqual(told.filter((name, n) => told.indexOf(name) !== n), [], "in two tables");
  assert.deepEqual([...functions].filter((name) => !told.includes(name)), [], "functions without a word about them");
  assert.deepEqual(told.filter((name) => !functions.has(name)), [], "no functions of the C API");
  for (const [name, why] of Object.entries(LEFT_OUT)) assert.ok(why.length > 5, name);
});

test("those that the linker does are called, and no others", () => {
  const called = (name) => new RegExp(`\\bwasm_dyld_${name}\\b`).test(sources) || (name.startsWith("config_") && sources.includes(`set("${name.slice(7)}"`));
  assert.deepEqual(Object.keys(NAMES).filter((name) => !called(name)), []);
  assert.deepEqual([...Object.keys(BY_ITSELF), ...Object.keys(LEFT_OUT)].filter(called), []);
});

test("the names are there", () => {
  /** What a class, or the type of this name, declares. */
  const declared = (type, member) => {
    const found = new RegExp(`(?:class|interface) ${type}\\b[^{]*\\{(.*?)\\n\\}`, "s").exec(types);
    assert.ok(found, `there is no ${type}`);
    return new RegExp(`^    (?:static |readonly |get )*${member.replace("$", "\\$")}\\??[(:]`, "m").test(found[1]);
  };
  for (const [name, place] of Object.entries({ ...NAMES, ...BY_ITSELF })) {
    const [type, member] = place.split(".");
    if (member === undefined) assert.equal(typeof package_[type], "function", `${name}: ${place}`);
    else assert.ok(declared(type === "Library" ? "LibraryMethods" : type, member), `${name}: there is no ${place}`);
  }
});

test("each code of an error is a class", async () => {
  const { CODES, errorOf } = await import(pathToFileURL(path.join(modules, "errors.js")).href);
  const exported = await import(pathToFileURL(path.join(modules, "index.js")).href);
  assert.deepEqual(Object.keys(package_), Object.keys(exported));
  const codes = [...header.matchAll(/\bWASM_DYLD_(\w+) = (\d+),/g)].filter(([text]) => header.indexOf(text) < header.indexOf("enum wasm_dyld_symbol_kind_t"));
  assert.ok(codes.length >= 17);
  const ours = codes.map(([, name, number]) => [name, Number(number)]);
  assert.deepEqual(CODES.map(([name], number) => [name, number]), ours);
  const classes = new Set(CODES.slice(1).map(([, kind]) => kind));
  assert.equal(classes.size, CODES.length - 1);
  for (const [code, number] of ours.slice(1)) {
    const error = errorOf(number, "text", {});
    assert.ok(error instanceof exported.LinkError && error.constructor !== exported.LinkError, code);
    assert.deepEqual([error.code, exported[error.name]], [code, error.constructor]);
  }
});
