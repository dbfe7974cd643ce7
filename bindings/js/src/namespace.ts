// A namespace: a memory, a table and the libraries linked in them.
import { Callback, MODULE, callbackLibrary } from "./callbacks.js";
import { apart } from "./apart.js";
import { readCell, writeCell } from "./cells.js";
import { func, integer, must, options as checked, text, texts, words, type Check } from "./check.js";
import { RUNTIME_PATH, configure } from "./config.js";
import { CONTROL, Control } from "./control.js";
import type { FunctionType } from "./engine.js";
import { Busy, InvalidArgument, NotFound, Unsupported } from "./errors.js";
import { MOST_BYTES } from "./files.js";
import { asked, moved, sizeOf } from "./price.js";
import { Snapshot, restore, take } from "./full/snapshots.js";
import { Libraries } from "./libraries.js";
import type { Result } from "./arguments.js";
import { makeLibrary, type Core, type Library, type Prepared } from "./library.js";
import { Linker } from "./linker.js";
import { Memory } from "./memory.js";
import { Objects, type Found, type ObjectInfo } from "./objects.js";
import { FLAGS, LOAD, NAME, NAMESPACE, TRACE, flags, type LoadOptions, type NamespaceOptions } from "./options.js";
import { CALLBACK, FUNCTION, GLOBAL, LIMITED, globalExtern, memoryExtern, tableExtern, type DefineOptions, type GlobalType, type LimitOptions } from "./values.js";
import { Waiting } from "./waiting.js";
import { PREVIEW1 } from "./wasi-types.js";
import { checkWasi, isProvider, makeWasi, within, withStreams, type WasiOptions, type WasiProvider } from "./wasi.js";

const [SYMBOL_FUNCTION, SYMBOL_DATA] = [0, 1];
const WASI = "wasi_snapshot_preview1";
/** Of wasm_dyld_define_flag_t. */
const DEFINE_OVERRIDE = 1;

export class Namespace {
  /** The guest's memory: there is some as soon as something is loaded. */
  readonly memory: Memory;
  /** All that is in the global scope, as one library. */
  readonly symbols: Library;
  private handle = 0;
  private store = 0;
  private readonly core: Core;
  private wasiReady: Promise<void> | undefined;
  private provider: WasiProvider | undefined;
  /** Functions of WASI that have been defined: the host's own, and those of an attempt that has come so far. */
  private readonly definedWasi = new Set<string>();
  private callbacks = 0;
  /** By the linker's handles of functions. It takes a few thousand of them, and a function has one however often it is asked for. */
  private readonly prepared = new Map<number, Prepared>();
  /** By their types. */
  private readonly freeSlots = new Map<string, Slot[]>();
  /** All that there are, free or not. */
  private readonly slots = new Set<Slot>();
  private readonly loaded: Objects;
  private readonly waiting: Waiting;
  private control: Control | undefined;
  /** Why the guest's state is of no use any more. */
  private ruined: Error | undefined;

