// The page of playground.html. Libraries are read and run in playground-worker.mjs, so that none of them can hold up the page.
import { picture, said } from "./needs.mjs";
import { Remote } from "./remote.mjs";

const LIMIT = 10_000;
/** Modules are smaller by far. */
const MOST_BYTES = 64 << 20;
const find = (id) => document.getElementById(id);

const dropped = new Map();
let shown;
let types = new Map();

const remote = new Remote(new URL("playground-worker.mjs", import.meta.url), { limit: LIMIT, restarted: () => (loaded = undefined) });
/** The library that the worker has linked, if it has. */
let loaded;

/** Names are a module's to choose: they are text, and never markup. */
function make(name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = className;
  return element;
}

function fail(why) {
  find("error").replaceChildren(...(why === undefined ? [] : [make("p", why.message, "error")]));
}

const status = (text) => (find("status").textContent = text);

/** Gives the worker what was dropped, once more if it is a new one. */
async function ask(name, ...args) {
  if (remote.worker === undefined) for (const [file, bytes] of dropped) await remote.call("add", [file, bytes]);
  return remote.call(name, args);
}

async function take(files) {
  fail();
  const names = [];
  for (const file of files) {
    if (file.size > MOST_BYTES) {
      fail(new Error(`${file.name} has ${file.size} bytes, and ${MOST_BYTES} are the most`));
      continue;
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    dropped.set(file.name, bytes);
    await ask("add", file.name, bytes);
    names.push(file.name);
  }
  if (names.length > 0) await show(names[0]);
}

async function show(name) {
  shown = name;
  loaded = undefined;
  find("module").hidden = true;
  find("calling").hidden = true;
  status(`reading ${name}`);
  try {
    const info = await ask("inspect", name);
    tell(name, info);
    await tellNeeds(name);
    status(`linking ${name}`);
    const { functions, objects, printed } = await link();
    types = new Map(info.exports.map((one) => [one.name, one.type]));
    choose(functions.filter((one) => types.has(one)));
    find("result").textContent = printed;
    status(`${name} is linked; in the namespace: ${objects.join(", ")}`);
  } catch (why) {
    fail(why);
    status(`${name} cannot be used`);
  }
}

async function link() {
  const told = await ask("load", shown);
  loaded = shown;
  return told;
}

function tell(name, { is, refused, size, takes, needed, searches, imports, exports, notes, more }) {
  find("module").hidden = false;
  find("module-title").textContent = name;
  const rows = [["is", is], ["size", `${size.toLocaleString("en")} bytes`]];
  if (refused) rows.push(["refused", refused]);
  if (takes) rows.push(["takes", `${takes.memory} bytes of memory, aligned to ${takes.alignment}; ${takes.slots} slots of the table`]);
  if (needed.length > 0) rows.push(["needs", needed.join(", ")]);
  if (searches.length > 0) rows.push(["searches", searches.join(", ")]);
  rows.push(...notes.map((note) => ["note", note]));
  find("facts").replaceChildren(...rows.flatMap(([key, value]) => [make("dt", key), make("dd", value)]));
  find("lists").replaceChildren(
    list(`Exports: ${exports.length + more.exports}`, exports.map((one) => `${one.name} ${one.type}`), more.exports),
    list(`Imports: ${imports.length + more.imports}`, imports.map((one) => `${one.module}.${one.name} ${one.type}${one.weak ? ", weak" : ""}`), more.imports),
  );
}

function list(title, lines, more) {
  const details = make("details");
  const items = make("ul");
  items.tabIndex = 0;
  items.setAttribute("aria-label", title);
  items.append(...lines.map((line) => make("li", line, "code")));
  if (more > 0) items.append(make("li", `and ${more} more`));
  details.append(make("summary", title), items);
  return details;
}

async function tellNeeds(name) {
  const all = await ask("needs", name);
  find("needs").replaceChildren(picture(all));
  const words = make("details");
  const items = make("ul");
  items.append(...all.map((one) => make("li", said(one), "code")));
  words.append(make("summary", "In words"), items);
  find("needs").nextElementSibling?.remove();
  find("needs").after(words);
}

function choose(functions) {
  find("function").replaceChildren(...functions.sort().map((name) => new Option(name)));
  find("calling").hidden = functions.length === 0;
  askArguments();
}

/** The kinds of parameters in a type such as "func (i32, i64) -> f64". */
function parameters(type) {
  const inside = /^func \(([^)]*)\)/.exec(type)?.[1] ?? "";
  return inside.split(/[,\s]+/).filter(Boolean);
}

function askArguments() {
  const kinds = parameters(types.get(find("function").value) ?? "");
  find("arguments").replaceChildren(
    ...kinds.map((kind, n) => {
      const field = make("div");
      const label = make("label", `Argument ${n + 1}, ${kind}`, "above");
      const input = make("input");
      input.id = label.htmlFor = `argument-${n}`;
      input.value = "0";
      input.autocomplete = "off";
      field.append(label, input);
      return field;
    }),
  );
}

async function call() {
  const name = find("function").value;
  const kinds = parameters(types.get(name) ?? "");
  const typed = [...find("arguments").querySelectorAll("input")].map((input) => input.value);
  fail();
  find("result").textContent = "";
  find("stop").disabled = false;
  try {
    if (loaded !== shown) await link();
    const { result, text, printed } = await ask("call", name, kinds, typed);
    const lines = [printed, `${name} gives ${result}`];
    if (text !== undefined) lines.push(`at that address: "${text}"`);
    find("result").textContent = lines.filter(Boolean).join("\n");
  } catch (why) {
    fail(why);
  }
  find("stop").disabled = true;
}

find("file").addEventListener("change", () => take([...find("file").files]).catch(fail));
find("function").addEventListener("change", askArguments);
find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  call();
});
find("stop").addEventListener("click", () => remote.end("it was stopped"));
const drop = find("drop");
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take([...event.dataTransfer.files]).catch(fail);
});
