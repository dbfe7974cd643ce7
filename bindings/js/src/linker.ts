// The linker: a module that is instantiated once for each namespace. Calls of its C API, with strings, results and errors.
import { apart } from "./apart.js";
import { Aside } from "./aside.js";
import { Engine, type Host } from "./engine.js";
import { InternalError, InvalidArgument, LimitReached, errorOf, type Details, type LinkError } from "./errors.js";
import { MOST_BYTES, readFile } from "./files.js";
import type { Found, Needs } from "./libraries.js";
import { isOverflow, needRoom } from "./room.js";

/** Numbers of page.rs: of `Whose`, and answers of `wasmdyld_on_file`. */
const OF_GUEST = 1;
const [NOTHING, SOMETHING, NOT_AT_HAND] = [0, 1, 2];

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

type CFunction = (...args: any[]) => any;

/** What the linker asks of a namespace. */
export interface Callbacks {
  /** What is at a place: its bytes and what tells it from others, nothing, or something that is not at hand. What it throws is why it cannot be used. */
  file(place: string): Found | "later" | undefined;
  /** The same for a path of the guest's. */
  guestFile(path: string): Found | undefined;
  trace?: ((category: string, text: string) => void) | undefined;
}

export type LinkerSource = string | URL | BufferSource | WebAssembly.Module;

/** Where the linker's modules are, where these do not lie beside the package's own code. */
export interface LinkerSources {
  linker?: LinkerSource | undefined;
  linkerAside?: LinkerSource | undefined;
  linkerFull?: LinkerSource | undefined;
}

/** Modules beside this code, by their names, which all namespaces share. */
const bundled = new Map<string, Promise<WebAssembly.Module>>();

/** The one that the host says, or the one of this name. */
async function compiled(source: LinkerSource | undefined, name: string): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source === undefined) {
    const known = bundled.get(name) ?? compiled(new URL(`./${name}`, import.meta.url), name);
    bundled.set(name, known);
    return known.catch((error) => {
      bundled.delete(name);
      throw error;
    });
  }
  if (typeof source !== "string" && !(source instanceof URL)) return WebAssembly.compile(source);
  return WebAssembly.compile((await readFile(source, { fetch: globalThis.fetch, mostBytes: MOST_BYTES })) as BufferSource);
}

export class Linker {
  readonly engine: Engine;
  private readonly aside: Aside;
  private c!: Host & Record<string, CFunction>;
  private panic = "";
  private symbolNames: ((name: string, kind: number) => void) | undefined;
  /** What `file` threw, which the linker's own error does not have. */
  private thrown: unknown;
  /** Whether a guest is to stop, where somebody is to be asked. */
  watch: (() => boolean) | undefined;
  /** What is to be done when nothing of the linker's is under way, and something begins. */
  begins: (() => void) | undefined;
  /** Defines what a module has been promised for. */
  private give: (() => void) | undefined;
  /** Gets warnings of one module's linking. */
  warning: ((text: string) => void) | undefined;
  private depth = 0;

  /** `full`: the module that has all in itself, for what the other one is without. */
  static async create(callbacks: Callbacks, sources: LinkerSources = {}, full = false): Promise<Linker> {
    const linker = new Linker(callbacks, sources.linkerAside ?? new URL("./wasmdyld-aside.wasm", import.meta.url));
    const module = full ? compiled(sources.linkerFull, "wasmdyld-full.wasm") : compiled(sources.linker, "wasmdyld.wasm");
    await linker.start(await module);
    return linker;
  }

  private constructor(private readonly callbacks: Callbacks, aside: LinkerSource) {
    this.engine = new Engine();
    this.aside = new Aside(aside);
  }

  /** The second module is to be there, for checks that are put into modules. */
  async needAside(): Promise<void> {
    await this.aside.need();
  }

  /**
   * Takes a module that was compiled ahead, and gives the number by which the linker asks for it; 0 for the bytes of one that could not be, of which a
   * load then tells why.
   */
  async provide(bytes: Uint8Array, module: WebAssembly.Module | undefined, slim: boolean): Promise<number> {
    await this.aside.readyFor(() => module === undefined || this.hasMangledNames(bytes));
    return module === undefined ? 0 : this.engine.provide(bytes, module, slim);
  }

