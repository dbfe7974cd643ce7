// SQLite as one module, for any host with JavaScript: a page, node, a worker. There is nothing between it and SQLite's C interface but this file.

const ROW = 100;
const DONE = 101;
const BLOB = 4;
const NULL = 5;

/** Of WASI: there is no such descriptor, and no such function. */
const BADF = 8;
const NOSYS = 52;

/** What a database in memory needs of WASI: no variables, no folders, clocks and random numbers. Each other function fails, and says so to the guest. */
function wasi(memory) {
  const given = {
    environ_sizes_get(count, size) {
      memory().setUint32(count, 0, true);
      memory().setUint32(size, 0, true);
      return 0;
    },
    environ_get: () => 0,
    fd_prestat_get: () => BADF,
    clock_time_get(clock, _precision, place) {
      const ms = clock === 0 ? Date.now() : performance.now();
      memory().setBigUint64(place, BigInt(Math.round(ms * 1e6)), true);
      return 0;
    },
    random_get(place, length) {
      // The browser gives at most 64 KiB at once.
      for (let at = 0; at < length; at += 65536) {
        crypto.getRandomValues(new Uint8Array(memory().buffer, place + at, Math.min(65536, length - at)));
      }
      return 0;
    },
    proc_exit(code) {
      throw new Error(`SQLite has ended with ${code}`);
    },
  };
  return new Proxy(given, { get: (all, name) => all[name] ?? (() => NOSYS) });
}

/** Opens a database in memory. `bytes` is the module that `wasmdyld link` made of libsqlite3.so. */
export async function open(bytes) {
  let exports;
  const memory = () => new DataView(exports.memory.buffer);
  const module = await WebAssembly.compile(bytes);
  ({ exports } = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi(memory) }));
  exports._initialize?.();

  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const text = (place) => {
    const bytes = new Uint8Array(exports.memory.buffer, place);
    return decoder.decode(bytes.subarray(0, bytes.indexOf(0)));
  };
  const allocate = (size) => {
    const place = exports.malloc(size);
    if (place === 0) throw new Error("out of memory");
    return place;
  };
  /** Where SQLite writes its pointers: a handle, and where the rest of a text begins. */
  const results = allocate(8);

  const place = allocate(16);
  new Uint8Array(exports.memory.buffer, place, 9).set(encoder.encode(":memory:\0"));
  const opened = exports.sqlite3_open(place, results);
  exports.free(place);
  const database = memory().getUint32(results, true);
  const check = (code) => {
    if (code !== 0) throw new Error(text(exports.sqlite3_errmsg(database)));
  };
  check(opened);

  const cell = (statement, column) => {
    const type = exports.sqlite3_column_type(statement, column);
    if (type === NULL) return null;
    if (type === BLOB) return `${exports.sqlite3_column_bytes(statement, column)} bytes`;
    return text(exports.sqlite3_column_text(statement, column));
  };

  function rows(statement, limit) {
    const columns = Array.from({ length: exports.sqlite3_column_count(statement) }, (_, column) => column);
    const names = columns.map((column) => text(exports.sqlite3_column_name(statement, column)));
    const found = [];
    let code;
    while ((code = exports.sqlite3_step(statement)) === ROW && found.length < limit) {
      found.push(columns.map((column) => cell(statement, column)));
    }
    if (code !== ROW && code !== DONE) check(code);
    return { columns: names, rows: found, more: code === ROW };
  }

  return {
    version: text(exports.sqlite3_libversion()),
    /**
     * Carries out all statements of a text. The result is a list of `columns` (names), `rows` (texts and nulls) and `more`, whether rows beyond
     * `limit` were left out, for each statement that has columns. An error of SQLite's is thrown with its words.
     */
    query(sql, limit = 1000) {
      const bytes = encoder.encode(`${sql}\0`);
      const start = allocate(bytes.length);
      new Uint8Array(exports.memory.buffer, start, bytes.length).set(bytes);
      const answers = [];
      try {
        for (let at = start; ; ) {
          check(exports.sqlite3_prepare_v2(database, at, -1, results, results + 4));
          const statement = memory().getUint32(results, true);
          const rest = memory().getUint32(results + 4, true);
          // Nothing but spaces and comments is left, or a semicolon too many.
          if (statement === 0 && rest === at) return answers;
          if (statement !== 0) {
            try {
              const answer = rows(statement, limit);
              if (answer.columns.length > 0) answers.push(answer);
            } finally {
              exports.sqlite3_finalize(statement);
            }
          }
          if (memory().getUint8(rest) === 0) return answers;
          at = rest;
        }
      } finally {
        exports.free(start);
      }
    },
  };
}
