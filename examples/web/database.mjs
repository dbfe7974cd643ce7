// The page of database.html. SQLite itself is in database-worker.mjs.
import { Remote } from "./remote.mjs";

const find = (id) => document.getElementById(id);
const controls = ["run", "extension", "save", "forget"].map(find);

/** What a database holds is text, and never markup. */
function make(name, className = "", text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

function table({ columns, rows, more }) {
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const name of columns) {
    const cell = make("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((value) => line.append(make("td", value === null ? "null" : "", value ?? "NULL")));
  }
  const answer = make("div", "wide");
  // What is wider than the page is moved by the keyboard too.
  answer.tabIndex = 0;
  answer.setAttribute("role", "region");
  answer.setAttribute("aria-label", `columns ${columns.join(", ")}`);
  answer.append(table);
  const count = `${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
  return [answer, make("p", "note", more ? `the first ${count}` : count)];
}

const show = (...elements) => find("answers").replaceChildren(...elements);

function failed(why) {
  const element = make("p", "error", why.message);
  element.setAttribute("role", "alert");
  show(element);
}

function kept({ size, open = false }) {
  const about = size === 0 ? "There is no database yet." : `The database has ${size.toLocaleString("en")} bytes, and is here again after a reload.`;
  find("kept").textContent = open ? `${about} A transaction is open: what it does is kept when it ends.` : about;
}

function extended(names, missing = []) {
  const open = names.length === 0 ? "None is open." : `Open: ${names.join(", ")}`;
  find("extensions").textContent = [open, ...missing].join("\n");
}

// A worker that has never answered is not made again.
const restarted = () => {
  if (remote.started) start(false);
};
const remote = new Remote(new URL("database-worker.mjs", import.meta.url), { limit: 30_000, restarted });

/** Something that the worker does, during which nothing else is asked of it. */
async function during(work) {
  const focused = document.activeElement;
  controls.forEach((control) => (control.disabled = true));
  find("stop").disabled = false;
  try {
    await work();
  } catch (why) {
    failed(why);
  }
  find("stop").disabled = true;
  if (remote.started) {
    controls.forEach((control) => (control.disabled = false));
    // A control that was disabled has lost the keyboard.
    if (document.activeElement === document.body) focused?.focus();
  } else {
    // What is kept may be the reason.
    find("forget").disabled = false;
  }
}

async function start(first = true) {
  remote.started = false;
  await during(async () => {
    try {
      const { version, size, extensions, missing } = await remote.call("open");
      find("about").textContent = `SQLite ${version} in this page, linked when it was opened, by wasmdyld; the database stays in this browser`;
      kept({ size });
      extended(extensions, missing);
      remote.started = true;
    } catch (why) {
      find("about").textContent = "SQLite could not be opened";
      if (first) throw why;
    }
  });
}

function run() {
  if (find("run").disabled) return;
  const start = performance.now();
  during(async () => {
    const told = await remote.call("query", [find("sql").value]);
    const took = `done in ${(performance.now() - start).toFixed(1)} ms`;
    show(...told.answers.flatMap(table), make("p", "note", took));
    kept(told);
  });
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
find("sql").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
find("stop").addEventListener("click", () => remote.end("it was stopped"));
find("extension").addEventListener("change", () => {
  const [file] = find("extension").files;
  if (file === undefined) return;
  during(async () => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    extended(await remote.call("extend", [file.name, bytes]));
    show(make("p", "note", `${file.name} is open`));
  });
  find("extension").value = "";
});
find("save").addEventListener("click", () =>
  during(async () => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([await remote.call("bytes")], { type: "application/vnd.sqlite3" }));
    link.download = "page.db";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }),
);
find("forget").addEventListener("click", () => {
  if (!confirm("Forget the database and the extensions?")) return;
  during(async () => {
    await remote.call("forget");
    show(make("p", "note", "forgotten"));
    remote.started = true;
    remote.end("forgotten");
  });
});

await start();