  private hasMangledNames(bytes: Uint8Array): boolean {
    return this.lent(bytes, (at) => this.plain("wasmdyld_has_mangled_names", at, bytes.length) !== 0);
  }

  /** What the engine is to compile in the place of a module; nothing where that is the module itself. */
  slim(bytes: Uint8Array): Uint8Array | undefined {
    return this.told("wasmdyld_slim", bytes, [], (at, size) => this.peek(at, size));
  }

  /** Asynchronous, since a page's own thread refuses to instantiate a large module at once: Chromium does from 8 MB on. */
  private async start(module: WebAssembly.Module): Promise<void> {
    const env = { ...this.engine.imports(), ...this.imports() };
    const instance = await WebAssembly.instantiate(module, { env });
    this.c = instance.exports as any;
    this.engine.connect(this.c);
    this.c.wasmdyld_start!();
  }

  private imports(): Record<string, CFunction> {
    return {
      ...this.aside.imports((at, size) => this.memory(at, size)),
      wasmdyld_panicked: (at, size) => {
        this.panic = this.decode(at, size);
      },
      wasmdyld_on_file: (whose, path, size, answer) => {
        const found = this.file(whose, this.decode(path, size));
        if (found === undefined) return NOTHING;
        if (found === "later") return NOT_AT_HAND;
        const { bytes } = found;
        const told = encoder.encode(found.text);
        // It is the linker's from then on.
        const at = this.c.wasmdyld_buffer!(bytes.length + told.length);
        if (at === 0) throw new WebAssembly.RuntimeError(`no room for ${bytes.length} bytes`);
        this.memory(at, bytes.length).set(bytes);
        this.memory(at + bytes.length, told.length).set(told);
        const view = this.engine.view();
        [at, bytes.length, told.length, found.ready].forEach((value, n) => view.setUint32(answer + 4 * n, value, true));
        return SOMETHING;
      },
      wasmdyld_on_demand: () => {
        try {
          this.give?.();
          return 1;
        } catch (error) {
          this.thrown = error;
          return 0;
        }
      },
      wasmdyld_on_watch: () => (this.watch?.() ? 1 : 0),
      wasmdyld_on_warning: (_env, text) => this.warning?.(this.text(text)),
      wasmdyld_on_trace: (_env, category, text) => apart(() => this.callbacks.trace?.(this.text(category), this.text(text))),
      wasmdyld_on_symbol: (_env, name, kind) => this.symbolNames?.(this.text(name), kind),
    };
  }

  /** What is at a path, and its identity; without bytes it cannot be used, and the text is the reason. */
  private file(whose: number, path: string): { bytes: Uint8Array; text: string; ready: number } | "later" | undefined {
    try {
      const found = whose === OF_GUEST ? this.callbacks.guestFile(path) : this.callbacks.file(path);
      if (found === undefined || found === "later") return found;
      if (!(found.bytes instanceof Uint8Array)) throw new TypeError("its bytes are no Uint8Array");
      return { bytes: found.bytes, text: found.bytes.length === 0 ? "it is empty" : found.identity, ready: found.ready ?? 0 };
    } catch (error) {
      this.thrown = error;
      return { bytes: new Uint8Array(0), text: (error as Error)?.message ?? String(error), ready: 0 };
    }
  }

  private memory(at: number, size: number): Uint8Array {
    return new Uint8Array(this.c.memory.buffer, at, size);
  }

  /** Bytes of the linker's memory. */
  alloc(size: number): number {
    this.needRoom();
    return this.c.wasmdyld_alloc(size);
  }

  release(at: number, size: number): void {
    this.c.wasmdyld_release(at, size);
  }

  /** A copy of what is in the linker's memory. */
  peek(at: number, size: number): Uint8Array {
    return this.memory(at, size).slice();
  }

  /** Writes to the linker's memory. */
  poke(at: number, bytes: Uint8Array): void {
    this.memory(at, bytes.length).set(bytes);
  }

  private decode(at: number, size: number): string {
    return decoder.decode(this.memory(at, size));
  }

