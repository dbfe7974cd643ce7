// Files that guests name by paths of their own: in the folders that WASI lets them use, and nowhere else.
import { MOST_BYTES, builtin, identityOf, inNode, readFileNow } from "./files.js";
import { MemoryFolder } from "./folder.js";
import type { Found } from "./libraries.js";
import type { Folder, WasiOptions } from "./wasi.js";

/** The parts of a path without "." and ".."; nothing where it leads above its beginning. */
function parts(path: string): string[] | undefined {
  const all: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (all.pop() === undefined) return undefined;
    } else {
      all.push(part);
    }
  }
  return all;
}

/** What is below a folder's name in a path. */
function below(path: string, folder: string): string[] | undefined {
  if (path.endsWith("/")) return undefined;
  const [wanted, from] = [parts(path), parts(folder)];
  if (wanted === undefined || from === undefined) return undefined;
  return from.every((part, n) => wanted[n] === part) ? wanted.slice(from.length) : undefined;
}

/** The file at a guest's path, if it has one there. */
export function guestFile(wasi: WasiOptions, path: string): Found | undefined {
  for (const [guest, host] of Object.entries(inNode ? (wasi.preopens ?? {}) : {})) {
    const found = onMachine(host, below(path, guest));
    if (found) return found;
  }
  for (const [guest, folder] of Object.entries(wasi.folders ?? {})) {
    const rest = below(path, guest);
    const found = folder instanceof MemoryFolder ? shared(folder, rest) : inMemory(folder, rest);
    if (found) return { bytes: found, identity: `guest:${guest}/${rest!.join("/")}` };
  }
  return undefined;
}

function onMachine(host: string, rest: string[] | undefined): Found | undefined {
  if (rest === undefined || rest.length === 0) return undefined;
  const [fs, path] = [builtin("node:fs"), builtin("node:path")];
  try {
    // Symbolic links lead no guest out of its folder.
    const root = fs.realpathSync(host);
    const file = fs.realpathSync(path.join(root, ...rest));
    if (!file.startsWith(root.endsWith(path.sep) ? root : root + path.sep)) return undefined;
    return { bytes: readFileNow(file, { mostBytes: MOST_BYTES }), identity: identityOf(file) };
  } catch {
    return undefined;
  }
}

function inMemory(folder: Folder, rest: string[] | undefined): Uint8Array | undefined {
  let entry: Folder[string] | undefined = rest === undefined ? undefined : folder;
  for (const part of rest ?? []) {
    if (entry === undefined || typeof entry === "string" || entry instanceof Uint8Array) return undefined;
    entry = Object.hasOwn(entry, part) ? entry[part] : undefined;
  }
  return entry instanceof Uint8Array ? entry : undefined;
}

function shared(folder: MemoryFolder, rest: string[] | undefined): Uint8Array | undefined {
  try {
    return rest === undefined || rest.length === 0 ? undefined : folder.read(rest.join("/"));
  } catch {
    return undefined;
  }
}
