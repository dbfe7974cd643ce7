// A library of a namespace: its functions as functions.
import { Callback } from "./callbacks.js";
import type { FunctionType } from "./engine.js";
import { InvalidArgument, NotFound } from "./errors.js";
import type { Memory } from "./memory.js";
import { canWait } from "./promises.js";

/** What a function of a guest takes: a number; null and booleans as C has them; a callback as its pointer; text and bytes as the address of a copy, for
 * the time of the call, of which bytes are copied back. */
export type Argument = number | bigint | boolean | null | string | Uint8Array | Callback;
export type Result = number | bigint | undefined | (number | bigint)[];
export type GuestFunction = (...args: Argument[]) => any;
export type AsyncGuestFunction = (...args: Argument[]) => Promise<any>;

/** A function that can be called. */
export interface Prepared {
  /** 0 when the namespace has given it up. */
  handle: number;
  readonly type: FunctionType;
}

/** What a library asks of its namespace; `object` is the linker's name for it, 0 for the global scope. */
export interface Core {
  readonly memory: Memory;
  /** A function, or the address of a datum; nothing where there is no such symbol. */
  find(object: number, name: string): { func: number } | { address: number } | undefined;
  /** The table slot of a function that there is. */
  slot(object: number, name: string): number;
  /** As `find`, of the next definition behind this object. */
  next(object: number, name: string): { func: number } | { address: number } | undefined;
  prepare(func: number): Prepared;
  callPrepared(prepared: Prepared, values: (number | bigint)[]): Result;
  /** Calls a function that may wait. */
  callWaiting(func: number, type: FunctionType, values: (number | bigint)[]): Promise<Result>;
  symbolsOf(object: number): Map<string, "function" | "data">;
  nameOf(object: number): string;
  unload(object: number): void;
}

const [I32, I64, F32, F64] = [0, 1, 2, 3];
const NAMES: Record<number, string> = { 0: "i32", 1: "i64", 2: "f32", 3: "f64" };

/** The functions by their names, and this, whose own names begin with `$`, which C's do not. */
export interface LibraryMethods extends Disposable {
  /** The library's name. */
  readonly $name: string;
  /** Calls a function by its name. */
  $call(name: string, ...args: Argument[]): any;
  /** A function by its name; an error if there is none. */
  $function(name: string): GuestFunction;
  /**
   * A function by its name, which gives a promise: meanwhile the guest waits for promises of functions that were defined with `async`, and for libraries that it
   * opens. Several such calls may wait at once, each on a stack of its own in the guest's heap. Where JavaScript has no Promise Integration, it is called at once.
   */
  $async(name: string): AsyncGuestFunction;
  /** The function of this name that comes next behind the library, where it finds its own (RTLD_NEXT): what one that stands before another calls. */
  $next(name: string): GuestFunction;
  /** The address of a datum. */
  $address(name: string): number;
  /** A function's pointer as C has it, for guests to call: its slot in the namespace's table. */
  $pointer(name: string): number;
  /** Whether there is such a symbol, here or in what the library needs. */
  $has(name: string): boolean;
  /** What the library defines itself. */
  $symbols(): Map<string, "function" | "data">;
  /** Takes the loading back (dlclose), once. Functions that were taken before are good as long as something else holds the library. */
  $close(): void;
}

export type Library = LibraryMethods & Record<string, any>;

export function makeLibrary(core: Core, object: number): Library {
  const known = new Map<string, GuestFunction>();
  let closed = false;
  const close = () => {
    // Once: other loads of the same library hold it too.
    if (closed) return;
    core.unload(object);
    closed = true;
  };
  const found = (name: string) => {
    if (closed) throw new InvalidArgument("INVALID_ARGUMENT", `${methods.$name} has been closed`);
    const symbol = core.find(object, name);
    if (symbol === undefined) throw new NotFound("NOT_FOUND", `${methods.$name}: no symbol \`${name}\` in it or in what it needs`);
    return symbol;
  };
  const prepared = (name: string): Prepared => {
    const symbol = found(name);
    if ("address" in symbol) throw new TypeError(`${name} is a datum, at address ${symbol.address}: use $address("${name}")`);
    return core.prepare(symbol.func);
  };
  const guestFunction = (name: string): GuestFunction => {
    let made = known.get(name);
    if (made) return made;
    made = wrap(core, name, () => prepared(name));
    known.set(name, made);
    return made;
  };
  const methods: LibraryMethods = {
    $name: object === 0 ? "the namespace" : core.nameOf(object),
    $call: (name, ...args) => guestFunction(name)(...args),
    $function: guestFunction,
    $async: (name) => {
      const call = wrapAsync(core, name, () => {
        const symbol = found(name);
        if ("address" in symbol) throw new TypeError(`${name} is a datum`);
        return { func: symbol.func, prepared: core.prepare(symbol.func) };
      });
      return async (...args) => call(args);
    },
    $next: (name) => {
      const next = () => {
        if (closed) throw new InvalidArgument("INVALID_ARGUMENT", `${methods.$name} has been closed`);
        const symbol = core.next(object, name);
        if (symbol === undefined) throw new NotFound("NOT_FOUND", `${methods.$name}: no symbol \`${name}\` behind it`);
        if ("address" in symbol) throw new TypeError(`${name} is a datum, at address ${symbol.address}`);
        return core.prepare(symbol.func);
      };
      return wrap(core, name, next);
    },
    $address: (name) => {
      const symbol = found(name);
      if (!("address" in symbol)) throw new TypeError(`${name} is a function`);
      return symbol.address;
    },
    $pointer: (name) => {
      if ("address" in found(name)) throw new TypeError(`${name} is a datum`);
      return core.slot(object, name);
    },
    $has: (name) => core.find(object, name) !== undefined,
    $symbols: () => core.symbolsOf(object),
    $close: close,
    [Symbol.dispose]: close,
  };
  return new Proxy(methods, {
    get(target, name) {
      // A promise's `then` is looked for wherever something is awaited, and a library that has a function of that name gives it by $function.
      if (typeof name === "symbol" || name in target || name === "then") return Reflect.get(target, name);
      return guestFunction(name);
    },
    has: (target, name) => name in target || (typeof name === "string" && methods.$has(name)),
  }) as Library;
}

