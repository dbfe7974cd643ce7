// `wasm.h` over the WebAssembly of this JavaScript: what the linker, a module itself, imports as an engine. Its handles are numbers in a table.
// What is here speaks of the linker's own memory by `view()`; a guest's memory is an object like any other.
import { Handles } from "./handles.js";
import type { Promises } from "./promises.js";
import { asResults } from "./results.js";
import { needRoom } from "./room.js";

/** What the linker's module exports, as far as the engine uses it. */
export interface Host {
  memory: WebAssembly.Memory;
  __indirect_function_table: WebAssembly.Table;
  wasmdyld_alloc(size: number): number;
  wasmdyld_release(at: number, size: number): void;
  wasmdyld_exports(bytes: number, size: number, length: number): number;
}

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

type Kind = "function" | "global" | "table" | "memory" | "tag";
/** The numbers of `wasm_externkind_t`. */
const EXTERN_KINDS: Kind[] = ["function", "global", "table", "memory", "tag"];
const VALUE_KINDS = new Map<number, WebAssembly.ValueType>([
  [0, "i32"], [1, "i64"], [2, "f32"], [3, "f64"], [128, "externref"], [129, "anyfunc"],
]);
const [I32, I64, F32, F64, EXTERNREF] = [0, 1, 2, 3, 128];
const NO_MAXIMUM = 0xffff_ffff;
/** A `wasm_val_t` has so many bytes, with its value in the middle. */
const VALUE = 16;
const PAGE = 65536;
/** How many functions a trap of the linker's tells, those of the linker among them. */
const FRAMES = 60;

export interface FunctionType { params: number[]; results: number[] }
interface GlobalType { content: number; mutable: boolean }
interface Limits { min: number; max: number; element?: number }

/** A function, global, table, memory or tag. */
export interface Extern {
  kind: Kind;
  value: any;
  /** Of functions and globals: what their module says of them, or who made them. */
  type?: () => FunctionType | GlobalType;
  limits?: Limits;
  /** Of functions: JavaScript may answer by a promise. */
  waits?: boolean;
  /** Of functions: how guests open libraries by it, if they do. */
  opens?: number;
}

/** A module, and its bytes, by which the linker tells the types of its exports. */
interface Module {
  module: WebAssembly.Module;
  bytes: Uint8Array;
  /** It exports less than the bytes do: its functions are in the table of this name. */
  slim?: boolean;
  exports?: WebAssembly.ModuleExportDescriptor[];
  types?: (FunctionType | GlobalType | undefined)[];
}
/** The linker's `object::slim` makes modules with it. */
const FUNCTIONS = "\0functions";
interface Instance { instance: WebAssembly.Instance; of: Module }
interface Trap { value: unknown }
interface TypeVectors { at: number; size: number }

/** (func (export "t") unreachable) */
const UNREACHABLE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 116, 0, 0, 10, 5, 1, 3, 0, 0, 11,
]);

export class Engine {
  private readonly objects = new Handles<any>();
  private host!: Host;
  private cached: DataView = new DataView(new ArrayBuffer(0));
  private readonly unreachable = new WebAssembly.Instance(new WebAssembly.Module(UNREACHABLE)).exports.t as () => never;
  private readonly tags = new Set<any>();
  /** Instances whose exports have not been looked through for tags. */
  private unseen: WeakRef<Instance>[] = [];
  private readonly ready = new Map<number, Module>();
  private lastReady = 0;
  private offered: Module | undefined;
  private lastError = "";
  private cause: unknown;
  /** What has ended the linker in its midst. */
  failure: Error | undefined;
  private readonly vectors = new WeakMap<FunctionType, TypeVectors>();
  /** Where functions are that are none of a guest's, as stacks have it. */
  private readonly places = new Set<string>();
  /** Calls of guests that wait. */
  promises: Promises | undefined;
  /** What guests get in the stead of a function of the linker's by which they open libraries: how they do, its type, and what it does. */
  opening: ((way: number, type: FunctionType, now: (...args: any[]) => any) => (...args: any[]) => any) | undefined;

  /** To be called when the linker's module has been instantiated with `imports`. */
  connect(host: Host): void {
    this.host = host;
  }

  /** The linker's memory, which moves when it grows. */
  view(): DataView {
    if (this.cached.buffer !== this.host.memory.buffer) this.cached = new DataView(this.host.memory.buffer);
    return this.cached;
  }

