// What a module says of itself, without loading it.
import { Malformed } from "./errors.js";
import { Linker, type LinkerSource } from "./linker.js";

/** A module as `wasmdyld inspect` tells of it. Names are shown as text that is safe to print, and cut where nobody reads on. */
export interface ModuleInfo {
  /** What it is, in words: "a shared library". */
  is: string;
  /** Why it can be loaded neither as a library nor as a program. */
  refused: string | undefined;
  /** What it takes of memory and table: bytes of data, their alignment, slots. Nothing of a module that is not for dynamic linking. */
  takes: { memory: number; alignment: number; slots: number } | undefined;
  /** Libraries that it needs. */
  needed: string[];
  /** Folders where it wants them looked for. */
  searches: string[];
  /** `type` is such as "func (i32) -> i32". */
  imports: { module: string; name: string; type: string; weak: boolean }[];
  /** What others can be bound to; `type` is "data" for the address of some. */
  exports: { name: string; type: string }[];
  /** What is legal and often not meant. */
  notes: string[];
}

/** How many texts a row of the linker's has behind its kind. */
const TEXTS: Record<string, number> = { error: 1, is: 1, refused: 1, takes: 3, needs: 1, searches: 1, import: 4, export: 2, note: 1 };

/** Reads a module's bytes; a {@link Malformed} if they are none. `linker` is as in `Namespace.create`. */
export async function inspect(bytes: Uint8Array, linker?: LinkerSource): Promise<ModuleInfo> {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("inspect takes the bytes of a module, as a Uint8Array");
  const reader = await Linker.create({ file: () => undefined, guestFile: () => undefined }, { linker });
  const told = reader.tell("wasmdyld_inspect", bytes);
  if (told === undefined) throw new Malformed("MALFORMED", "it is no module");
  const info: ModuleInfo = { is: "", refused: undefined, takes: undefined, needed: [], searches: [], imports: [], exports: [], notes: [] };
  for (let at = 0; at < told.length; ) {
    const kind = told[at++]!;
    const [first = "", second = "", third = "", fourth = ""] = told.slice(at, at + TEXTS[kind]!);
    at += TEXTS[kind]!;
    if (kind === "error") throw new Malformed("MALFORMED", first);
    else if (kind === "is") info.is = first;
    else if (kind === "refused") info.refused = first;
    else if (kind === "takes") info.takes = { memory: Number(first), alignment: Number(second), slots: Number(third) };
    else if (kind === "needs") info.needed.push(first);
    else if (kind === "searches") info.searches.push(first);
    else if (kind === "import") info.imports.push({ module: first, name: second, type: third, weak: fourth !== "" });
    else if (kind === "export") info.exports.push({ name: first, type: second });
    else info.notes.push(first);
  }
  return info;
}