function wrap(core: Core, name: string, prepare: () => Prepared): GuestFunction {
  let prepared = prepare();
  return (...args) => {
    if (prepared.handle === 0) prepared = prepare();
    const given = new Arguments(core, name, prepared.type, args);
    try {
      return given.back(core.callPrepared(prepared, given.values));
    } finally {
      given.free();
    }
  };
}

function wrapAsync(core: Core, name: string, find: () => { func: number; prepared: Prepared }): (args: Argument[]) => Promise<Result> {
  if (!canWait) {
    const call = wrap(core, name, () => find().prepared);
    return async (args) => call(...args);
  }
  find();
  return async (args) => {
    const { func, prepared } = find();
    const given = new Arguments(core, name, prepared.type, args);
    try {
      return given.back(await core.callWaiting(func, prepared.type, given.values));
    } finally {
      given.free();
    }
  };
}

/** The arguments of a call, with the copies that it takes of them. */
class Arguments {
  readonly values: (number | bigint)[];
  private copies: { address: number; bytes: Uint8Array; back: boolean }[] = [];

  constructor(
    private readonly core: Core,
    name: string,
    { params }: FunctionType,
    args: Argument[],
  ) {
    const signature = () => `${name}(${params.map((kind) => NAMES[kind]).join(", ")})`;
    if (args.length !== params.length) throw new TypeError(`${signature()} takes ${params.length} arguments, not ${args.length}`);
    const copy = (bytes: Uint8Array, back: boolean): number => {
      const address = core.memory.newBytes(bytes);
      this.copies.push({ address, bytes, back });
      return address;
    };
    try {
      this.values = args.map((arg, n) => toGuest(arg, params[n]!, copy, () => `argument ${n + 1} of ${signature()}`));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Copies back what the guest has written, and gives what it gave. */
  back<T>(result: T): T {
    for (const { address, bytes, back } of this.copies) if (back) bytes.set(this.core.memory.read(address, bytes.length));
    return result;
  }

  free(): void {
    for (const { address } of this.copies) this.core.memory.free(address);
    this.copies = [];
  }
}

function toGuest(
  arg: Argument,
  kind: number,
  copy: (bytes: Uint8Array, back: boolean) => number,
  what: () => string,
): number | bigint {
  const wrong = (expected: string) => new TypeError(`${what()}: ${expected} is expected, not ${arg === null ? "null" : typeof arg}`);
  if (kind === I32) {
    if (typeof arg === "string") return copy(new TextEncoder().encode(`${arg}\0`), false);
    if (arg instanceof Uint8Array) return copy(arg, true);
    if (arg instanceof Callback) return arg.slot;
    if (arg === null || typeof arg === "boolean") return Number(arg);
    if (typeof arg !== "number") throw wrong("a number");
    if (!Number.isInteger(arg) || arg < -(2 ** 31) || arg >= 2 ** 32) throw new RangeError(`${what()}: ${arg} is no integer of 32 bits`);
    return arg | 0;
  }
  if (kind === I64) {
    if (typeof arg !== "bigint" && !Number.isSafeInteger(arg)) throw wrong("a bigint or an integer");
    const value = BigInt(arg as number | bigint);
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new RangeError(`${what()}: ${value} is no integer of 64 bits`);
    return BigInt.asIntN(64, value);
  }
  if (kind !== F32 && kind !== F64) throw wrong("a value that JavaScript cannot give");
  if (typeof arg !== "number") throw wrong("a number");
  return arg;
}