  /** Makes a namespace, with nothing in it. */
  static async create(options: NamespaceOptions = {}): Promise<Namespace> {
    checked("Namespace.create", options, NAMESPACE);
    if (options.trace) checked("`trace`", options.trace, TRACE);
    if (options.wasi) checkWasi(options.wasi);
    if (options.interruptFlag && !options.control) throw new InvalidArgument("INVALID_ARGUMENT", "interruptFlag wants `control`");
    let libraries!: Libraries;
    const write = options.trace?.write ?? ((category: string, text: string) => console.error(`${category}: ${text}`));
    let namespace!: Namespace;
    const files = {
      file: (place: string) => libraries.now(place),
      guestFile: (path: string) => namespace.provider?.file?.(path),
    };
    const linker = await Linker.create({ ...files, trace: write }, options, options.snapshots === true);
    // The full module puts checks into modules by itself.
    if (options.control && !options.snapshots) await linker.needAside();
    const path = options.libraryPath ?? [];
    // Otherwise the linker changes modules before the engine gets them.
    const compiles = !options.control && !options.snapshots;
    libraries = new Libraries({
      libraryPath: Array.isArray(path) ? path : [path],
      sources: { fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)), mostBytes: options.maxLibraryBytes ?? MOST_BYTES, compiles },
      progress: options.progress,
      needs: (bytes, place) => linker.needs(bytes, place, RUNTIME_PATH[options.runtimePath ?? "origin"]),
      provide: (bytes, module, slim) => linker.provide(bytes, module, slim),
      slim: (bytes) => linker.slim(bytes),
    });
    namespace = new Namespace(linker, libraries, options);
    await libraries.prefetch(options.preload ?? []);
    return namespace;
  }

  private constructor(
    private readonly linker: Linker,
    private readonly libraries: Libraries,
    private readonly options: NamespaceOptions,
  ) {
    this.open();
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
      callRows: (prepared, columns, rows) => this.callRows(prepared, columns, rows),
      symbolsOf: (object) => this.symbolsOf(object),
      nameOf: (object) => this.loaded.name(object),
      next: (object, name) => this.find(object, name, "wasm_dyld_dlsym_next"),
      callWaiting: (func, type, values) => this.waiting.call(func, type, values),
      unload: (object) => {
        this.alive();
        this.atRest("close a library");
        linker.call("wasm_dyld_unload", this.handle, object);
        this.forgetPrepared();
      },
    };
    this.symbols = makeLibrary(this.core, 0);
    this.loaded = new Objects(linker, () => this.handle);
    const { stackSize, maxNesting } = options;
    const [handle, alive, ruin] = [() => this.handle, () => this.alive(), (why: Error) => this.ruin(why)];
    this.waiting = new Waiting({ linker, libraries, memory: this.memory, handle, alive, ruin, stackSize, maxNesting });
    if (libraries.isRemote && !options.noDlopen) this.waiting.openLater();
  }

  private open(): void {
    const { linker, options } = this;
    const config = configure(linker, this.libraries, options);
    const set = (name: string, ...args: (number | bigint | string)[]) => linker.call(`wasm_dyld_config_${name}`, config, ...args);
    if (options.control) set("set_control", CONTROL[options.control]);
    if (options.snapshots) set("set_snapshots", 1);
    if (options.trace) set("set_trace", options.trace.categories, linker.plain("wasmdyld_trace_callback"), 0, 0);
    this.store = linker.engine.newStore();
    this.handle = linker.results("wasm_dyld_new", 1, (at) => [this.store, config, at]).getUint32(0, true);
    linker.call("wasmdyld_give_guest_files", this.handle);
    if (!options.control) return;
    const control = new Control(linker, () => this.handle, options.interruptFlag);
    this.control = control;
    // What waits has begun before, and is meant as well.
    if (options.interruptFlag) linker.begins = () => void (this.waiting.pending === 0 && control.begin());
  }

  /** The first of a function's results. */
  private out(name: string, args: (at: number) => (number | bigint | string | Uint8Array)[]): DataView {
    this.alive();
    return this.linker.results(name, 1, args);
  }

  private alive(): void {
    this.isOpen();
    if (this.ruined) throw this.ruined;
  }

  private isOpen(): void {
    if (this.handle === 0) throw new InvalidArgument("INVALID_ARGUMENT", "the namespace has been closed");
  }

  /** Nothing of the guest's is called any more. */
  private ruin(why: Error): void {
    this.ruined = why;
    this.forgetPrepared();
  }

  /** Nothing of the guest's waits: what it has on its stacks would be lost. */
  private atRest(what: string): void {
    this.isOpen();
    if (this.waiting.pending > 0) throw new Busy("BUSY", `${this.waiting.pending} calls of guests wait for promises: ${what} when they have ended`);
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
    must("what is fetched ahead", names, several);
    await this.libraries.prefetch(names);
  }

  /**
   * Makes bytes the library of this name, in the place of a file. `module` is what exactly these bytes were compiled to, perhaps by another thread that has
   * posted both: they are then not compiled here.
   */
  addLibrary(name: string, bytes: Uint8Array, module?: WebAssembly.Module): void {
    must("the name of a library", name, text);
    if (module !== undefined) must("what a library was compiled to", module, moduleOf);
    this.libraries.add(name, bytes, module);
  }

  /**
   * Loads a library with all that it needs: fetches and compiles in parallel, then links at once and runs constructors (dlopen). A name with a
   * slash is a place of its own; another is searched in `libraryPath`.
   */
  async load(name: string | URL, options: LoadOptions = {}): Promise<Library> {
    this.alive();
    must("the name of a library", name, NAME);
    checked("load", options, LOAD);
    const place = this.libraries.place(name);
    // While the engine compiles what has arrived.
    await Promise.all([place.includes("/") ? this.libraries.file(place) : this.libraries.prefetch([place]), this.wasi("wasmdyld")]);
    return this.loadNow(name, options);
  }

  /** As {@link load}, of what has been fetched or can be read without waiting. */
  loadNow(name: string | URL, options: LoadOptions = {}): Library {
    this.alive();
    must("the name of a library", name, NAME);
    checked("loadNow", options, LOAD);
    const place = this.libraries.place(name);
    return this.linked(String(name), () => this.out("wasm_dyld_load", (at) => [this.handle, place, flags(options), at]));
  }

  /** Loads a library from bytes; `name` is what others may need it as. `module`: what JavaScript has compiled of these bytes. */
  async loadBytes(name: string, bytes: Uint8Array, options: LoadOptions & { module?: WebAssembly.Module } = {}): Promise<Library> {
    this.alive();
    must("the name of a library", name, text);
    checked("loadBytes", options, { ...LOAD, module: moduleOf });
    const ready = await this.libraries.given(name, bytes, options.module);
    await this.wasi("wasmdyld");
    const load = () => this.out("wasm_dyld_load_bytes", (at) => [this.handle, name, bytes, bytes.length, flags(options), at]);
    return this.linked(name, () => this.linker.engine.offering(ready, load));
  }

  private linked(name: string, load: () => DataView): Library {
    const object = load().getUint32(0, true);
    this.waiting.loaded();
    apart(() => this.options.progress?.({ library: name, phase: "linked", size: 0 }));
    return makeLibrary(this.core, object);
  }

  /**
   * Runs a program: loads it with its libraries, calls its main function, and gives its exit code. A namespace runs one program, and loads it
   * before libraries. Where functions of JavaScript's give promises, or libraries have to be fetched that the program opens, it waits for them.
   */
  async run(program: string | URL | Uint8Array, args: string[] = []): Promise<number> {
    this.alive();
    const given = program instanceof Uint8Array;
    if (!given) must("a program", program, NAME);
    must("what a program is told", args, texts);
    const place = given ? "program.wasm" : this.libraries.filePlace(program);
    let ready = 0;
    if (given) ready = await this.libraries.given(place, program);
    else await this.libraries.file(place);
    await this.wasi(place.slice(place.lastIndexOf("/") + 1), args);
    const load = () =>
      given
        ? this.out("wasm_dyld_load_bytes", (at) => [this.handle, place, program, program.length, FLAGS.program, at])
        : this.out("wasm_dyld_load", (at) => [this.handle, place, FLAGS.program, at]);
    this.linker.engine.offering(ready, load);
    this.waiting.loaded();
    if (this.waiting.isUsed) return this.waiting.run();
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
   *
   * `async`: it gives a promise, for which guests wait that are called by `$async` or `run`; an {@link Unsupported} where JavaScript has no Promise
   * Integration.
   */
  define(module: string, name: string, signature: string, body: (...args: any[]) => any, options: DefineOptions & { async?: boolean } = {}): void {
    this.alive();
    checked("define", options, FUNCTION);
    must("what is defined", body, func);
    const type = this.parse(signature);
    if (options.async) this.defineExtern(module, name, this.waiting.define(`${module}.${name}`, type, body), options);
    else this.defineTyped(module, name, type, body, options);
  }

  /**
   * Defines a global for what is loaded from now on, and gives it: one of this value, or one that there is, whose type and mutability are told, since
   * JavaScript does not tell them.
   */
  defineGlobal(
    module: string,
    name: string,
    type: GlobalType,
    value: number | bigint | WebAssembly.Global,
    options: DefineOptions & { mutable?: boolean } = {},
  ): WebAssembly.Global {
    this.alive();
    checked("defineGlobal", options, GLOBAL);
    const extern = globalExtern(type, value, options.mutable === true);
    this.defineExtern(module, name, this.linker.engine.add(extern), options);
    return extern.value;
  }

  /** Defines a memory for what is loaded from now on. */
  defineMemory(module: string, name: string, memory: WebAssembly.Memory, options: LimitOptions = {}): void {
    this.alive();
    checked("defineMemory", options, LIMITED);
    this.defineExtern(module, name, this.linker.engine.add(memoryExtern(memory, options)), options);
  }

  /** Defines a table of functions for what is loaded from now on. */
  defineTable(module: string, name: string, table: WebAssembly.Table, options: LimitOptions = {}): void {
    this.alive();
    checked("defineTable", options, LIMITED);
    this.defineExtern(module, name, this.linker.engine.add(tableExtern(table, options)), options);
  }

  private defineTyped(module: string, name: string, type: FunctionType, body: (...args: any[]) => any, options: DefineOptions = {}): void {
    this.defineExtern(module, name, this.linker.engine.hostFunction(type, body), options);
  }

  /** Takes the handle. */
  private defineExtern(module: string, name: string, own: number, options: DefineOptions): void {
    try {
      must("the module of what is defined", module, text);
      must("the name of what is defined", name, text);
      this.linker.call("wasm_dyld_define", this.handle, module, name, own, options.override ? DEFINE_OVERRIDE : 0);
      if (module === WASI) this.definedWasi.add(name);
    } finally {
      this.linker.engine.delete(own);
    }
  }

  /** Interrupts what runs, from a function that the guest has called: it ends with {@link Interrupted}. Another worker does so by `interruptFlag`. */
  interrupt(): void {
    this.controlled().interrupt();
  }

  /**
   * How many milliseconds each call may take from the next one on, a load and a run as well; what takes longer ends with {@link TimedOut}. Nothing or 0: as
   * long as it likes. Of a call that waits for promises it is for each stretch between two waits.
   */
  setTimeout(milliseconds?: number): void {
    this.controlled().setTimeout(milliseconds);
  }

  /** Gives the guests so many units, for all that follows; what is beyond ends with {@link OutOfBudget}. Nothing: no bound. */
  setBudget(units?: number | bigint): void {
    this.controlled().setBudget(units);
  }

  /** What is left of the budget; nothing where there is no bound. */
  budgetLeft(): bigint | undefined {
    return this.controlled().budgetLeft();
  }

  /** Has `ask` called about so often, in milliseconds, while guests run: if it answers true, what runs ends with {@link Interrupted}. Nothing: nobody is asked. */
  setWatcher(milliseconds: number, ask?: () => boolean): void {
    this.controlled().setWatcher(milliseconds, ask);
  }

  private controlled(): Control {
    this.alive();
    if (this.control) return this.control;
    throw new Unsupported("UNSUPPORTED", "the namespace cannot stop its guests: make it with `control`");
  }

  /** Takes the state of the guest: its memory, table and globals, and what is loaded. Nothing of it runs; `snapshots` has been set. */
  snapshot(): Snapshot {
    this.alive();
    this.atRest("take a snapshot");
    if (!this.options.snapshots) throw new Unsupported("UNSUPPORTED", "the namespace takes no snapshots: make it with `snapshots`");
    return take(this.linker, this.handle);
  }

  /**
   * Puts the namespace into the state of a snapshot, or of its bytes: the one that it was taken of, or a new one with `snapshots`, with the same definitions, into
   * which nothing has been loaded. No guest code runs. Libraries that were loaded since are closed.
   */
  async restore(snapshot: Snapshot | Uint8Array): Promise<void> {
    this.atRest("restore a snapshot");
    if (!this.options.snapshots) throw new Unsupported("UNSUPPORTED", "the namespace takes no snapshots: make it with `snapshots`");
    await this.wasi("wasmdyld");
    this.atRest("restore a snapshot");
    restore(this.linker, this.handle, snapshot);
    this.ruined = undefined;
    this.forgetPrepared();
    this.memory.forgetOwed();
    this.waiting.restored();
    // Pointers of functions that came later are gone.
    const there = new Set(this.loaded.all());
    for (const slot of this.slots) {
      slot.gone = !there.has(slot.object);
      if (slot.gone) this.slots.delete(slot);
    }
    for (const [key, slots] of this.freeSlots) this.freeSlots.set(key, slots.filter((slot) => !slot.gone));
  }

  /** A library that is loaded, by its name: one loading more, which `$close` takes back. Nothing if it is not loaded. */
  loadedLibrary(name: string): Library | undefined {
    this.alive();
    must("the name of a library", name, NAME);
    const object = this.out("wasm_dyld_load", (at) => [this.handle, this.libraries.place(name), FLAGS.noLoad, at]).getUint32(0, true);
    return object === 0 ? undefined : makeLibrary(this.core, object);
  }

  /** What a function pointer or an address of the guest's belongs to (dladdr). */
  dladdr(value: number, kind: "function" | "data"): Found | undefined {
    this.alive();
    must("what dladdr looks for", kind, SYMBOL);
    must("a pointer or an address", value, integer);
    return this.loaded.dladdr(value, kind);
  }

  private parse(signature: string): FunctionType {
    const ROOM = 64;
    must("a signature", signature, text);
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
  callback(signature: string, body: (...args: any[]) => any, options: { async?: boolean } = {}): Callback {
    this.alive();
    checked("callback", options, CALLBACK);
    must("a callback", body, func);
    const type = this.parse(signature);
    const key = JSON.stringify([type, options.async === true]);
    const slot = this.freeSlots.get(key)?.pop() ?? this.newSlot(type, options.async === true);
    slot.body = body;
    const end = () => {
      slot.body = undefined;
      // The namespace has been put into a state of before there was this slot.
      if (slot.gone) return;
      const free = this.freeSlots.get(key);
      if (free) free.push(slot);
      else this.freeSlots.set(key, [slot]);
    };
    return new Callback(slot.number, end, this.core, () => slot.gone);
  }

  /** The linker never unloads what holds a number of a function of the host's, so slots are kept and used again. */
  private newSlot(type: FunctionType, waits: boolean): Slot {
    const slot: Slot = { number: 0, object: 0, body: undefined, gone: false };
    const name = String(++this.callbacks);
    const body = (...args: any[]) => {
      if (slot.body === undefined) throw new Error("a callback was called after it was closed");
      return slot.body(...args);
    };
    if (waits) this.defineExtern(MODULE, name, this.waiting.define("the callback", type, body), {});
    else this.defineTyped(MODULE, name, type, body);
    const [bytes, file] = [callbackLibrary(name, type), `callback-${name}.so`];
    slot.object = this.out("wasm_dyld_load_bytes", (at) => [this.handle, file, bytes, bytes.length, 0, at]).getUint32(0, true);
    slot.number = this.loaded.place(slot.object).tableBase;
    this.slots.add(slot);
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
    return this.loaded.all().map((object) => this.loaded.name(object));
  }

  /** The same with all that is known of them. */
  objectInfos(): ObjectInfo[] {
    this.alive();
    return this.loaded.all().map((object) => this.loaded.info(object));
  }

  /** Where libraries are searched, as the linker knows these folders. */
  get libraryPath(): string[] {
    this.alive();
    return this.loaded.folders();
  }

  /** Gives all of it up. Exit handlers do not run: see {@link finish}. Functions of its libraries must not be called any more. */
  close(): void {
    if (this.handle === 0) return;
    // A linker that has failed is JavaScript's to free.
    if (!this.linker.hasFailed) {
      this.linker.plain("wasm_dyld_delete", this.handle);
      this.forgetPrepared();
    }
    this.handle = 0;
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
    const own = args ?? (isProvider(wasi) ? [] : (wasi.args ?? []));
    const provider = isProvider(wasi) ? wasi : await makeWasi(program, { ...wasi, args: own });
    // It may have been closed meanwhile.
    this.alive();
    this.provider = provider;
    const give = () => this.giveWasi(provider, wasi, [program, ...own]);
    // What is restored finds what it had, whatever is loaded.
    if (this.options.snapshots) give();
    else this.linker.defineOnDemand(this.handle, WASI, give);
  }

  /** Its functions are many, and many libraries import none of them. */
  private giveWasi(provider: WasiProvider, wasi: WasiOptions | WasiProvider, args: string[]): void {
    const memory = () => this.wasmMemory();
    const functions = withStreams(isProvider(wasi) ? provider.imports : within(provider.imports, wasi, memory), this.options, memory);
    const isCounted = this.options.control === "budget";
    const env = isProvider(wasi) ? {} : (wasi.env ?? {});
    const given = { args: isProvider(wasi) ? 0 : sizeOf(args), env: sizeOf(Object.entries(env).map((entry) => entry.join("="))) };
    let bound = provider.setMemory === undefined;
    const bind = () => {
      provider.setMemory?.(memory());
      bound = true;
    };
    for (const [name, parameters] of Object.entries(PREVIEW1)) {
      // What the host has defined itself is meant, and what an earlier attempt has is there.
      if (this.definedWasi.has(name)) continue;
      const call = name === "proc_exit" ? (code: number) => this.exit(code) : (functions[name] ?? (() => NOT_SUPPORTED));
      const type = { params: [...parameters].map((letter) => (letter === "I" ? 1 : 0)), results: name === "proc_exit" ? [] : [0] };
      // There is no memory before the first load, during which constructors call.
      const body = (...values: any[]) => {
        if (!bound) bind();
        return call(...values);
      };
      this.defineTyped(WASI, name, type, isCounted ? this.counted(name, body, given) : body);
    }
  }

  /** A function of WASI's that costs of the guest's budget. */
  private counted(name: string, body: (...values: any[]) => any, given: { args: number; env: number }): (...values: any[]) => any {
    const charge = (units: number) => {
      const trap = units > 0 ? this.linker.plain("wasmdyld_charge", this.handle, units) : 0;
      if (trap !== 0) throw this.linker.engine.takeTrap(trap);
    };
    return (...values) => {
      charge(asked(name, values, this.wasmMemory().buffer.byteLength));
      const answer = body(...values);
      if (answer === 0) charge(moved(name, values, new DataView(this.wasmMemory().buffer), given));
      return answer;
    };
  }

  private exit(code: number): never {
    const trap = this.linker.engine.takeTrap(this.linker.plain("wasmdyld_exit", this.handle, code));
    this.waiting.exited(trap, code);
    throw trap;
  }

  private find(object: number, name: string, by = "wasm_dyld_dlsym"): ReturnType<Core["find"]> {
    const { linker } = this;
    must("the name of a symbol", name, text);
    let found: DataView;
    try {
      this.alive();
      found = linker.results(by, 3, (at) => [this.handle, object, name, at, at + 8, 0]);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
    if (found.getUint32(0, true) === SYMBOL_FUNCTION) return { func: found.getUint32(8, true) };
    return { address: this.valueOfSymbol(object, name, by) };
  }

  private valueOfSymbol(object: number, name: string, by = "wasm_dyld_dlsym"): number {
    const found = this.linker.results(by, 2, (at) => [this.handle, object, name, at, 0, at + 8]);
    return Number(found.getBigUint64(8, true));
  }

  private prepare(func: number): Prepared {
    const known = this.prepared.get(func);
    if (known) return known;
    const { linker } = this;
    const ask = (room: number) => {
      const told = linker.results("wasm_dyld_function_type", 2 + Math.ceil(room / 8), (at) => [this.handle, func, at + 16, room, at, at + 8]);
      return { told, params: told.getUint32(0, true), results: told.getUint32(8, true) };
    };
    let { told, params, results } = ask(FEW_VALUES);
    if (params + results > FEW_VALUES) ({ told, params, results } = ask(params + results));
    const kinds = Array.from({ length: params + results }, (_, n) => told.getUint8(16 + n));
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

  private callRows({ handle }: Prepared, columns: { address: number; stride: number }[], rows: number): { done: number; error: unknown } {
    const { linker } = this;
    const told = new Uint8Array(BigUint64Array.from(columns.flatMap(({ address, stride }) => [BigInt(address), BigInt(stride)])).buffer);
    const SIZE = 8;
    const done = linker.alloc(SIZE);
    let error: unknown;
    try {
      linker.poke(done, new Uint8Array(SIZE));
      linker.call("wasm_dyld_func_call_rows", handle, told, columns.length, BigInt(rows), done);
    } catch (thrown) {
      error = thrown;
    }
    const rowsDone = Number(new DataView(linker.peek(done, SIZE).buffer).getBigUint64(0, true));
    linker.release(done, SIZE);
    return { done: rowsDone, error };
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

/** Text is a list of letters, which nobody means. */
const several: Check = (value) => (typeof value !== "string" && typeof (value as any)?.[Symbol.iterator] === "function" ? undefined : "a list of names");
const SYMBOL = words("function", "data");
const moduleOf = (value: unknown) => (value instanceof WebAssembly.Module ? undefined : "a WebAssembly.Module");

/** Most functions take and give fewer. */
const FEW_VALUES = 64;

/** A table slot for functions of JavaScript's of one type, one at a time. */
interface Slot {
  number: number;
  /** The linker's handle of the library that has it. */
  object: number;
  body: ((...args: any[]) => any) | undefined;
  /** It went with a state that has been left. */
  gone: boolean;
}

/** ENOSYS of WASI. */
const NOT_SUPPORTED = 52;
