// What JavaScript gives functions of guests, as these take it.
import { Callback } from "./callbacks.js";
import type { FunctionType } from "./engine.js";
import { InvalidArgument } from "./errors.js";
import type { Core } from "./library.js";

/** What a function of a guest takes: a number; null and booleans as C has them; a callback as its pointer; text and bytes as the address of a copy, for
 * the time of the call, of which bytes are copied back; a function of a library of the same namespace as its pointer. */
export type Argument = number | bigint | boolean | null | string | Uint8Array | Callback | GuestFunction;
export type Result = number | bigint | undefined | (number | bigint)[];
export type GuestFunction = (...args: Argument[]) => any;
export type AsyncGuestFunction = (...args: Argument[]) => Promise<any>;

const [I32, I64, F32, F64] = [0, 1, 2, 3];
/** Of the kinds of numbers. */
export const NAMES: Record<number, string> = { 0: "i32", 1: "i64", 2: "f32", 3: "f64" };

/** Functions that libraries have given, whose pointers guests of the same namespace can be told. */
const pointers = new WeakMap<Function, { core: Core; pointer: () => number }>();

export function rememberPointer(func: Function, core: Core, pointer: () => number): void {
  pointers.set(func, { core, pointer });
}

/** The arguments of a call, with the copies that it takes of them. */
export class Arguments {
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
      const address = core.memory.borrow(bytes);
      this.copies.push({ address, bytes, back });
      return address;
    };
    try {
      this.values = args.map((arg, n) => toGuest(core, arg, params[n]!, copy, () => `argument ${n + 1} of ${signature()}`));
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
    this.core.memory.giveBack(this.copies.map(({ address }) => address));
    this.copies = [];
  }
}

/** What a pointer to this function is in the namespace. */
function pointerOf(core: Core, func: Function, what: () => string): number {
  const known = pointers.get(func);
  const wrong = (why: string) => new InvalidArgument("INVALID_ARGUMENT", `${what()}: ${why}: \`callback\` makes a pointer of it`);
  if (known === undefined) throw wrong("a function of JavaScript's has no pointer");
  if (known.core !== core) throw wrong("a function of another namespace has no pointer here");
  return known.pointer();
}

/** A value for a parameter of this kind; `copy` puts bytes into the guest's heap, and back if it is told so. */
export function toGuest(
  core: Core,
  arg: Argument,
  kind: number,
  copy: (bytes: Uint8Array, back: boolean) => number,
  what: () => string,
): number | bigint {
  const wrong = (expected: string) => new TypeError(`${what()}: ${expected} is expected, not ${arg === null ? "null" : typeof arg}`);
  if (kind === I32) {
    if (typeof arg === "string") return copy(new TextEncoder().encode(`${arg}\0`), false);
    if (arg instanceof Uint8Array) return copy(arg, true);
    if (arg instanceof Callback) return arg.pointerFor(core);
    if (typeof arg === "function") return pointerOf(core, arg, what);
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
