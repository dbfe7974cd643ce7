// What a call costs that goes from one library to another, as a multiple of the same call between two modules that JavaScript instantiates by itself, in
// one run: `cargo xtask js --bench`.
const { Namespace } = await import(`${process.env.WASMDYLD_TEST_JS}/dist/index.js`);

const text = (name) => [name.length, ...Buffer.from(name)];
const section = (id, ...bytes) => [id, bytes.length, ...bytes];
/**
 * A module, of position-independent code, that needs these libraries. V8 has code once for all modules of the same bytes, made for the first of them, so
 * each side has bytes of its own.
 */
const module = (side, needed, ...sections) => {
  const names = needed.flatMap(text);
  const dylink = [...text("dylink.0"), 1, 4, 0, 0, 0, 0, 2, names.length + 1, needed.length, ...names];
  return Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, ...section(0, ...dylink), ...section(0, ...text(side)), ...sections.flat()]);
};
const TYPE = section(1, 1, 0x60, 1, 0x7f, 1, 0x7f);
/** next(n) = n + 1 */
const callee = (side) => module(
  side,
  [],
  TYPE,
  section(3, 1, 0),
  section(7, 1, ...text("next"), 0, 0),
  section(10, 1, 7, 0, 0x20, 0, 0x41, 1, 0x6a, 0x0b),
);
/** count(n): calls next until that gives n. */
const caller = (side) => module(
  side,
  ["libcallee.so"],
  TYPE,
  section(2, 1, ...text("env"), ...text("next"), 0, 0),
  section(3, 1, 0),
  section(7, 1, ...text("count"), 0, 1),
  section(10, 1, 20, 1, 1, 0x7f, 0x03, 0x40, 0x20, 1, 0x10, 0, 0x22, 1, 0x20, 0, 0x48, 0x0d, 0, 0x0b, 0x20, 1, 0x0b),
);

const CALLS = 50_000_000;
const ROUNDS = 15;

const bare = new WebAssembly.Instance(new WebAssembly.Module(caller("bare")), {
  env: { next: new WebAssembly.Instance(new WebAssembly.Module(callee("bare"))).exports.next },
}).exports;
const ns = await Namespace.create({ wasi: false });
ns.addLibrary("libcallee.so", callee("linked"));
const linked = await ns.loadBytes("libcaller.so", caller("linked"));

const time = (count) => {
  const start = performance.now();
  if (count(CALLS) !== CALLS) throw new Error("the count is wrong");
  return performance.now() - start;
};
const sides = [["bare", (n) => bare.count(n)], ["linked", (n) => linked.count(n)]];
const times = { bare: [], linked: [] };
// The first round is for the engine to compile what is hot.
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, count] of round % 2 ? sides.toReversed() : sides) {
    const taken = time(count);
    if (round > 0) times[name].push(taken);
  }
}
const least = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, Math.min(...all)]));
const each = (ms) => `${((ms * 1e6) / CALLS).toFixed(3)} ns`;
console.log(`a call between modules of JavaScript: ${each(least.bare)}; between libraries: ${each(least.linked)}; ${(least.linked / least.bare).toFixed(3)} times as much`);
ns.close();
