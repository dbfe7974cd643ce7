// A function of JavaScript's as a function pointer: a library of a few bytes with one slot, which the linker links like any other.
import { InvalidArgument } from "./errors.js";
import { section, sized, text, values } from "./encode.js";
import type { FunctionType } from "./engine.js";

export const MODULE = "wasmdyld.callback";
/** The library that puts the function which is defined as `MODULE`.`name` into its slot. */
export function callbackLibrary(name: string, { params, results }: FunctionType): Uint8Array {
  const imports = [
    [...text(MODULE), ...text(name), 0, 0],
    [...text("env"), ...text("__indirect_function_table"), 1, 0x70, 0, 0],
    [...text("env"), ...text("__table_base"), 3, 0x7f, 0],
  ];
  return new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0,
    // No memory, and one slot.
    ...section(0, [...text("dylink.0"), 1, ...sized([0, 0, 1, 0])]),
    ...section(1, [1, 0x60, ...values(params), ...values(results)]),
    ...section(2, [imports.length, ...imports.flat()]),
    // (elem (global.get 0) func 0)
    ...section(9, [1, 0, 0x23, 0, 0x0b, 1, 0]),
  ]);
}

/** A function pointer to a function of JavaScript's. */
export class Callback {
  private closed = false;

  constructor(
    /** The number that a C function pointer is. */
    readonly slot: number,
    private readonly end: () => void,
    /** The namespace's own mark: its pointer says nothing to another. */
    private readonly owner: object,
    private readonly isGone: () => boolean,
  ) {}

  /** Its pointer, for a guest of the namespace of this mark; an error where it would be another function's there, or nobody's. */
  pointerFor(owner: object): number {
    const wrong = (why: string) => new InvalidArgument("INVALID_ARGUMENT", `a callback is no argument here: ${why}`);
    if (this.owner !== owner) throw wrong("it is another namespace's, and each has pointers of its own; make one by `callback` here");
    if (this.closed) throw wrong("it has been closed");
    if (this.isGone()) throw wrong("the namespace has been put into a state of before it was made");
    return this.slot;
  }

  /** Takes the pointer back. A guest that calls it all the same traps, as long as no other function has it. */
  close(): void {
    // The pointer may be another callback's by the second time.
    if (this.closed) return;
    this.closed = true;
    this.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
