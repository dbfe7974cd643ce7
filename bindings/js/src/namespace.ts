// A namespace: a memory, a table and the libraries linked in them.
import { Callback, MODULE, callbackLibrary } from "./callbacks.js";
import { apart } from "./apart.js";
import type { FunctionType } from "./engine.js";
import { InvalidArgument, NotFound } from "./errors.js";
import { MOST_BYTES } from "./files.js";
import { guestFile } from "./guest-paths.js";
import { Libraries, type Progress } from "./libraries.js";
import { makeLibrary, type Core, type Library, type Prepared, type Result } from "./library.js";
import { Linker, type LinkerSource } from "./linker.js";
import { Memory } from "./memory.js";
import { PREVIEW1 } from "./wasi-types.js";
import { isProvider, makeWasi, withStreams, type Streams, type WasiOptions, type WasiProvider } from "./wasi.js";

export interface NamespaceOptions extends Streams {
  /** Where libraries are searched, in order: folders of this machine (node), or addresses of folders, against the page's own. */
  libraryPath?: string | URL | (string | URL)[];
  /** How far what modules say themselves of folders for libraries (RUNTIME_PATH, -Wl,-rpath) is followed: within their own folder if not said. */
  runtimePath?: "off" | "origin" | "any";
  /** The most bytes that a library may have, of the web or of the machine: 256 MiB if not said. A longer response is cut off. */
  maxLibraryBytes?: number;
  /** Fetches what is on the web. */
  fetch?: typeof globalThis.fetch;
  /** What guests get of WASI. `false`: nothing, so that a library that imports some is refused. */
  wasi?: WasiOptions | WasiProvider | false;
  /** Libraries whose symbols come before those of all others. */
  preload?: (string | URL)[];
  /** Bytes of stack for libraries and position-independent programs: a MiB if not said. */
  stackSize?: number;
  /** "lazy": functions without a definition are an error when they are called. */
  bind?: "now" | "lazy";
  /** The most pages of 64 KiB that the memory may have. */
  maxMemoryPages?: number;
  /** Guests cannot open libraries themselves. */
  noDlopen?: boolean;
  progress?: (event: Progress) => void;
  /** Debug output: categories as for WASMDYLD_DEBUG ("libs,bindings"), and where it goes, the console if not said. */
  trace?: { categories: string; write?: (category: string, text: string) => void };
  /** The linker's own module, where it does not lie beside this one: an address, bytes, or compiled. */
  linker?: LinkerSource;
  /** The same for the second module, `wasmdyld-aside.wasm`, which is fetched for libraries of C++ and Rust, and for those that the engine refuses. */
  linkerAside?: LinkerSource;
}

export interface LoadOptions {
  /** The symbols serve libraries that are loaded later. */
  global?: boolean;
  bind?: "now" | "lazy";
  /** Never unloaded. */
  noDelete?: boolean;
  /** Its own group is searched before the global scope. */
  deepBind?: boolean;
}

/** Flags of wasm_dyld_load_flag_t. */
const FLAGS = { lazy: 1, now: 2, global: 256, noDelete: 4096, deepBind: 16384, program: 65536 };
/** Numbers of wasm_dyld_limit_t, wasm_dyld_bind_t and wasm_dyld_guest_flag_t. */
const [LIMIT_MEMORY_PAGES, BIND_LAZY, GUEST_NO_DLOPEN] = [0, 1, 1];
/** Of wasm_dyld_runtime_path_t. */
const RUNTIME_PATH = { off: 0, origin: 1, any: 2 };
const [SYMBOL_FUNCTION, SYMBOL_DATA] = [0, 1];

export class Namespace {
  /** The guest's memory: there is some as soon as something is loaded. */
  readonly memory: Memory;
  /** All that is in the global scope, as one library. */
  readonly symbols: Library;
  private handle = 0;
  private store = 0;
  private readonly core: Core;
  private wasiReady: Promise<void> | undefined;
  private callbacks = 0;
  /** By the linker's handles of functions. It takes a few thousand of them, and a function has one however often it is asked for. */
  private readonly prepared = new Map<number, Prepared>();
  /** By their types. */
  private readonly freeSlots = new Map<string, Slot[]>();