  /** A C string of the linker's. */
  text(at: number): string {
    const bytes = new Uint8Array(this.c.memory.buffer, at);
    return this.decode(at, bytes.indexOf(0));
  }

  /** Calls a function that takes no error, of whatever name. */
  plain(name: string, ...args: (number | bigint)[]): any {
    const func = this.func(name);
    return this.guarded(() => func(...args));
  }

  /** Has `give` define what objects import from a module, when the first of them is loaded. */
  defineOnDemand(namespace: number, module: string, give: () => void): void {
    this.give = give;
    this.call("wasmdyld_define_on_demand", namespace, module);
  }

  private func(name: string): CFunction {
    const func = this.c[name];
    if (func === undefined) throw new InvalidArgument("INVALID_ARGUMENT", `the linker's module has no ${name}: it is not the one of this package, or not the full one`);
    return func;
  }

  /**
   * Calls a function that takes an error as its last parameter, and throws that. Strings become C strings, bytes are copied, for the time of the
   * call.
   */
  call(name: string, ...args: (number | bigint | string | Uint8Array)[]): void {
    this.withResults(0, () => args)(name);
  }

  /** As `call` for a function that writes `count` results of 8 bytes, of which `args` is told the first one's address: gives a view of them. */
  results(name: string, count: number, args: (at: number) => (number | bigint | string | Uint8Array)[]): DataView {
    return this.withResults(count, args)(name);
  }

  private withResults(count: number, args: (at: number) => (number | bigint | string | Uint8Array)[]): (name: string) => DataView {
    return (name) => {
      this.needRoom();
      const pieces: [number, number][] = [];
      const piece = (size: number): number => {
        const at = this.c.wasmdyld_alloc(size);
        pieces.push([at, size]);
        return at;
      };
      const copied = (bytes: Uint8Array): number => {
        const at = piece(bytes.length);
        this.memory(at, bytes.length).set(bytes);
        return at;
      };
      const size = 8 * count + 8;
      const out = piece(size);
      this.memory(out, size).fill(0);
      try {
        const values = args(out).map((arg) => {
          if (typeof arg === "string") return copied(encoder.encode(arg.replaceAll("\0", "\u{fffd}") + "\0"));
          return arg instanceof Uint8Array ? copied(arg) : arg;
        });
        const error = out + 8 * count;
        this.thrown = undefined;
        const func = this.func(name);
        const code = this.guarded(() => func(...values, error)) as number;
        if (code !== 0) throw this.error(this.engine.view().getUint32(error, true));
        return new DataView(this.memory(out, 8 * count).slice().buffer);
      } finally {
        if (!this.hasFailed) for (const [at, size] of pieces) this.c.wasmdyld_release(at, size);
      }
    };
  }

  /** Nothing of the linker's is begun where JavaScript's stack could end it in its midst; `times`: nor what comes after that, some calls deeper. */
  needRoom(times = 1): void {
    if (this.hasFailed) throw this.failed("the linker has failed before");
    try {
      needRoom(times);
    } catch (cause) {
      throw new LimitReached("LIMIT", "JavaScript's own stack is nearly full, of calls inside each other: nothing was done, and the namespace goes on", { cause });
    }
  }

  /** Something has ended the linker in its midst. */
  get hasFailed(): boolean {
    return this.engine.failure !== undefined;
  }

  private failed(what: string): InternalError {
    const cause = this.engine.failure;
    const why = isOverflow(cause) ? "JavaScript's stack was full in its midst" : this.panic || cause?.message;
    return new InternalError("INTERNAL", `${what}: ${why}; the namespace is of no use any more`, { cause });
  }

  /** A call into the linker. A panic, which is a trap there, leaves it in a state of which nothing is known, wherever on the stack it was. */
  private guarded<T>(run: () => T): T {
    this.needRoom();
    this.depth++;
    try {
      if (this.depth === 1) this.begins?.();
      const result = this.engine.enter(run);
      if (!this.hasFailed) return result;
    } catch (error) {
      if (!this.hasFailed) throw error;
    } finally {
      this.depth--;
    }
    throw this.failed(isOverflow(this.engine.failure) ? "the linker was interrupted" : "a defect of wasmdyld");
  }

