// What a namespace and its loads are told.
import { any, count, flag, func, object, place, places, text, words, type Checks } from "./check.js";
import { SETTINGS, type Settings } from "./config.js";
import type { ControlMode } from "./control.js";
import type { Progress } from "./libraries.js";
import type { LinkerSource } from "./linker.js";
import type { Streams, WasiOptions, WasiProvider } from "./wasi.js";

export interface NamespaceOptions extends Settings, Streams {
  /** Where libraries are searched, in order: folders of this machine (node), or addresses of folders, against the page's own. */
  libraryPath?: string | URL | (string | URL)[];
  /** The most bytes that a library may have, of the web or of the machine: 256 MiB if not said. A longer response is cut off. */
  maxLibraryBytes?: number;
  /** Fetches what is on the web. */
  fetch?: typeof globalThis.fetch;
  /** What guests get of WASI. `false`: nothing, so that a library that imports some is refused. */
  wasi?: WasiOptions | WasiProvider | false;
  /** Guests can be stopped: by `interrupt` and `setTimeout`, or by `setBudget` besides. It makes them slower. */
  control?: ControlMode;
  /** What another worker sets by `interrupt(flag)` to interrupt what runs here: the first number, of a SharedArrayBuffer. It wants `control`. */
  interruptFlag?: Int32Array;
  /** Snapshots can be taken and restored. It wants the linker's full module. */
  snapshots?: boolean;
  progress?: (event: Progress) => void;
  /** Debug output: categories as for WASMDYLD_DEBUG ("libs,bindings"), and where it goes, the console if not said. */
  trace?: { categories: string; write?: (category: string, text: string) => void };
  /** The linker's own module, where it does not lie beside this one: an address, bytes, or compiled. */
  linker?: LinkerSource;
  /** The same for the second module, `wasmdyld-aside.wasm`: for libraries of C++ and Rust, for those that the engine refuses, and for `control`. */
  linkerAside?: LinkerSource;
  /** The same for the full module, `wasmdyld-full.wasm`: for `snapshots`. */
  linkerFull?: LinkerSource;
}

export const NAMESPACE: Checks<NamespaceOptions> = {
  libraryPath: places,
  maxLibraryBytes: count,
  fetch: func,
  wasi: (value) => (value === false ? undefined : object(value) && "an object, or false"),
  control: words("interrupt", "budget"),
  interruptFlag: (value) => (value instanceof Int32Array && value.length > 0 ? undefined : "an Int32Array, of a SharedArrayBuffer where another worker is to set it"),
  snapshots: flag,
  progress: func,
  trace: object,
  linker: any,
  linkerAside: any,
  linkerFull: any,
  stdin: (value) => (typeof value === "string" || typeof value === "function" || value instanceof Uint8Array ? undefined : "text, a Uint8Array, or a function"),
  stdout: func,
  stderr: func,
  ...SETTINGS,
};
export const TRACE: Checks<NonNullable<NamespaceOptions["trace"]>> = { categories: text, write: func };
/** A name that is searched, or a place. */
export const NAME = place;

export interface LoadOptions {
  /** The symbols serve libraries that are loaded later. */
  global?: boolean;
  bind?: "now" | "lazy";
  /** Never unloaded. */
  noDelete?: boolean;
  /** Its own group is searched before the global scope. */
  deepBind?: boolean;
}

export const LOAD: Checks<LoadOptions> = { global: flag, bind: words("now", "lazy"), noDelete: flag, deepBind: flag };

/** Flags of wasm_dyld_load_flag_t. */
export const FLAGS = { lazy: 1, now: 2, noLoad: 4, global: 256, noDelete: 4096, deepBind: 16384, program: 65536 };

export function flags(options: LoadOptions): number {
  const { global, bind, noDelete, deepBind } = options;
  const chosen = [global && FLAGS.global, bind && FLAGS[bind], noDelete && FLAGS.noDelete, deepBind && FLAGS.deepBind];
  return chosen.reduce<number>((all, flag) => all | (flag || 0), 0);
}
