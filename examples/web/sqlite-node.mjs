// SQLite as one module in node: `node sqlite-node.mjs sqlite3.wasm "SELECT 6 * 7"`.
import { readFile } from "node:fs/promises";
import { open } from "./sqlite.mjs";

const [module, sql] = process.argv.slice(2);
const database = await open(await readFile(module));
for (const { columns, rows } of database.query(sql)) {
  console.log([columns, ...rows].map((row) => row.join(" | ")).join("\n"));
}
