// A worker of node's, or of a page's: does what a message says with namespaces of its own, and posts what came of it.
const inNode = typeof globalThis.process?.versions?.node === "string";
const port = inNode ? (await import("node:worker_threads")).parentPort : globalThis;

/** How many bytes the modules have that are compiled here, by whatever function. */
const compiled = [];
WebAssembly.Module = new Proxy(WebAssembly.Module, {
  construct: (target, [bytes]) => {
    compiled.push(bytes.byteLength);
    return new target(bytes);
  },
});
for (const name of ["compile", "compileStreaming"]) {
  const real = WebAssembly[name];
  WebAssembly[name] = (given) => {
    compiled.push(given.byteLength ?? -1);
    return real(given);
  };
}

/** Queries in several namespaces at once, of libraries that came compiled. */
async function queries({ index, linker, linkerAside, libraries, number, wasi }) {
  const { Namespace } = await import(index);
  const one = async (n) => {
    const ns = await Namespace.create({ linker, linkerAside, wasi });
    for (const { name, bytes, module } of libraries) ns.addLibrary(name, bytes, module);
    const sqlite = await ns.load("libsqlite3.so");
    const [handle, statement] = [ns.memory.alloc(4), ns.memory.alloc(4)];
    sqlite.sqlite3_open(":memory:", handle);
    const db = ns.memory.readU32(handle);
    const sql = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT sum(i) * ${number} + ${n} FROM n`;
    const answers = [];
    for (let time = 0; time < 5; time++) {
      sqlite.sqlite3_prepare_v2(db, sql, -1, statement, null);
      const prepared = ns.memory.readU32(statement);
      sqlite.sqlite3_step(prepared);
      answers.push(sqlite.sqlite3_column_int(prepared, 0));
      sqlite.sqlite3_finalize(prepared);
      // The other one's turn.
      await new Promise((done) => setTimeout(done));
    }
    const bytes = ns.memory.buffer.byteLength;
    ns.close();
    return { answers, bytes };
  };
  return { number, namespaces: await Promise.all([one(1), one(2)]), compiled };
}

/** A program that opens libraries itself. */
async function opens({ index, program, libraryPath, wasi }) {
  const { Namespace } = await import(index);
  let out = "";
  const decoder = new TextDecoder();
  const ns = await Namespace.create({ libraryPath, wasi, stdout: (bytes) => (out += decoder.decode(bytes, { stream: true })) });
  const before = ns.objects();
  const exit = await ns.run(program);
  ns.close();
  return { exit, out, before };
}

/** (func (export "spin") (loop (br 0))), in a library. */
const SPIN = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 0, 15, 8, 100, 121, 108, 105, 110, 107, 46, 48, 1, 4, 0, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0,
  7, 8, 1, 4, 115, 112, 105, 110, 0, 0, 10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b,
]);

/** A guest that never comes back. */
async function spins({ index, wasi }) {
  const { Namespace } = await import(index);
  const ns = await Namespace.create({ wasi });
  const lib = await ns.loadBytes("libspin.so", SPIN);
  port.postMessage("spins");
  lib.spin();
}

const WORK = { queries, opens, spins };
port.onmessage = async ({ data }) => {
  try {
    port.postMessage(await WORK[data.work](data));
  } catch (error) {
    port.postMessage({ error: error?.stack ?? String(error) });
  }
};
