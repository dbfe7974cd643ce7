// One module of a program or library with all that it needs, by the linker's full module.
import { any, count, flag, func, list, options as checked, places, text as isText, type Checks } from "../check.js";
import { RUNTIME_PATH, SETTINGS, configure, type Settings } from "../config.js";
import { MOST_BYTES } from "../files.js";
import { Libraries } from "../libraries.js";
import { Linker, type LinkerSource } from "../linker.js";

export interface LinkOptions extends Pick<Settings, "runtimePath" | "preload" | "stackSize" | "bind" | "maxMemoryPages"> {
  /** Where libraries are searched, as in `Namespace.create`. */
  libraryPath?: string | URL | (string | URL)[];
  maxLibraryBytes?: number;
  fetch?: typeof globalThis.fetch;
  /** What to call a program or library of bytes. */
  name?: string;
  /** Symbols that the module exports, beside `memory` and `_start`, or `_initialize` and its own symbols for a library. */
  exports?: string[];
  /** Symbols that are kept whether anything reaches them or not, and are not exported. */
  keep?: string[];
  /** What stays imported, as "MODULE" or "MODULE.NAME", beside WASI: whoever runs the module defines it. */
  imports?: string[];
  /** What nothing reaches is kept. */
  noGc?: boolean;
  /** Functions have no names. */
  strip?: boolean;
  /** dlopen and its like are there and fail. */
  noDlopen?: boolean;
  /** It is to be a library: a program is an error. */
  library?: boolean;
  /** The module keeps what is known of its objects: a namespace that runs it opens more libraries beside them. */
  dynamic?: boolean;
  /** Debug information (DWARF) is kept. */
  debug?: boolean;
  /** The linker's full module, `wasmdyld-full.wasm`, where it does not lie beside this one. */
  linkerFull?: LinkerSource;
}

const { runtimePath, preload, stackSize, bind, maxMemoryPages } = SETTINGS;
const OPTIONS: Checks<LinkOptions> = {
  ...{ runtimePath, preload, stackSize, bind, maxMemoryPages },
  libraryPath: places,
  maxLibraryBytes: count,
  fetch: func,
  name: isText,
  exports: list,
  keep: list,
  imports: list,
  noGc: flag,
  strip: flag,
  noDlopen: flag,
  library: flag,
  dynamic: flag,
  debug: flag,
  linkerFull: any,
};

export interface Linked {
  module: Uint8Array;
  /** Where each object's data, slots and functions are: as `wasmdyld link --map` has it. */
  map: any;
  /** What is lost or unwise, for people. */
  warnings: string[];
}

const WASI = "wasi_snapshot_preview1";
/** Of wasm_dyld_link_flag_t. */
const FLAGS = { noGc: 1, strip: 2, noDlopen: 4, library: 8, dynamic: 16, debug: 64 } as const;
/** wasm_dyld_link_options_t, as C has it for 32 bits: where its fields are, and how many bytes it has. */
const FIELDS = { size: 0, file: 4, bytes: 8, bytesSize: 12, exports: 16, keep: 24, imports: 32, flags: 40, warning: 44, end: 88 } as const;

/**
 * Makes one module of a program or library and all libraries that it needs, in which nothing is left to link: any engine runs it, without this
 * package. A library becomes a reactor, whose `_initialize` is called first.
 */
export async function link(program: string | URL | Uint8Array, options: LinkOptions = {}): Promise<Linked> {
  checked("link", options, OPTIONS);
  let libraries!: Libraries;
  const files = { file: (place: string) => libraries.now(place), guestFile: () => undefined };
  const linker = await Linker.create(files, options, true);
  const path = options.libraryPath ?? [];
  libraries = new Libraries({
    libraryPath: Array.isArray(path) ? path : [path],
    sources: { fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)), mostBytes: options.maxLibraryBytes ?? MOST_BYTES },
    progress: undefined,
    needs: (bytes, place) => linker.needs(bytes, place, RUNTIME_PATH[options.runtimePath ?? "origin"]),
    provide: async () => 0,
    slim: () => undefined,
  });
  const given = program instanceof Uint8Array;
  const file = given ? (options.name ?? "module.wasm") : libraries.filePlace(program);
  await libraries.prefetch(options.preload ?? []);
  if (given) await libraries.given(file, program);
  else await libraries.file(file);
  return linkNow(linker, libraries, file, given ? program : undefined, options);
}

function linkNow(linker: Linker, libraries: Libraries, file: string, bytes: Uint8Array | undefined, options: LinkOptions): Linked {
  const warnings: string[] = [];
  linker.warning = (text) => warnings.push(text);
  const { noDlopen, ...settings } = options as LinkOptions & Settings;
  const config = configure(linker, libraries, settings);
  const pieces: [number, number][] = [];
  const copied = (from: Uint8Array): number => {
    const at = linker.alloc(from.length);
    linker.poke(at, from);
    pieces.push([at, from.length]);
    return at;
  };
  const text = (from: string): number => copied(new TextEncoder().encode(`${from.replaceAll("\0", "\u{fffd}")}\0`));
  const numbers = (from: number[]): number => copied(new Uint8Array(Uint32Array.from(from).buffer));
  try {
    const view = new DataView(new ArrayBuffer(FIELDS.end));
    const put = (at: number, value: number) => view.setUint32(at, value, true);
    put(FIELDS.size, FIELDS.end);
    put(FIELDS.file, text(file));
    if (bytes) {
      put(FIELDS.bytes, copied(bytes));
      put(FIELDS.bytesSize, bytes.length);
    }
    for (const name of ["exports", "keep", "imports"] as const) {
      // The linker is built without WASI, and knows none that stays.
      const list = [...(name === "imports" ? [WASI] : []), ...(options[name] ?? [])];
      put(FIELDS[name], numbers(list.map(text)));
      put(FIELDS[name] + 4, list.length);
    }
    const flags = { ...options, noDlopen };
    put(FIELDS.flags, Object.entries(FLAGS).reduce((all, [name, flag]) => (flags[name as keyof typeof FLAGS] ? all | flag : all), 0));
    put(FIELDS.warning, linker.plain("wasmdyld_warning_callback"));
    const at = copied(new Uint8Array(view.buffer));
    const told = linker.results("wasm_dyld_link", 2, (out) => [config, at, out, out + 8]);
    const [module, map] = [0, 8].map((vector) => {
      const [size, data] = [told.getUint32(vector, true), told.getUint32(vector + 4, true)];
      pieces.push([data, size]);
      return linker.peek(data, size);
    }) as [Uint8Array, Uint8Array];
    return { module, map: JSON.parse(new TextDecoder().decode(map)), warnings };
  } finally {
    for (const [at, size] of pieces) linker.release(at, size);
    linker.plain("wasm_dyld_config_delete", config);
  }
}
