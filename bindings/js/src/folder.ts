// A folder in memory that programs and JavaScript have in common.
import { options as checked, place } from "./check.js";
import { InvalidArgument, NotFound } from "./errors.js";
import { shimOf } from "./shim.js";
import type { Folder } from "./wasi.js";

type Entries = Map<string, any>;

/** The parts of a path in a folder; an error for one that leads elsewhere. */
function parts(path: string): string[] {
  const all = path.split("/");
  if (all.some((part) => part === "" || part === "." || part === ".." || part.includes("\0"))) {
    throw new InvalidArgument("INVALID_ARGUMENT", `${JSON.stringify(path)} is no path in a folder: names with a slash between them, and none that is "." or ".."`);
  }
  return all;
}

/** An object of names and nothing else: an ArrayBuffer, a list or a folder of another copy of this package would become an empty folder, or one of other things. */
export function checkFolder(contents: unknown): void {
  const above = typeof contents === "object" && contents !== null ? Object.getPrototypeOf(contents) : undefined;
  if (above === null || (above !== undefined && Object.getPrototypeOf(above) === null)) return;
  throw new InvalidArgument("INVALID_ARGUMENT", "what is in a folder is text, a Uint8Array, or an object of such by their names");
}

/** Gives guests the same files as JavaScript, and several namespaces as well: `wasi: { folders: { "/data": folder } }`. */
export class MemoryFolder {
  private constructor(
    private readonly shim: any,
    /** What WASI has as the folder's entries. */
    readonly entries: Entries,
  ) {}

  /** A folder with these files. `shim` is the address of `@bjorn3/browser_wasi_shim`, where nothing else tells it. */
  static async create(contents: Folder = {}, options: { shim?: string | URL } = {}): Promise<MemoryFolder> {
    checked("MemoryFolder.create", options, { shim: place });
    const shim = await shimOf(options.shim);
    const folder = new MemoryFolder(shim, new Map());
    folder.fill(contents, "", new Set());
    return folder;
  }

  /** `open`: the folders that it is in. */
  private fill(contents: Folder, before: string, open: Set<Folder>): void {
    checkFolder(contents);
    if (open.has(contents)) throw new InvalidArgument("INVALID_ARGUMENT", `${before} is in itself`);
    open.add(contents);
    for (const [name, entry] of Object.entries(contents)) {
      const path = before + name;
      if (typeof entry === "string" || entry instanceof Uint8Array) {
        this.write(path, entry);
      } else {
        this.make(path);
        this.fill(entry, `${path}/`, open);
      }
    }
    open.delete(contents);
  }

  /** Puts a file into it, with the folders on the way; the bytes are copied. */
  write(path: string, contents: Uint8Array | string): void {
    const all = parts(path);
    const name = all.pop()!;
    const entries = this.folder(all);
    if (isFolder(entries.get(name))) throw new InvalidArgument("INVALID_ARGUMENT", `${path} is a folder`);
    const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents.slice();
    // What guests have open of a file stays the same file.
    const there = entries.get(name);
    if (isFile(there)) there.data = bytes;
    else entries.set(name, new this.shim.File(bytes));
  }

  /** Makes a folder, with those on the way. One that is there is as good. */
  make(path: string): void {
    this.folder(parts(path));
  }

  /** The bytes of a file. */
  read(path: string): Uint8Array {
    const found = this.find(parts(path));
    if (!isFile(found)) throw new NotFound("NOT_FOUND", `${path}: there is no such file`);
    return found.data.slice();
  }

  /** Removes a file, or a folder with all that is in it. What guests have open of it stays until they close it. */
  remove(path: string): void {
    const all = parts(path);
    const name = all.pop()!;
    const above = all.length === 0 ? this.entries : this.find(all)?.contents;
    if (!above?.delete(name)) throw new NotFound("NOT_FOUND", `${path}: there is nothing`);
  }

  /** Removes all that is in it. */
  clear(): void {
    this.entries.clear();
  }

  /** The paths of all files, and of folders that are empty, each of these with a slash at its end. */
  list(): string[] {
    const found: string[] = [];
    const open: [string, Entries][] = [["", this.entries]];
    for (let next = open.pop(); next; next = open.pop()) {
      const [before, entries] = next;
      for (const [name, entry] of entries) {
        if (!isFolder(entry)) found.push(before + name);
        else if (entry.contents.size === 0) found.push(`${before}${name}/`);
        else open.push([`${before}${name}/`, entry.contents]);
      }
    }
    return found.sort();
  }

  private find(path: string[]): any {
    let entry: any = { contents: this.entries };
    for (const part of path) entry = isFolder(entry) ? entry.contents.get(part) : undefined;
    return entry;
  }

  /** The entries of a folder, which is made if it is missing. */
  private folder(path: string[]): Entries {
    let entries = this.entries;
    for (const part of path) {
      let next = entries.get(part);
      if (next === undefined) {
        next = new this.shim.Directory(new Map());
        entries.set(part, next);
      }
      if (!isFolder(next)) throw new InvalidArgument("INVALID_ARGUMENT", `${path.join("/")}: ${part} is a file`);
      entries = next.contents;
    }
    return entries;
  }
}

const isFolder = (entry: any): boolean => entry?.contents instanceof Map;
/** No folder, and none of the links that guests make. */
const isFile = (entry: any): boolean => entry?.data instanceof Uint8Array;
