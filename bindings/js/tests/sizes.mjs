// How large files are, as they are and compressed: `node sizes.mjs FILE...`
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

export function sizes(file) {
  const bytes = fs.readFileSync(file);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return { plain: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes, { params }).length };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const file of process.argv.slice(2)) {
    const { plain, gzip, brotli } = sizes(file);
    console.log(`    ${path.basename(file)}: ${plain} bytes, ${gzip} by gzip, ${brotli} by brotli`);
  }
}