  /** Takes an error of the linker's. */
  error(handle: number): LinkError {
    const c = this.c;
    const string = (name: string, n: number): string | undefined => {
      const at = c[name]!(handle, n);
      return at === 0 ? undefined : this.text(at);
    };
    const many = <T>(name: string, each: (n: number) => T): T[] => Array.from({ length: c[name]!(handle) }, (_, n) => each(n));
    const details: Details = {
      symbols: many("wasm_dyld_error_undefined_count", (n) => ({
        symbol: string("wasm_dyld_error_undefined_symbol", n) ?? "",
        importer: string("wasm_dyld_error_undefined_importer", n) ?? "",
        wanted: string("wasm_dyld_error_undefined_wanted", n) ?? "",
      })),
      frames: many("wasm_dyld_error_frame_count", (n) => ({
        object: string("wasm_dyld_error_frame_object", n),
        function: string("wasm_dyld_error_frame_function", n),
        offset: this.written(8, (at) => c.wasm_dyld_error_frame_offset!(handle, n, at), (view, at) => Number(view.getBigUint64(at, true))),
      })),
      exitCode: this.exitCode(handle),
    };
    const cause = this.thrown ?? this.engine.takeCause();
    if (cause !== undefined) details.cause = cause;
    const message = this.text(c.wasm_dyld_error_message!(handle));
    const code = c.wasm_dyld_error_code!(handle);
    c.wasm_dyld_error_delete!(handle);
    return errorOf(code, message, details);
  }

  private exitCode(handle: number): number | undefined {
    return this.written(4, (at) => this.c.wasm_dyld_error_exit_code!(handle, at), (view, at) => view.getInt32(at, true));
  }

  /** What a function writes that says whether it has written something. */
  private written(size: number, ask: (at: number) => number, read: (view: DataView, at: number) => number): number | undefined {
    const at = this.c.wasmdyld_alloc(size);
    const told = ask(at) ? read(this.engine.view(), at) : undefined;
    this.c.wasmdyld_release(at, size);
    return told;
  }

  /** What a module at a place needs; nothing of what is no module, of which a load tells more. `followed` is how far its RUNTIME_PATH is. */
  needs(bytes: Uint8Array, place: string, followed: number): Needs {
    const path = encoder.encode(`${place}\0`);
    const pathAt = this.alloc(path.length);
    this.memory(pathAt, path.length).set(path);
    try {
      const told = this.tell("wasmdyld_needed", bytes, pathAt, followed);
      if (told === undefined) return { names: [], folders: [] };
      const [count, ...texts] = told;
      return { names: texts.slice(0, Number(count)), folders: texts.slice(Number(count)) };
    } finally {
      this.c.wasmdyld_release(pathAt, path.length);
    }
  }

  /** What a function tells of a module: texts with a NUL behind each. Nothing if it has no answer. */
  tell(name: string, bytes: Uint8Array, ...more: number[]): string[] | undefined {
    return this.told(name, bytes, more, (at, size) => this.decode(at, size).split("\0").slice(0, -1));
  }

  private told<T>(name: string, bytes: Uint8Array, more: number[], read: (at: number, size: number) => T): T | undefined {
    return this.lent(bytes, (at) => {
      const out = this.c.wasmdyld_alloc(4);
      try {
        const told = this.plain(name, at, bytes.length, ...more, out) as number;
        return told === 0 ? undefined : read(told, this.engine.view().getUint32(out, true));
      } finally {
        this.c.wasmdyld_release(out, 4);
      }
    });
  }

  /** Calls with the place of a copy of bytes in the linker's memory. */
  private lent<T>(bytes: Uint8Array, use: (at: number) => T): T {
    const at = this.alloc(bytes.length);
    try {
      this.memory(at, bytes.length).set(bytes);
      return use(at);
    } finally {
      this.c.wasmdyld_release(at, bytes.length);
    }
  }

  /** Calls `each` with the names that an object defines. */
  symbols(namespace: number, object: number, each: (name: string, kind: number) => void): void {
    this.symbolNames = each;
    this.call("wasm_dyld_object_symbols", namespace, object, this.plain("wasmdyld_symbol_callback"), 0);
  }
}
