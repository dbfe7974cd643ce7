// What functions of JavaScript's give guests. What is of another type is an error of theirs, and so a trap: thrown by the engine, guests could catch it.

const EACH: Record<number, (value: any) => any> = {
  0: (value) => value | 0,
  1: (value) => BigInt.asIntN(64, value),
  2: (value) => Math.fround(value),
  3: (value) => +value,
};
const same = (value: any): any => value;

/** Makes a function's answer what the engine takes for results of these types, or throws. */
export function asResults(results: number[]): (value: any) => any {
  const each = results.map((kind) => EACH[kind] ?? same);
  if (each.length === 0) return () => undefined;
  if (each.length === 1) return each[0]!;
  return (value) => {
    const all = [...value];
    if (all.length !== each.length) throw new TypeError(`${each.length} results are expected, not ${all.length}`);
    return all.map((one, n) => each[n]!(one));
  };
}
