// Files that guests name by paths of their own: in the folders that WASI lets them use, and nowhere else.
import { MOST_BYTES, builtin, readFileNow } from "./files.js";
import type { Found } from "./libraries.js";

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
export function below(path: string, folder: string): string[] | undefined {
  if (path.endsWith("/")) return undefined;
  const [wanted, from] = [parts(path), parts(folder)];
  if (wanted === undefined || from === undefined) return undefined;
  return from.every((part, n) => wanted[n] === part) ? wanted.slice(from.length) : undefined;
}

/** The file of this machine at a guest's path; `preopens` has the folders by their names for guests. */
export function guestFile(preopens: Record<string, string>, path: string): Found | undefined {
  for (const [guest, host] of Object.entries(preopens)) {
    const found = onMachine(host, below(path, guest));
    if (found) return found;
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
    return readFileNow(file, { mostBytes: MOST_BYTES });
  } catch {
    return undefined;
  }
}
