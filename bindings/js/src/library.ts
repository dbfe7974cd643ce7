// A library of a namespace: its functions as functions.
import { Arguments, rememberPointer, type Argument, type AsyncGuestFunction, type GuestFunction, type Result } from "./arguments.js";
import type { FunctionType } from "./engine.js";
import { InvalidArgument, NotFound } from "./errors.js";
import type { Memory } from "./memory.js";
import { canWait } from "./promises.js";
import { callRows, type RowsArgument, type RowsOptions } from "./rows.js";

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
  /** Calls a function for so many rows: how many were done, and what has ended it before the end. */
  callRows(prepared: Prepared, columns: { address: number; stride: number }[], rows: number): { done: number; error: unknown };
  /** Calls a function that may wait. */
  callWaiting(func: number, type: FunctionType, values: (number | bigint)[]): Promise<Result>;
  symbolsOf(object: number): Map<string, "function" | "data">;
  nameOf(object: number): string;
  unload(object: number): void;
}

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
  /**
   * Calls a function once for each row of arguments, in order, crossing into the guest once: `lib.$rows("add", [Int32Array.of(1, 2), 10])` gives
   * `Int32Array.of(11, 12)`. Results are a typed array, a list of such for several, or what `out` says.
   */
  $rows(name: string, columns: RowsArgument[], options?: RowsOptions): any;
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

/** What JavaScript looks for wherever something is awaited, or becomes JSON. A library that has a function of such a name gives it by $function. */
const OF_JAVASCRIPT = new Set(["then", "toJSON"]);

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
    rememberPointer(made, core, () => pointer(name));
    return made;
  };
  const pointer = (name: string): number => {
    if ("address" in found(name)) throw new TypeError(`${name} is a datum`);
    return core.slot(object, name);
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
    $rows: (name, columns, options = {}) => callRows(core, prepared(name), name, columns, options),
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
    $pointer: pointer,
    $has: (name) => core.find(object, name) !== undefined,
    $symbols: () => core.symbolsOf(object),
    $close: close,
    [Symbol.dispose]: close,
  };
  return new Proxy(methods, {
    get(target, name) {
      if (typeof name === "symbol" || name in target || OF_JAVASCRIPT.has(name)) return Reflect.get(target, name);
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
