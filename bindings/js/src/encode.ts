// Small modules are written by hand.
const TYPES: Record<number, number> = { 0: 0x7f, 1: 0x7e, 2: 0x7d, 3: 0x7c };

export function unsigned(number: number): number[] {
  const out = [];
  for (; number >= 0x80; number >>>= 7) out.push((number & 0x7f) | 0x80);
  return [...out, number];
}
// Lists that may be long are joined by `concat`: to spread one into another takes milliseconds the first time.
export const sized = (bytes: number[]): number[] => unsigned(bytes.length).concat(bytes);
export const text = (name: string): number[] => sized([...new TextEncoder().encode(name)]);
export const section = (id: number, bytes: number[]): number[] => [id].concat(sized(bytes));
/** Types by the numbers that wasm.h has for them. */
export const values = (kinds: number[]): number[] =>
  sized(
    kinds.map((kind) => {
      const type = TYPES[kind];
      if (type === undefined) throw new TypeError("a function of JavaScript's takes and gives numbers");
      return type;
    }),
  );
export const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];