  /** Takes a module that was compiled ahead: gives the number by which the linker asks for it. */
  provide(bytes: Uint8Array, module: WebAssembly.Module, slim: boolean): number {
    this.ready.set(++this.lastReady, { module, bytes, slim });
    return this.lastReady;
  }

  /** Runs what loads a module from bytes that was compiled ahead: it is told by them, and its number is used up. */
  offering<T>(number: number, load: () => T): T {
    this.offered = this.ready.get(number);
    this.ready.delete(number);
    try {
      return load();
    } finally {
      this.offered = undefined;
    }
  }

  /** What a handle of an extern stands for. */
  extern(handle: number): Extern {
    return this.objects.get(handle);
  }

  /** A handle of a function of JavaScript's, which guests call directly. What it throws ends them in a trap. */
  hostFunction(type: FunctionType, body: (...args: any[]) => any): number {
    const given = asResults(type.results);
    return this.add({ kind: "function", value: this.trapping((...args) => given(body(...args))), type: () => type });
  }

  /** The same function, whose errors are traps. */
  trapping(body: (...args: any[]) => any): (...args: any[]) => any {
    return (...args) => {
      try {
        return body(...args);
      } catch (error) {
        throw this.asTrap(error);
      }
    };
  }

  /** A handle of an object of JavaScript's. */
  add(extern: Extern): number {
    return this.objects.add(extern);
  }

  newStore(): number {
    return this.objects.add({});
  }

  delete(handle: number): void {
    this.objects.remove(handle);
  }

  /** Takes over a trap that the linker has made: what is to be thrown. */
  takeTrap(handle: number): unknown {
    const { value } = this.objects.get(handle) as Trap;
    this.objects.remove(handle);
    return value;
  }

  /**
   * An error that no guest catches, as it does what JavaScript throws by `catch_all`: engines tell a trap of their own from all other objects,
   * also when it is thrown again.
   */
  trapOf(message: string, cause?: unknown): Error {
    const limit = (Error as any).stackTraceLimit;
    // Functions of the linker's and of JavaScript's stand before those of guests.
    if (typeof limit === "number" && limit < FRAMES) (Error as any).stackTraceLimit = FRAMES;
    try {
      this.unreachable();
    } catch (error) {
      const trap = error as Error;
      (Error as any).stackTraceLimit = limit;
      this.notes(trap.stack);
      trap.message = message;
      if (cause !== undefined) trap.cause = cause;
      return trap;
    }
    throw new Error("unreachable code was run");
  }

  /** The innermost function of WebAssembly in this stack is none of a guest's. */
  private notes(stack: string | undefined): void {
    const place = stack?.split("\n").map(placeOf).find((place) => place !== undefined);
    if (place !== undefined) this.places.add(place);
  }

  /** A stack without functions of the linker's. */
  private guestsOf(stack: string): string {
    const lines = stack.split("\n");
    return lines.filter((line) => !this.places.has(placeOf(line) ?? "")).join("\n");
  }

  /** What is to be thrown into guests for what JavaScript has thrown. */
  asTrap(error: unknown): unknown {
    const own = [WebAssembly.RuntimeError, (WebAssembly as any).Exception].filter(Boolean);
    if (own.some((kind) => error instanceof kind)) return error;
    return this.trapOf(error instanceof Error ? error.message : String(error), error);
  }

  /** What a function of JavaScript's threw that ended the last call in a trap; once. */
  takeCause(): unknown {
    const cause = this.cause;
    this.cause = undefined;
    return cause;
  }

