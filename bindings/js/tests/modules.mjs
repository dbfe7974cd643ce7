// Libraries of a few functions for tests, written by hand.
const unsigned = (number) => (number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...unsigned(number >>> 7)]);
const sized = (bytes) => [...unsigned(bytes.length), ...bytes];
const named = (name) => sized([...new TextEncoder().encode(name)]);
const section = (id, bytes) => [id, ...sized(bytes)];
const vector = (all) => [...unsigned(all.length), ...all.flat()];
const [I32, I64, F32, F64] = [0x7f, 0x7e, 0x7d, 0x7c];

/** The type of a function: "i32 i32 -> i32". */
function typeOf(text) {
  const [params, results] = text.split("->").map((part) => part.trim().split(/\s+/).filter(Boolean).map((name) => ({ i32: I32, i64: I64, f32: F32, f64: F64 })[name]));
  return [0x60, ...sized(params), ...sized(results)];
}

/**
 * A library. `imports`: functions, as [module, name, type]; `others`: imports of other kinds, as [module, name, bytes]; `functions`: by name, the type, how many
 * locals of i32, and the code without its end. Functions are numbered from the imports on. `needed`: what it needs.
 */
export function library({ imports = [], others = [], functions = {}, needed = [] }) {
  const types = [...imports.map(([, , type]) => type), ...Object.values(functions).map(([type]) => type)];
  const own = Object.entries(functions);
  const list = needed.length === 0 ? [] : [2, ...sized([...unsigned(needed.length), ...needed.flatMap(named)])];
  return new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0,
    ...section(0, [...named("dylink.0"), 1, ...sized([0, 0, 0, 0]), ...list]),
    ...section(1, vector(types.map(typeOf))),
    ...section(2, vector([
      ...imports.map(([module, name], n) => [...named(module), ...named(name), 0, n]),
      ...others.map(([module, name, kind]) => [...named(module), ...named(name), ...kind]),
    ])),
    ...section(3, vector(own.map((_, n) => [imports.length + n]))),
    ...section(7, vector(own.map(([name], n) => [...named(name), 0, imports.length + n]))),
    ...section(10, vector(own.map(([, [, locals, code]]) => sized([...(locals > 0 ? [1, locals, I32] : [0]), ...code, 0x0b])))),
  ]);
}

/** The library with a folder of its own, where it searches for others: RUNTIME_PATH. */
export function withFolder(bytes, folder) {
  const list = [5, ...sized([1, ...named(folder)])];
  // The first section is dylink.0, of less than 128 bytes.
  const size = bytes[9];
  return new Uint8Array([...bytes.slice(0, 9), ...unsigned(size + list.length), ...bytes.slice(10, 10 + size), ...list, ...bytes.slice(10 + size)]);
}

export const MEMORY = ["env", "memory", [2, 0, 1]];
export const STACK = ["env", "__stack_pointer", [3, I32, 1]];

/** (func (loop (br 0))) */
export const SPIN = ["->", 0, [0x03, 0x40, 0x0c, 0, 0x0b]];
/** (func (param $n i32) (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))) */
export const COUNT = ["i32 ->", 0, [0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b]];
/** Calls function 0 with a number. */
export const PASS = ["i32 -> i32", 0, [0x20, 0, 0x10, 0]];
/** (func unreachable) */
export const TRAP = ["->", 0, [0x00]];
/** Keeps a number on the guest's stack (global 0, memory 0) while function 0 is called with it, and gives the sum of both. */
export const KEEP = [
  "i32 -> i32", 1,
  [
    0x23, 0, 0x41, 16, 0x6b, 0x22, 1, 0x24, 0,
    0x20, 1, 0x20, 0, 0x36, 2, 0,
    0x20, 0, 0x10, 0,
    0x20, 1, 0x28, 2, 0, 0x6a,
    0x20, 1, 0x41, 16, 0x6a, 0x24, 0,
  ],
];
/** The stack pointer. */
export const WHERE = ["-> i32", 0, [0x23, 0]];

/** Functions `call_NAME` that call WASI's by their names, each with so many parameters: an i64 is the fourth of five, and 0. */
export function wasiCalls(functions) {
  const all = Object.entries(functions).map(([name, count]) => [name, `${"i32 ".repeat(count)}-> i32`, count]);
  return library({
    imports: all.map(([name, type]) => ["wasi_snapshot_preview1", name, type.replace(/^i32 i32 i32 i32 i32 -> i32$/, "i32 i32 i32 i64 i32 -> i32")]),
    others: [MEMORY],
    functions: Object.fromEntries(all.map(([name, type, count], n) => {
      const given = (m) => (count === 5 && m === 3 ? [0x42, 0] : [0x20, m]);
      return [`call_${name}`, [type, 0, [...Array.from({ length: count }, (_, m) => given(m)).flat(), 0x10, n]]];
    })),
  });
}
