// Whether JavaScript's own stack has room. The linker must not be interrupted where that is full: it would be left in a state of which nothing is known.
import { HEADER, section, sized, text } from "./encode.js";

/**
 * A function has so many values at once in what it never does, and engines look whether there is room for all of them when it is entered. It calls
 * itself so often: some 60 to 100 KB, of which nothing is touched. The linker itself takes few of them, and the first call of a function of JavaScript's 40.
 */
const [VALUES, LEVELS] = [512, 24];
const [I32, I64] = [0x7f, 0x7e];

/**
 * (func $room (export "f") (param $levels i32) (param $never i32)
 *   (if (i32.eqz (local.get $never)) (then
 *     (if (local.get $levels) (then (call $room (i32.sub (local.get $levels) (i32.const 1)) (local.get $never))))
 *     (return)))
 *   (global.set 0 (i64.xor (call $value) (i64.xor (call $value) ...))))
 *
 * V8 counts how far into a function's code calls of it come, and compiles anew what has come far. So what never runs is behind the end.
 */
function bytes(): Uint8Array<ArrayBuffer> {
  const values: number[] = [];
  for (let n = 0; n < VALUES; n++) values.push(0x10, 0);
  for (let n = 1; n < VALUES; n++) values.push(0x85);
  const first = [0, 0x20, 1, 0x45, 0x04, 0x40, 0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x20, 1, 0x10, 1, 0x0b, 0x0f, 0x0b];
  const body = first.concat(values, [0x24, 0, 0x0b]);
  const before = [
    ...HEADER,
    ...section(1, [2, 0x60, 0, 1, I64, 0x60, 2, I32, I32, 0]),
    ...section(2, [1, ...text(""), ...text("g"), 0, 0]),
    ...section(3, [1, 1]),
    ...section(6, [1, I64, 1, 0x42, 0, 0x0b]),
    ...section(7, [1, ...text("f"), 0, 1]),
  ];
  return new Uint8Array(before.concat(section(10, [1].concat(sized(body)))));
}

let uses: ((levels: number, never: number) => void) | undefined;

/** Throws what JavaScript throws where its stack is full, unless there is so many times as much left of it as the linker takes. */
export function needRoom(times = 1): void {
  uses ??= new WebAssembly.Instance(new WebAssembly.Module(bytes()), { "": { g: () => 0n } }).exports.f as (levels: number, never: number) => void;
  uses(LEVELS * times, 0);
}

/** Whether JavaScript has thrown this because its stack is full. */
export function isOverflow(error: unknown): boolean {
  // Firefox has an error of a type of its own.
  return error instanceof Error && /^(Range|Internal)Error$/.test(error.name) && /call stack|recursion/i.test(error.message);
}
