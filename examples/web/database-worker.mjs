// SQLite in a worker: libsqlite3.so, linked by the package, with extensions that are libraries too. Its file is in memory here, and kept in the
// browser's IndexedDB whenever no transaction is open.
import { Directory, File, OpenFile, PreopenDirectory, WASI } from "./node_modules/@bjorn3/browser_wasi_shim/dist/index.js";
import { Namespace } from "./node_modules/wasmdyld/dist/index.js";
import { answer } from "./remote.mjs";
import { Keep } from "./keep.mjs";

const [OK, ROW, DONE] = [0, 100, 101];
const [BLOB, NULL] = [4, 5];
const NAME = "page.db";
const MOST_ROWS = 1000;

const keep = new Keep("wasmdyld-database");
const folder = new Map();
let ns, sqlite, database, kept;
/** Two pointers for what SQLite gives back. */
let results;

/** SQLite sees one folder, with its database and what it writes beside that. */
function wasi() {
  const root = new PreopenDirectory("/", new Map([["data", new Directory(folder)]]));
  const shim = new WASI([], [], [0, 1, 2].map(() => new OpenFile(new File([]))).concat(root), { debug: false });
  return { imports: shim.wasiImport, setMemory: (memory) => (shim.inst = { exports: { memory } }) };
}

const text = (address) => ns.memory.string(address) ?? "";
const check = (code) => {
  if (code !== OK) throw new Error(text(sqlite.sqlite3_errmsg(database)));
};

async function open() {
  const bytes = await keep.get(NAME);
  if (bytes !== undefined) folder.set(NAME, new File(bytes));
  kept = bytes;
  ns = await Namespace.create({ libraryPath: new URL("lib", import.meta.url), wasi: wasi() });
  sqlite = await ns.load("libsqlite3.so", { global: true });
  results = ns.memory.alloc(8);
  const code = sqlite.sqlite3_open(`/data/${NAME}`, results);
  database = ns.memory.readU32(results);
  check(code);
  // Nobody else has the file; so SQLite opens one that has a log (journal_mode=WAL) as well.
  check(sqlite.sqlite3_exec(database, "PRAGMA locking_mode=EXCLUSIVE", 0, 0, 0));
  check(sqlite.sqlite3_enable_load_extension(database, 1));
  const missing = [];
  for (const name of await keep.names()) {
    if (name === NAME) continue;
    // One that does not open is no reason to go without the database.
    await loadExtension(name, await keep.get(name)).catch((error) => missing.push(`${name} does not open: ${error.message}`));
  }
  return { version: text(sqlite.sqlite3_libversion()), size: kept?.length ?? 0, extensions: [...extensions], missing };
}

const extensions = new Set();

async function loadExtension(name, bytes) {
  if (name === NAME) throw new Error(`${NAME} is the database`);
  ns.addLibrary(name, bytes);
  // With the libraries that it needs: SQLite opens it by the guest's own dlopen, which cannot wait.
  await ns.prefetch([name]);
  const code = sqlite.sqlite3_load_extension(database, name, 0, results);
  if (code !== OK) {
    const message = ns.memory.readU32(results);
    const why = text(message) || text(sqlite.sqlite3_errmsg(database));
    if (message !== 0) sqlite.sqlite3_free(message);
    throw new Error(why);
  }
  extensions.add(name);
}

/** Opens an extension, and keeps it for the next visit. */
async function extend(name, bytes) {
  await loadExtension(name, bytes);
  await keep.put(name, bytes);
  return [...extensions];
}

function cell(statement, column) {
  const type = sqlite.sqlite3_column_type(statement, column);
  if (type === NULL) return null;
  if (type === BLOB) return `${sqlite.sqlite3_column_bytes(statement, column)} bytes`;
  return text(sqlite.sqlite3_column_text(statement, column));
}

function rows(statement) {
  const columns = Array.from({ length: sqlite.sqlite3_column_count(statement) }, (_, column) => column);
  const names = columns.map((column) => text(sqlite.sqlite3_column_name(statement, column)));
  const found = [];
  let code;
  while ((code = sqlite.sqlite3_step(statement)) === ROW && found.length < MOST_ROWS) {
    found.push(columns.map((column) => cell(statement, column)));
  }
  if (code !== ROW && code !== DONE) check(code);
  return { columns: names, rows: found, more: code === ROW };
}

/** Carries out all statements of a text: columns and rows of each that has some, and whether the database was kept. */
async function query(sql) {
  const start = ns.memory.newString(sql);
  const answers = [];
  try {
    for (let at = start; ; ) {
      check(sqlite.sqlite3_prepare_v2(database, at, -1, results, results + 4));
      const statement = ns.memory.readU32(results);
      const rest = ns.memory.readU32(results + 4);
      const before = settled();
      if (statement !== 0) {
        try {
          const found = rows(statement);
          if (found.columns.length > 0) answers.push(found);
          // A transaction has begun, and has written nothing: what was done before is kept whatever becomes of it.
          if (before && !settled()) await save();
        } finally {
          sqlite.sqlite3_finalize(statement);
        }
      }
      if (rest === at || ns.memory.read(rest, 1)[0] === 0) break;
      at = rest;
    }
  } finally {
    ns.memory.free(start);
    // A file in the midst of a transaction is none to be kept.
    if (settled()) await save();
  }
  return { answers, open: !settled(), size: kept?.length ?? 0 };
}

const same = (a, b) => a !== undefined && a.length === b.length && a.every((byte, n) => byte === b[n]);

/** Whether no transaction is open. */
const settled = () => sqlite.sqlite3_get_autocommit(database) !== 0;

/** `SQLITE_CHECKPOINT_TRUNCATE` */
const TRUNCATE = 3;

/** Keeps the file, if it is another one than what is kept. */
async function save() {
  // What is in a log goes into the file.
  sqlite.sqlite3_wal_checkpoint_v2(database, 0, TRUNCATE, 0, 0);
  const { data } = folder.get(NAME) ?? {};
  if (data === undefined || same(kept, data)) return;
  const bytes = data.slice();
  await keep.put(NAME, bytes);
  kept = bytes;
}

/** Forgets the database and the extensions. */
async function forget() {
  await keep.clear();
}

answer({ open, extend, query, forget, bytes: () => kept });