  /** Makes a namespace, with nothing in it. */
  static async create(options: NamespaceOptions = {}): Promise<Namespace> {
    let libraries!: Libraries;
    const write = options.trace?.write ?? ((category: string, text: string) => console.error(`${category}: ${text}`));
    const { wasi } = options;
    const files = {
      file: (place: string) => libraries.now(place),
      guestFile: (path: string) => (wasi && !isProvider(wasi) ? guestFile(wasi, path) : undefined),
    };
    const linker = await Linker.create({ ...files, trace: write }, options.linker, options.linkerAside);
    const path = options.libraryPath ?? [];
    libraries = new Libraries({
      libraryPath: Array.isArray(path) ? path : [path],
      sources: { fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)), mostBytes: options.maxLibraryBytes ?? MOST_BYTES },
      progress: options.progress,
      needs: (bytes, place) => linker.needs(bytes, place, RUNTIME_PATH[options.runtimePath ?? "origin"]),
      provide: (bytes, module) => linker.provide(bytes, module),
    });
    const namespace = new Namespace(linker, libraries, options);
    await libraries.prefetch(options.preload ?? []);
    return namespace;
  }

  private constructor(
    private readonly linker: Linker,
    private readonly libraries: Libraries,
    private readonly options: NamespaceOptions,
  ) {
    this.configure();
    this.memory = new Memory({
      memory: () => this.wasmMemory(),
      alloc: (size) => Number(this.out("wasm_dyld_alloc", (at) => [this.handle, BigInt(size), at]).getBigUint64(0, true)),
      free: (address) => linker.call("wasm_dyld_free", this.handle, BigInt(address >>> 0)),
    });
    this.core = {
      memory: this.memory,
      find: (object, name) => this.find(object, name),
      slot: (object, name) => this.valueOfSymbol(object, name),
      prepare: (func) => this.prepare(func),
      callPrepared: (prepared, values) => this.callPrepared(prepared, values),
      symbolsOf: (object) => this.symbolsOf(object),
      nameOf: (object) => linker.text(linker.plain("wasm_dyld_object_name", this.handle, object)),
      unload: (object) => {
        this.alive();
        linker.call("wasm_dyld_unload", this.handle, object);
        this.forgetPrepared();
      },
    };
    this.symbols = makeLibrary(this.core, 0);
  }

  private configure(): void {
    const { linker, options } = this;
    const config = linker.plain("wasm_dyld_config_new");
    const set = (name: string, ...args: (number | bigint | string)[]) => linker.call(`wasm_dyld_config_${name}`, config, ...args);
    linker.call("wasmdyld_give_files", config);
    for (const folder of this.libraries.folders) set("add_library_path", folder);
    for (const name of options.preload ?? []) set("add_preload", this.libraries.place(name));
    if (options.runtimePath !== undefined) set("set_runtime_path", RUNTIME_PATH[options.runtimePath]);
    if (options.stackSize !== undefined) set("set_stack_size", BigInt(options.stackSize));
    if (options.bind === "lazy") set("set_bind", BIND_LAZY);
    if (options.maxMemoryPages !== undefined) set("set_limit", LIMIT_MEMORY_PAGES, BigInt(options.maxMemoryPages));
    if (options.noDlopen) set("set_guest", GUEST_NO_DLOPEN);
    if (options.trace) set("set_trace", options.trace.categories, linker.plain("wasmdyld_trace_callback"), 0, 0);
    this.store = linker.engine.newStore();
    this.handle = linker.results("wasm_dyld_new", 1, (at) => [this.store, config, at]).getUint32(0, true);
    linker.call("wasmdyld_give_guest_files", this.handle);
  }

  /** The first of a function's results. */
  private out(name: string, args: (at: number) => (number | bigint | string | Uint8Array)[]): DataView {
    this.alive();
    return this.linker.results(name, 1, args);
  }

  private alive(): void {
    if (this.handle === 0) throw new InvalidArgument("INVALID_ARGUMENT", "the namespace has been closed");
  }

  private wasmMemory(): WebAssembly.Memory {
    const handle = this.out("wasm_dyld_memory", (at) => [this.handle, at]).getUint32(0, true);
    return this.linker.engine.extern(handle).value;
  }

  /** The table that function pointers lead into, as it is now: `table.get(pointer)` is a function of the guest's, which is called without the linker. */
  get table(): WebAssembly.Table {
    const handle = this.out("wasm_dyld_table", (at) => [this.handle, at]).getUint32(0, true);
    return this.linker.engine.extern(handle).value;
  }

  /** Fetches and compiles libraries with all that they need, for a load or a guest's dlopen that then waits for nothing. */
  async prefetch(names: Iterable<string | URL>): Promise<void> {
    this.alive();
    await this.libraries.prefetch(names);
  }

  /** Makes bytes the library of this name, in the place of a file. */
  addLibrary(name: string, bytes: Uint8Array): void {
    this.libraries.add(name, bytes);
  }

  /**
   * Loads a library with all that it needs: fetches and compiles in parallel, then links at once and runs constructors (dlopen). A name with a
   * slash is a place of its own; another is searched in `libraryPath`.
   */
  async load(name: string | URL, options: LoadOptions = {}): Promise<Library> {
    this.alive();
    const place = this.libraries.place(name);
    if (place.includes("/")) await this.libraries.file(place);
    else await this.libraries.prefetch([place]);
    await this.wasi("wasmdyld");
    return this.loadNow(name, options);
  }

  /** As {@link load}, of what has been fetched or can be read without waiting. */
  loadNow(name: string | URL, options: LoadOptions = {}): Library {
    this.alive();
    const place = this.libraries.place(name);
    return this.linked(String(name), () => this.out("wasm_dyld_load", (at) => [this.handle, place, flags(options), at]));
  }

  /** Loads a library from bytes; `name` is what others may need it as. */
  async loadBytes(name: string, bytes: Uint8Array, options: LoadOptions = {}): Promise<Library> {
    this.alive();
    await this.libraries.prefetchNeeded(bytes);
    await this.wasi("wasmdyld");
    return this.linked(name, () =>
      this.out("wasm_dyld_load_bytes", (at) => [this.handle, name, bytes, bytes.length, flags(options), at]),
    );
  }

  private linked(name: string, load: () => DataView): Library {
    const object = load().getUint32(0, true);
    apart(() => this.options.progress?.({ library: name, phase: "linked", size: 0 }));
    return makeLibrary(this.core, object);
  }

  /**
   * Runs a program: loads it with its libraries, calls its main function, and gives its exit code. A namespace runs one program, and loads it
   * before libraries.
   */
  async run(program: string | URL | Uint8Array, args: string[] = []): Promise<number> {
    this.alive();
    const given = program instanceof Uint8Array;
    const place = given ? "program.wasm" : this.libraries.filePlace(program);
    if (given) await this.libraries.prefetchNeeded(program);
    else await this.libraries.file(place);
    await this.wasi(place.slice(place.lastIndexOf("/") + 1), args);
    if (given) this.out("wasm_dyld_load_bytes", (at) => [this.handle, place, program, program.length, FLAGS.program, at]);
    else this.out("wasm_dyld_load", (at) => [this.handle, place, FLAGS.program, at]);
    return this.out("wasm_dyld_run", (at) => [this.handle, at]).getInt32(0, true);
  }

  /** Ends the guest as its `exit` does: exit handlers run, stdio is flushed. For namespaces without a program. */
  finish(): void {
    this.alive();
    this.linker.call("wasm_dyld_finish", this.handle);
  }

  /**
   * Defines a function for what is loaded from now on, which imports it as `module`.`name`: "env" is the module of C's undefined functions.
   * `signature` is such as "(i32 i64) -> f32"; an i64 is a bigint. What it throws ends the guest's call in a trap, whose `cause` it is.
   */
  define(module: string, name: string, signature: string, body: (...args: any[]) => any, options: { override?: boolean } = {}): void {
    this.alive();
    this.defineTyped(module, name, this.parse(signature), body, options.override ? 1 : 0);
  }

  private defineTyped(module: string, name: string, type: FunctionType, body: (...args: any[]) => any, flags = 0): void {
    const { engine } = this.linker;
    const own = engine.hostFunction(type, body);
    try {
      this.linker.call("wasm_dyld_define", this.handle, module, name, own, flags);
    } finally {
      engine.delete(own);
    }
  }

  private parse(signature: string): FunctionType {
    const ROOM = 64;
    const told = this.linker.results("wasm_dyld_parse_type", 2 + ROOM / 8, (at) => [signature, at + 16, ROOM, at, at + 8]);
    const [params, results] = [told.getUint32(0, true), told.getUint32(8, true)];
    if (params + results > ROOM) throw new RangeError(`a type of more than ${ROOM} values`);
    const kinds = Array.from({ length: params + results }, (_, n) => told.getUint8(16 + n));
    return { params: kinds.slice(0, params), results: kinds.slice(params) };
  }

  /**
   * A function pointer for guests to a function of JavaScript's, until it is closed. Something has to be loaded. A pointer that was closed serves the next
   * function of its type.
   */
  callback(signature: string, body: (...args: any[]) => any): Callback {
    this.alive();
    const type = this.parse(signature);
    const key = JSON.stringify(type);
    const free = this.freeSlots.get(key) ?? [];
    this.freeSlots.set(key, free);
    const slot = free.pop() ?? this.newSlot(type);
    slot.body = body;
    return new Callback(slot.number, () => {
      slot.body = undefined;
      free.push(slot);
    });
  }

  /** The linker never unloads what holds a number of a function of the host's, so slots are kept and used again. */
  private newSlot(type: FunctionType): Slot {
    const slot: Slot = { number: 0, body: undefined };
    const name = String(++this.callbacks);
    this.defineTyped(MODULE, name, type, (...args) => {
      if (slot.body === undefined) throw new Error("a callback was called after it was closed");
      return slot.body(...args);
    });
    const [bytes, file] = [callbackLibrary(name, type), `callback-${name}.so`];
    const object = this.out("wasm_dyld_load_bytes", (at) => [this.handle, file, bytes, bytes.length, 0, at]).getUint32(0, true);
    const place = this.linker.results("wasm_dyld_object_place", 4, (at) => [this.handle, object, at, at + 8, at + 16, at + 24]);
    slot.number = Number(place.getBigUint64(16, true));
    return slot;
  }

  /** The link map as text for people: what lies where in memory and table. */
  linkMap(): string {
    this.alive();
    return this.linker.text(this.linker.plain("wasm_dyld_link_map", this.handle));
  }

  /** The names of what is loaded, in that order. */
  objects(): string[] {
    this.alive();
    const count = this.linker.plain("wasm_dyld_object_count", this.handle) as number;
    return Array.from({ length: count }, (_, n) => this.core.nameOf(this.linker.plain("wasm_dyld_object_at", this.handle, n)));
  }

  /** Gives all of it up. Exit handlers do not run: see {@link finish}. Functions of its libraries must not be called any more. */
  close(): void {
    if (this.handle === 0) return;
    this.linker.plain("wasm_dyld_delete", this.handle);
    this.handle = 0;
    this.forgetPrepared();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private async wasi(program: string, args?: string[]): Promise<void> {
    if (this.wasiReady !== undefined) {
      if (args !== undefined) throw new InvalidArgument("INVALID_ARGUMENT", "a program is loaded before libraries, and one alone: make another namespace");
      return this.wasiReady;
    }
    this.wasiReady = this.defineWasi(program, args);
    return this.wasiReady;
  }

  private async defineWasi(program: string, args: string[] | undefined): Promise<void> {
    const { wasi = {} } = this.options;
    if (wasi === false) return;
    const provider = isProvider(wasi) ? wasi : await makeWasi(program, { ...wasi, args: args ?? wasi.args ?? [] });
    const memory = () => this.wasmMemory();
    const functions = withStreams(provider.imports, this.options, memory);
    let bound = provider.setMemory === undefined;
    const bind = () => {
      bound = true;
      provider.setMemory?.(memory());
    };
    for (const [name, parameters] of Object.entries(PREVIEW1)) {
      const own = name === "proc_exit" ? (code: number) => this.exit(code) : functions[name];
      const type = { params: [...parameters].map((letter) => (letter === "I" ? 1 : 0)), results: name === "proc_exit" ? [] : [0] };
      // There is no memory before the first load, during which constructors call.
      const body = own
        ? (...values: any[]) => {
            if (!bound) bind();
            return own(...values);
          }
        : () => NOT_SUPPORTED;
      this.defineTyped("wasi_snapshot_preview1", name, type, body);
    }
  }

  private exit(code: number): never {
    throw this.linker.engine.takeTrap(this.linker.plain("wasmdyld_exit", this.handle, code));
  }

  private find(object: number, name: string): ReturnType<Core["find"]> {
    const { linker } = this;
    let found: DataView;
    try {
      this.alive();
      found = linker.results("wasm_dyld_dlsym", 3, (at) => [this.handle, object, name, at, at + 8, 0]);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
    if (found.getUint32(0, true) === SYMBOL_FUNCTION) return { func: found.getUint32(8, true) };
    return { address: this.valueOfSymbol(object, name) };
  }

  private valueOfSymbol(object: number, name: string): number {
    const found = this.linker.results("wasm_dyld_dlsym", 2, (at) => [this.handle, object, name, at, 0, at + 8]);
    return Number(found.getBigUint64(8, true));
  }

  private prepare(func: number): Prepared {
    const known = this.prepared.get(func);
    if (known) return known;
    const { linker } = this;
    const ROOM = 256;
    const told = linker.results("wasm_dyld_function_type", 2 + ROOM / 8, (at) => [this.handle, func, at + 16, ROOM, at, at + 8]);
    const [params, results] = [told.getUint32(0, true), told.getUint32(8, true)];
    const kinds = Array.from({ length: Math.min(ROOM, params + results) }, (_, n) => told.getUint8(16 + n));
    const handle = linker.results("wasm_dyld_func_new", 1, (at) => [this.handle, func, at]).getUint32(0, true);
    const made = { handle, type: { params: kinds.slice(0, params), results: kinds.slice(params) } };
    this.prepared.set(func, made);
    return made;
  }

  /**
   * What an unloading takes along is not told, and handles of functions that are gone serve others: so all are made anew, by whoever calls a
   * function the next time.
   */
  private forgetPrepared(): void {
    for (const one of this.prepared.values()) {
      this.linker.plain("wasm_dyld_func_delete", one.handle);
      one.handle = 0;
    }
    this.prepared.clear();
  }

  private callPrepared({ handle, type }: Prepared, values: (number | bigint)[]): Result {
    const { params, results } = type;
    const count = Math.max(params.length, results.length);
    const cells = new DataView(new ArrayBuffer(8 * count));
    values.forEach((value, n) => writeCell(cells, n, params[n]!, value));
    const given = new Uint8Array(cells.buffer);
    const told = this.linker.results("wasm_dyld_func_call_cells", count, (at) => {
      this.linker.poke(at, given);
      return [handle, at, count];
    });
    if (results.length === 0) return undefined;
    const all = results.map((kind, n) => readCell(told, n, kind));
    return all.length === 1 ? all[0] : all;
  }

  private symbolsOf(object: number): Map<string, "function" | "data"> {
    this.alive();
    const found = new Map<string, "function" | "data">();
    if (object !== 0) {
      this.linker.symbols(this.handle, object, (name, kind) => found.set(name, kind === SYMBOL_DATA ? "data" : "function"));
    }
    return found;
  }
}

/** A table slot for functions of JavaScript's of one type, one at a time. */
interface Slot {
  number: number;
  body: ((...args: any[]) => any) | undefined;
}

/** ENOSYS of WASI. */
const NOT_SUPPORTED = 52;

function flags(options: LoadOptions): number {
  const { global, bind, noDelete, deepBind } = options;
  const chosen = [global && FLAGS.global, bind && FLAGS[bind], noDelete && FLAGS.noDelete, deepBind && FLAGS.deepBind];
  return chosen.reduce<number>((all, flag) => all | (flag || 0), 0);
}

function writeCell(cells: DataView, n: number, kind: number, value: number | bigint): void {
  if (kind === 1) cells.setBigInt64(8 * n, value as bigint, true);
  else if (kind === 2) cells.setFloat32(8 * n, value as number, true);
  else if (kind === 3) cells.setFloat64(8 * n, value as number, true);
  else cells.setInt32(8 * n, value as number, true);
}

function readCell(cells: DataView, n: number, kind: number): number | bigint {
  if (kind === 1) return cells.getBigInt64(8 * n, true);
  if (kind === 2) return cells.getFloat32(8 * n, true);
  if (kind === 3) return cells.getFloat64(8 * n, true);
  return cells.getInt32(8 * n, true);
}

