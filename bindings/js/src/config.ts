// What the linker is told before it begins: for a namespace, and for one module.
import { count, flag, list, words, type Checks } from "./check.js";
import type { Libraries } from "./libraries.js";
import type { Linker } from "./linker.js";

/** What a configuration says. */
export interface Settings {
  /** How far what modules say themselves of folders for libraries (RUNTIME_PATH, -Wl,-rpath) is followed: within their own folder if not said. */
  runtimePath?: "off" | "origin" | "any";
  /** Libraries whose symbols come before those of all others. */
  preload?: (string | URL)[];
  /** Bytes of stack for libraries and position-independent programs: a MiB if not said. */
  stackSize?: number;
  /** "lazy": functions without a definition are an error when they are called. */
  bind?: "now" | "lazy";
  /** The most pages of 64 KiB that the memory may have. */
  maxMemoryPages?: number;
  /** The most slots of the table, 10,000,000 if not said. */
  maxTableSlots?: number;
  /** The most objects, 8,000 if not said. */
  maxObjects?: number;
  /** The most calls from guest to JavaScript to guest, one inside the other: 128 if not said. */
  maxNesting?: number;
  /** Bytes of memory that the linker may use for what is loaded; no bound if not said. */
  maxHostMemory?: number;
  /** How calls reach functions of other libraries: "wasm" by generated stubs always, "host" by JavaScript always, which is slow, and where nothing waits. */
  plt?: "auto" | "wasm" | "host";
  /** Guests cannot open libraries themselves. */
  noDlopen?: boolean;
  /** Guests see the places of libraries, in dlerror, dladdr and dlinfo, and not just the names of files. */
  guestsSeePaths?: boolean;
}

export const SETTINGS: Checks<Settings> = {
  runtimePath: words("off", "origin", "any"),
  preload: list,
  stackSize: count,
  bind: words("now", "lazy"),
  maxMemoryPages: count,
  maxTableSlots: count,
  maxObjects: count,
  maxNesting: count,
  maxHostMemory: count,
  plt: words("auto", "wasm", "host"),
  noDlopen: flag,
  guestsSeePaths: flag,
};

/** Of wasm_dyld_runtime_path_t. */
export const RUNTIME_PATH = { off: 0, origin: 1, any: 2 };
/** Numbers of wasm_dyld_limit_t, wasm_dyld_bind_t and wasm_dyld_guest_flag_t. */
const LIMITS = { maxMemoryPages: 0, maxTableSlots: 1, maxObjects: 2, maxNesting: 3, maxHostMemory: 4 } as const;
const PLT = { auto: 0, wasm: 1, host: 2 };
const [BIND_LAZY, GUEST_NO_DLOPEN, GUEST_SEES_PATHS] = [1, 1, 2];

/** A configuration; who calls gives it away. */
export function configure(linker: Linker, libraries: Libraries, settings: Settings): number {
  const config = linker.plain("wasm_dyld_config_new") as number;
  const set = (name: string, ...args: (number | bigint | string)[]) => linker.call(`wasm_dyld_config_${name}`, config, ...args);
  linker.call("wasmdyld_give_files", config);
  for (const folder of libraries.folders) set("add_library_path", folder);
  for (const name of settings.preload ?? []) set("add_preload", libraries.place(name));
  if (settings.runtimePath !== undefined) set("set_runtime_path", RUNTIME_PATH[settings.runtimePath]);
  if (settings.stackSize !== undefined) set("set_stack_size", BigInt(settings.stackSize));
  if (settings.bind === "lazy") set("set_bind", BIND_LAZY);
  for (const [name, limit] of Object.entries(LIMITS)) {
    const value = settings[name as keyof typeof LIMITS];
    if (value !== undefined) set("set_limit", limit, BigInt(value));
  }
  if (settings.plt !== undefined) set("set_plt", PLT[settings.plt]);
  const guest = (settings.noDlopen ? GUEST_NO_DLOPEN : 0) | (settings.guestsSeePaths ? GUEST_SEES_PATHS : 0);
  if (guest !== 0) set("set_guest", guest);
  return config;
}