  /** Calls a function of the linker's. If that breaks, by a defect or for want of stack, nothing is known of its state: there is then a `failure`. */
  enter<T>(call: () => T): T {
    if (this.failure !== undefined) throw this.failure;
    try {
      return call();
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  private bytes(at: number, size: number): Uint8Array {
    return new Uint8Array(this.host.memory.buffer, at, size);
  }

  private vector(at: number): { size: number; data: number } {
    const view = this.view();
    return { size: view.getUint32(at, true), data: view.getUint32(at + 4, true) };
  }

  private put(out: number, size: number, data: number): void {
    const view = this.view();
    view.setUint32(out, size, true);
    view.setUint32(out + 4, data, true);
  }

  private putBytes(out: number, bytes: Uint8Array): void {
    const at = bytes.length === 0 ? 0 : this.host.wasmdyld_alloc(bytes.length);
    if (at !== 0) this.bytes(at, bytes.length).set(bytes);
    this.put(out, at === 0 ? 0 : bytes.length, at);
  }

  private putText(out: number, text: string): void {
    this.putBytes(out, encoder.encode(text));
  }

  private handlesAt(vector: number): number[] {
    const { size, data } = this.vector(vector);
    const view = this.view();
    return Array.from({ length: size }, (_, n) => view.getUint32(data + 4 * n, true));
  }

  private putHandles(out: number, handles: number[]): void {
    const at = handles.length === 0 ? 0 : this.host.wasmdyld_alloc(4 * handles.length);
    const view = this.view();
    handles.forEach((handle, n) => view.setUint32(at + 4 * n, handle, true));
    this.put(out, handles.length, at);
  }

  private read(at: number): any {
    const view = this.view();
    switch (view.getUint8(at)) {
      case I32: return view.getInt32(at + 8, true);
      case I64: return view.getBigInt64(at + 8, true);
      case F32: return view.getFloat32(at + 8, true);
      case F64: return view.getFloat64(at + 8, true);
    }
    const reference = view.getUint32(at + 8, true);
    return reference === 0 ? null : this.objects.get(reference).value;
  }

  private write(at: number, kind: number, value: any): void {
    const view = this.view();
    view.setUint8(at, kind);
    view.setBigInt64(at + 8, 0n, true);
    switch (kind) {
      case I32: return view.setInt32(at + 8, value, true);
      case I64: return view.setBigInt64(at + 8, value, true);
      case F32: return view.setFloat32(at + 8, value, true);
      case F64: return view.setFloat64(at + 8, value, true);
    }
    view.setUint32(at + 8, value === null || value === undefined ? 0 : this.objects.add({ value }), true);
  }

  private limits(at: number): Limits {
    const view = this.view();
    return { min: view.getUint32(at, true), max: view.getUint32(at + 4, true) };
  }

  /** A pointer to them in the linker's memory, which goes with the type. */
  private limitsPointer(type: Limits & { at?: number }): number {
    type.at ??= this.host.wasmdyld_alloc(8);
    this.put(type.at, type.min, type.max);
    return type.at;
  }

  private deleteType(handle: number): void {
    const type = this.objects.get(handle);
    if (type.at) this.host.wasmdyld_release(type.at, 8);
    this.objects.remove(handle);
    const vectors = this.vectors.get(type);
    if (vectors) {
      this.host.wasmdyld_release(vectors.at, vectors.size);
      this.vectors.delete(type);
    }
  }

  /** Two vectors of value types, for those who ask what a function's type has. */
  private typeVectors(type: FunctionType): number {
    let known = this.vectors.get(type);
    if (!known) {
      const { params, results } = type;
      const all = [...params, ...results];
      const size = 16 + 4 * all.length;
      known = { at: this.host.wasmdyld_alloc(size), size };
      const data = known.at + 16;
      this.put(known.at, params.length, data);
      this.put(known.at + 8, results.length, data + 4 * params.length);
      const view = this.view();
      all.forEach((kind, n) => view.setUint32(data + 4 * n, kind + 1, true));
      this.vectors.set(type, known);
    }
    return known.at;
  }

  private kinds(vector: number): number[] {
    const kinds = this.handlesAt(vector).map((handle) => handle - 1);
    const { size, data } = this.vector(vector);
    if (size > 0) this.host.wasmdyld_release(data, 4 * size);
    return kinds;
  }

  /** Imports or exports: a block of pointers, and behind it for each the vectors of module and name, and a kind. One deletion frees all. */
  private putDescriptors(out: number, all: { module?: string; name: string; kind: string }[]): void {
    if (all.length === 0) return this.put(out, 0, 0);
    const texts = all.map(({ module, name }) => [module ?? "", name].map((text) => encoder.encode(text)));
    const ENTRY = 20;
    let text = all.length * (4 + ENTRY);
    const size = texts.flat().reduce((sum, bytes) => sum + bytes.length, text);
    const at = this.host.wasmdyld_alloc(size + 4);
    const view = this.view();
    view.setUint32(at, size + 4, true);
    const first = at + 4;
    all.forEach(({ kind }, n) => {
      const entry = first + 4 * all.length + ENTRY * n;
      view.setUint32(first + 4 * n, entry, true);
      texts[n]!.forEach((bytes, part) => {
        this.bytes(first + text, bytes.length).set(bytes);
        this.put(entry + 8 * part, bytes.length, first + text);
        text += bytes.length;
      });
      view.setUint32(entry + 16, EXTERN_KINDS.indexOf(kind as Kind), true);
    });
    this.put(out, all.length, first);
  }

  private deleteDescriptors(vector: number): void {
    const { data } = this.vector(vector);
    if (data !== 0) this.host.wasmdyld_release(data - 4, this.view().getUint32(data - 4, true));
  }

  private exportsOf(module: Module): WebAssembly.ModuleExportDescriptor[] {
    // Few ask: the linker knows from the bytes what libraries export.
    const whole = () => (module.slim ? new WebAssembly.Module(module.bytes as BufferSource) : module.module);
    return (module.exports ??= WebAssembly.Module.exports(whole()));
  }

  /** The types of a module's exports, which the linker reads from its bytes: few are asked for. */
  private typesOf(module: Module): (FunctionType | GlobalType | undefined)[] {
    if (module.types !== undefined) return module.types;
    const { bytes } = module;
    const at = this.host.wasmdyld_alloc(bytes.length + 4);
    this.bytes(at, bytes.length).set(bytes);
    const out = at + bytes.length;
    const start = this.host.wasmdyld_exports(at, bytes.length, out);
    const length = start === 0 ? 0 : this.view().getUint32(out, true);
    module.types = decodeTypes(this.bytes(start, length));
    this.host.wasmdyld_release(at, bytes.length + 4);
    return module.types;
  }

  private instantiate(handle: number, imports: number): number {
    const of = this.objects.get(handle) as Module;
    const { module } = of;
    const given = this.handlesAt(imports).map((one) => this.objects.get(one) as Extern);
    // Names are the module's to choose, `__proto__` among them, which is a name as others are where there is no prototype.
    const values: Record<string, any> = Object.create(null);
    WebAssembly.Module.imports(module).forEach(({ module: from, name }, n) => {
      const value = given[n]!.value;
      const names = (values[from] ??= Object.create(null));
      if (!(name in names)) {
        names[name] = value;
      } else {
        // The same name again: they are asked for in this order.
        const known = Object.getOwnPropertyDescriptor(names, name)!;
        const queue: any[] = known.get ? (known.get as any).queue : [known.value];
        queue.push(value);
        const get = Object.assign(() => queue.shift(), { queue });
        Object.defineProperty(names, name, { get, configurable: true });
      }
    });
    const make = () => new WebAssembly.Instance(module, values);
    const instance = this.promises ? this.promises.between(make) : make();
    const own: Instance = { instance, of };
    this.unseen.push(new WeakRef(own));
    return this.objects.add(own);
  }

  /** A handle of an instance's export; 0 if there is none in this place. */
  private exportAt(own: Instance, n: number): number {
    const told = this.exportsOf(own.of)[n];
    return told === undefined ? 0 : this.exported(own, n, told.kind as Kind, () => told.name);
  }

  private exported({ instance, of }: Instance, n: number, kind: Kind, name: () => string): number {
    const value = of.slim && kind === "function" ? (instance.exports[FUNCTIONS] as WebAssembly.Table).get(n) : instance.exports[name()];
    return value === undefined ? 0 : this.objects.add({ kind, value, type: () => this.typesOf(of)[n]! } satisfies Extern);
  }

  /** A handle of what has ended a guest. */
  trap(value: unknown): number {
    this.cause = value instanceof WebAssembly.RuntimeError ? value.cause : undefined;
    return this.objects.add({ value } satisfies Trap);
  }

  private call(handle: number, args: number, results: number): number {
    const { value, type } = this.objects.get(handle) as Extern;
    const given = this.vector(args);
    const values = Array.from({ length: given.size }, (_, n) => this.read(given.data + VALUE * n));
    try {
      const result = this.promises ? this.promises.between(() => value(...values)) : value(...values);
      const { size, data } = this.vector(results);
      if (size === 0) return 0;
      const kinds = (type!() as FunctionType).results;
      const all = size === 1 ? [result] : [...result];
      // Of a module that is valid only with the linker's table in it, a function may be of another type than its bytes say.
      kinds.forEach((kind, n) => this.write(data + VALUE * n, kind, all[n]));
      return 0;
    } catch (error) {
      return this.trap(error);
    }
  }

  /** A function of the linker's, which guests call. */
  private callback(type: FunctionType, callback: number, env: number): (...args: any[]) => any {
    const { params, results } = type;
    const run = this.host.__indirect_function_table.get(callback) as (env: number, args: number, results: number) => number;
    const [argumentsAt, resultsAt] = [16, 16 + VALUE * params.length];
    const size = resultsAt + VALUE * results.length;
    return this.trapping((...args) => {
      needRoom();
      const at = this.host.wasmdyld_alloc(size);
      try {
        this.put(at, params.length, params.length === 0 ? 0 : at + argumentsAt);
        this.put(at + 8, results.length, results.length === 0 ? 0 : at + resultsAt);
        params.forEach((kind, n) => this.write(at + argumentsAt + VALUE * n, kind, args[n]));
        const trap = this.enter(() => run(env, at, at + 8));
        if (trap !== 0) throw this.takeTrap(trap);
        if (results.length === 0) return undefined;
        const values = results.map((_, n) => this.read(at + resultsAt + VALUE * n));
        return values.length === 1 ? values[0] : values;
      } finally {
        if (this.failure === undefined) this.host.wasmdyld_release(at, size);
      }
    });
  }

  /** Runs what may fail as JavaScript does; `otherwise` is then the answer, and the reason is kept. */
  private attempt<T>(otherwise: T, run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.lastError = String((error as Error)?.message ?? error);
      return otherwise;
    }
  }

  private newMemory(limits: Limits): number {
    // Who calls is the linker, before guests have run.
    this.notes(new Error().stack);
    const maximum = limits.max === NO_MAXIMUM ? undefined : Math.min(limits.max, PAGE);
    const value = new WebAssembly.Memory({ initial: limits.min, ...(maximum === undefined ? {} : { maximum }) });
    return this.objects.add({ kind: "memory", value, limits } satisfies Extern);
  }

  private newTable(type: Limits): number {
    const element = (type.element === EXTERNREF ? "externref" : "anyfunc") as WebAssembly.TableKind;
    const maximum = type.max === NO_MAXIMUM ? {} : { maximum: type.max };
    const value = new WebAssembly.Table({ element, initial: type.min, ...maximum }, null);
    return this.objects.add({ kind: "table", value, limits: type } satisfies Extern);
  }

  /** A global of a type of 32 bits for each value; none if there is no memory for all. */
  private newGlobals(type: GlobalType, values: number, count: number, out: number): void {
    const own = { content: type.content, mutable: type.mutable };
    const descriptor = { value: VALUE_KINDS.get(own.content)!, mutable: own.mutable };
    const told = () => own;
    const view = this.view();
    const made = this.attempt([], () => {
      const globals: WebAssembly.Global[] = [];
      for (let n = 0; n < count; n++) globals.push(new WebAssembly.Global(descriptor, view.getInt32(values + 4 * n, true)));
      return globals;
    });
    made.forEach((value, n) => view.setUint32(out + 4 * n, this.objects.add({ kind: "global", value, type: told }), true));
  }

  private findNul(handle: number, at: number, size: number): number {
    const found = new Uint8Array(this.extern(handle).value.buffer, at, size).indexOf(0);
    return found < 0 ? -1 : found;
  }

  /** Exceptions are few, and looking for tags is work for each export. */
  private seeTags(): void {
    for (const one of this.unseen) {
      const seen = one.deref();
      if (seen === undefined) continue;
      const tags = WebAssembly.Module.exports(seen.of.module).filter(({ kind }) => (kind as string) === "tag");
      for (const { name } of tags) this.tags.add(seen.instance.exports[name]);
    }
    this.unseen = [];
  }

  private exception(handle: number): number | undefined {
    const { value } = this.objects.get(handle) as Trap;
    const kind = (WebAssembly as any).Exception;
    if (!kind || !(value instanceof kind)) return undefined;
    this.seeTags();
    for (const tag of this.tags) {
      if (!(value as any).is(tag)) continue;
      const number = this.attempt(undefined, () => (value as any).getArg(tag, 0));
      if (typeof number === "number") return number;
    }
    return undefined;
  }

  private deleteAll = (vector: number, each: (handle: number) => void): void => {
    const { size, data } = this.vector(vector);
    this.handlesAt(vector).forEach(each);
    if (size > 0) this.host.wasmdyld_release(data, 4 * size);
  };

  /** What the linker's module imports. */
  imports(): Record<string, (...args: any[]) => any> {
    const get = (handle: number) => this.objects.get(handle);
    const remove = (handle: number) => this.objects.remove(handle);
    const type = (handle: number) => this.deleteType(handle);
    const as = (kind: Kind) => (handle: number) => (get(handle).kind === kind ? handle : 0);
    const same = (handle: number) => handle;
    return {
      wasm_engine_new: () => this.objects.add({}),
      wasm_engine_delete: remove,
      wasm_store_new: () => this.objects.add({}),
      wasm_store_delete: remove,

      wasm_byte_vec_new: (out, size, data) => this.putBytes(out, this.bytes(data, size).slice()),
      wasm_byte_vec_delete: (vector) => {
        const { size, data } = this.vector(vector);
        if (size > 0) this.host.wasmdyld_release(data, size);
      },
      wasm_valtype_vec_new: (out, size, data) => {
        const at = this.host.wasmdyld_alloc(4 * size);
        this.bytes(at, 4 * size).set(this.bytes(data, 4 * size));
        this.put(out, size, at);
      },
      wasm_extern_vec_delete: (vector) => this.deleteAll(vector, remove),
      wasm_importtype_vec_delete: (vector) => this.deleteDescriptors(vector),
      wasm_exporttype_vec_delete: (vector) => this.deleteDescriptors(vector),

      // A value type is its kind and one more, so that none is NULL.
      wasm_valtype_new: (kind) => kind + 1,
      wasm_valtype_delete: () => {},
      wasm_valtype_kind: (handle) => handle - 1,
      wasm_functype_new: (params, results) => this.objects.add({ params: this.kinds(params), results: this.kinds(results) }),
      wasm_functype_delete: type,
      wasm_functype_params: (handle) => this.typeVectors(get(handle)),
      wasm_functype_results: (handle) => this.typeVectors(get(handle)) + 8,
      wasm_globaltype_new: (content, mutability) => this.objects.add({ content: content - 1, mutable: mutability === 1 }),
      wasm_globaltype_delete: type,
      wasm_globaltype_content: (handle) => get(handle).content + 1,
      wasm_globaltype_mutability: (handle) => (get(handle).mutable ? 1 : 0),
      wasm_tabletype_new: (element, limits) => this.objects.add({ ...this.limits(limits), element: element - 1 }),
      wasm_tabletype_delete: type,
      wasm_tabletype_element: (handle) => get(handle).element + 1,
      wasm_tabletype_limits: (handle) => this.limitsPointer(get(handle)),
      wasm_memorytype_new: (limits) => this.objects.add(this.limits(limits)),
      wasm_memorytype_delete: type,
      wasm_memorytype_limits: (handle) => this.limitsPointer(get(handle)),
      // Descriptors lie in the linker's memory: see putDescriptors.
      wasm_importtype_module: same,
      wasm_importtype_name: (at) => at + 8,
      wasm_importtype_type: (at) => at + 16,
      wasm_exporttype_name: (at) => at + 8,
      wasm_exporttype_type: (at) => at + 16,
      wasm_externtype_kind: (at) => this.view().getUint32(at, true),

      wasm_module_new: (_store, bytes) => {
        const { size, data } = this.vector(bytes);
        return this.attempt(0, () => {
          if (this.offered !== undefined && equal(this.offered.bytes, this.bytes(data, size))) return this.objects.add(this.offered);
          const bytes = this.bytes(data, size).slice();
          return this.objects.add({ module: new WebAssembly.Module(bytes), bytes } satisfies Module);
        });
      },
      wasm_module_delete: remove,
      wasm_module_validate: (_store, bytes) => {
        const { size, data } = this.vector(bytes);
        return WebAssembly.validate(this.bytes(data, size) as BufferSource) ? 1 : 0;
      },
      wasm_module_imports: (module, out) => this.putDescriptors(out, WebAssembly.Module.imports(get(module).module)),
      wasm_module_exports: (module, out) => this.putDescriptors(out, this.exportsOf(get(module))),
      wasm_instance_new: (_store, module, imports, trap) => {
        try {
          return this.instantiate(module, imports);
        } catch (error) {
          this.view().setUint32(trap, this.trap(error), true);
          return 0;
        }
      },
      wasm_instance_delete: remove,
      wasm_instance_exports: (instance, out) => {
        const own = get(instance) as Instance;
        this.putHandles(out, this.exportsOf(own.of).map((_, n) => this.exportAt(own, n)));
      },

      wasm_func_new_with_env: (_store, type, callback, env, finalizer) => {
        const { params, results } = get(type) as FunctionType;
        const own = { params, results };
        const value = this.callback(own, callback, env);
        return this.objects.add({ kind: "function", value, type: () => own, finalizer, env } as Extern);
      },
      // The environment stays: a guest may have the function in its table.
      wasm_func_delete: remove,
      wasm_func_type: (func) => {
        const told = (get(func) as Extern).type?.() as FunctionType | undefined;
        return told ? this.objects.add({ params: told.params, results: told.results }) : 0;
      },
      wasm_func_param_arity: (func) => (get(func).type() as FunctionType).params.length,
      wasm_func_result_arity: (func) => (get(func).type() as FunctionType).results.length,
      wasm_func_call: (func, args, results) => this.call(func, args, results),

      wasm_global_new: (_store, type, value) => {
        const own = get(type) as GlobalType;
        return this.attempt(0, () => {
          const descriptor = { value: VALUE_KINDS.get(own.content)!, mutable: own.mutable };
          return this.objects.add({ kind: "global", value: new WebAssembly.Global(descriptor, this.read(value)), type: () => own });
        });
      },
      wasmdyld_globals: (type, values, count, out) => this.newGlobals(get(type), values, count, out),
      wasm_global_delete: remove,
      wasm_global_type: (global) => {
        const told = (get(global) as Extern).type?.() as GlobalType | undefined;
        return told ? this.objects.add({ ...told }) : 0;
      },
      wasm_global_get: (global, out) => this.write(out, (get(global).type() as GlobalType).content, get(global).value.value),
      wasm_global_set: (global, value) => {
        get(global).value.value = this.read(value);
      },

      wasm_table_new: (_store, type) => this.attempt(0, () => this.newTable(get(type))),
      wasm_table_delete: remove,
      wasm_table_type: (table) => {
        const { value, limits } = get(table) as Extern;
        return this.objects.add({ element: 129, max: NO_MAXIMUM, ...limits, min: value.length });
      },
      wasm_table_get: (table, index) => this.attempt(0, () => {
        const value = get(table).value.get(index);
        return value === null ? 0 : this.objects.add({ value });
      }),
      wasm_table_set: (table, index, value) => this.attempt(0, () => {
        get(table).value.set(index >>> 0, value === 0 ? null : get(value).value);
        return 1;
      }),
      wasm_table_size: (table) => get(table).value.length,
      wasm_table_grow: (table, delta) => this.attempt(0, () => {
        get(table).value.grow(delta >>> 0, null);
        return 1;
      }),

      wasm_memory_new: (_store, type) => this.attempt(0, () => this.newMemory(get(type))),
      wasm_memory_delete: remove,
      wasm_memory_type: (memory) => {
        const { value, limits } = get(memory) as Extern;
        return this.objects.add({ max: NO_MAXIMUM, ...limits, min: value.buffer.byteLength / PAGE });
      },
      // It is not in the linker's own: see wasmdyld_memory_read and its like.
      wasm_memory_data: () => 0,
      wasm_memory_data_size: (memory) => get(memory).value.buffer.byteLength,
      wasm_memory_size: (memory) => get(memory).value.buffer.byteLength / PAGE,
      wasm_memory_grow: (memory, delta) => this.attempt(0, () => {
        get(memory).value.grow(delta >>> 0);
        return 1;
      }),

      wasm_extern_delete: remove,
      wasm_extern_copy: (handle) => this.objects.add(get(handle)),
      wasm_extern_kind: (handle) => EXTERN_KINDS.indexOf(get(handle).kind),
      wasm_func_as_extern: same,
      wasm_global_as_extern: same,
      wasm_table_as_extern: same,
      wasm_memory_as_extern: same,
      wasm_extern_as_func: as("function"),
      wasm_extern_as_global: as("global"),
      wasm_extern_as_table: as("table"),
      wasm_extern_as_memory: as("memory"),
      wasm_ref_delete: remove,

      wasm_trap_new: (_store, message) => {
        const { size, data } = this.vector(message);
        const text = decoder.decode(this.bytes(data, size).slice()).replace(/\0$/, "");
        return this.trap(this.trapOf(text));
      },
      wasm_trap_delete: remove,
      wasm_trap_message: (trap, out) => {
        const { value } = get(trap) as Trap;
        const kind = (WebAssembly as any).Exception;
        const text = kind && value instanceof kind ? "an exception that nobody caught" : value instanceof Error ? value.message : String(value);
        this.putText(out, text);
      },

      // What the linker asks beyond wasm.h.
      wasmdyld_opens: (handle, way) => {
        const func = get(handle) as Extern;
        if (this.opening) func.value = this.opening(way, func.type!() as FunctionType, func.value);
      },
      wasmdyld_waits: (handle) => (get(handle).waits ? 1 : 0),
      wasmdyld_trap_stack: (trap, out) => this.putText(out, this.guestsOf(String((get(trap).value as any)?.stack ?? ""))),
      wasmdyld_trap_is_link_error: (trap) => (get(trap).value instanceof WebAssembly.LinkError ? 1 : 0),
      wasmdyld_trap_exception: (trap, out) => {
        const number = this.exception(trap);
        if (number !== undefined) this.view().setUint32(out, number, true);
        return number === undefined ? 0 : 1;
      },
      wasmdyld_ready: (number) => {
        const ready = this.ready.get(number);
        return ready === undefined ? 0 : this.objects.add(ready);
      },
      wasmdyld_instance_copy: (instance) => this.objects.add(get(instance)),
      wasmdyld_export_count: (instance) => this.exportsOf(get(instance).of).length,
      wasmdyld_export: (instance, n) => this.exportAt(get(instance), n),
      wasmdyld_named_export: (instance, n, kind, name, size) => this.exported(get(instance), n, EXTERN_KINDS[kind]!, () => decoder.decode(this.bytes(name, size))),
      wasmdyld_last_error: (out) => this.putText(out, this.lastError),
      wasmdyld_now: () => performance.now(),
      wasmdyld_memory_read: (memory, at, into, size) =>
        this.bytes(into, size).set(new Uint8Array(this.extern(memory).value.buffer, at >>> 0, size)),
      wasmdyld_memory_write: (memory, at, from, size) =>
        new Uint8Array(this.extern(memory).value.buffer, at >>> 0, size).set(this.bytes(from, size)),
      wasmdyld_memory_zero: (memory, at, size) => void new Uint8Array(this.extern(memory).value.buffer, at >>> 0, size >>> 0).fill(0),
      wasmdyld_memory_find_nul: (memory, at, size) => this.findNul(memory, at >>> 0, size >>> 0),
    };
  }
}

/** The module of a line of a stack: `at NAME (wasm://wasm/HASH:wasm-function[3]:0x1a2)`, `NAME@URL:wasm-function[3]:0x1a2`. */
function placeOf(line: string): string | undefined {
  return /([^\s(@]+):wasm-function\[\d+\]:0x[0-9a-f]+\)?\s*$/.exec(line)?.[1];
}

/** One entry for each export, in order: a kind, then of functions how many values they take and give, and their kinds; of globals kind and mutability. */
function decodeTypes(told: Uint8Array): (FunctionType | GlobalType | undefined)[] {
  const view = new DataView(told.buffer, told.byteOffset, told.byteLength);
  const types: (FunctionType | GlobalType | undefined)[] = [];
  for (let at = 0; at < told.length; ) {
    const kind = told[at++];
    if (kind === 0) {
      const [params, results] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
      at += 4;
      const kinds = [...told.subarray(at, at + params + results)];
      at += params + results;
      types.push({ params: kinds.slice(0, params), results: kinds.slice(params) });
    } else if (kind === 1) {
      types.push({ content: told[at]!, mutable: told[at + 1] === 1 });
      at += 2;
    } else {
      types.push(undefined);
    }
  }
  return types;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return false;
  return true;
}
