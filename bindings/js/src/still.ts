// WASI that is the same in every run: random numbers of a seed, clocks that stand still, sleeps that pass at once. `src/wasi/preview1/clocks.rs` has the same for
// other hosts.
import { MOST_SUBSCRIPTIONS } from "./price.js";
import type { WasiProvider } from "./wasi.js";

const [SUCCESS, BAD_DESCRIPTOR, INVALID] = [0, 8, 28];
const [REALTIME, MONOTONIC, CLOCKS] = [0, 1, 4];
/** 2001-09-09T01:46:40Z, in nanoseconds since 1970. */
const START = 1_000_000_000n * 1_000_000_000n;
const [SUBSCRIPTION, EVENT] = [48, 32];
const SOME_CLOCK = 0;
const ABSOLUTE = 1;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

export function withStillTime(imports: WasiProvider["imports"], seed: number | bigint, memory: () => WebAssembly.Memory): WasiProvider["imports"] {
  let state = u64(BigInt(seed));
  let passed = 0n;
  const view = () => new DataView(memory().buffer);

  /** SplitMix64. */
  const next = (): bigint => {
    state = u64(state + 0x9e37_79b9_7f4a_7c15n);
    let mixed = u64((state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    mixed = u64((mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn);
    return mixed ^ (mixed >> 31n);
  };
  const now = (clock: number): bigint | undefined => (clock === REALTIME ? START + passed : clock === MONOTONIC ? passed : undefined);
  const refused = (clock: number): number => (clock >>> 0 < CLOCKS ? BAD_DESCRIPTOR : INVALID);

  const random_get = (at: number, size: number): number => {
    const to = new Uint8Array(memory().buffer, at >>> 0, size >>> 0);
    const piece = new DataView(new ArrayBuffer(8));
    for (let n = 0; n < to.length; n += 8) {
      piece.setBigUint64(0, next(), true);
      to.set(new Uint8Array(piece.buffer).subarray(0, to.length - n), n);
    }
    return SUCCESS;
  };
  const clock_time_get = (clock: number, _precision: bigint, at: number): number => {
    const time = now(clock);
    if (time === undefined) return refused(clock);
    view().setBigUint64(at >>> 0, time, true);
    return SUCCESS;
  };
  const clock_res_get = (clock: number, at: number): number => {
    if (now(clock) === undefined) return refused(clock);
    view().setBigUint64(at >>> 0, 1n, true);
    return SUCCESS;
  };
  const poll_oneoff = (from: number, to: number, count: number, told: number): number => {
    if (count === 0 || count >>> 0 > MOST_SUBSCRIPTIONS) return INVALID;
    const at = view();
    const asked = Array.from({ length: count }, (_, n) => {
      const sub = (from >>> 0) + SUBSCRIPTION * n;
      const [user, kind] = [at.getBigUint64(sub, true), at.getUint8(sub + 8)];
      if (kind !== SOME_CLOCK) return { user, kind, error: SUCCESS, wait: 0n };
      const clock = at.getUint32(sub + 16, true);
      const time = now(clock);
      if (time === undefined) return { user, kind, error: refused(clock), wait: 0n };
      const timeout = at.getBigUint64(sub + 24, true);
      const wait = at.getUint16(sub + 40, true) & ABSOLUTE ? timeout - time : timeout;
      return { user, kind, error: SUCCESS, wait: wait < 0n ? 0n : wait };
    });
    // Files and streams of JavaScript's are always ready.
    const first = asked.reduce((least, { wait }) => (wait < least ? wait : least), asked[0]!.wait);
    passed = u64(passed + first);
    const due = asked.filter(({ wait }) => wait <= first);
    due.forEach(({ user, kind, error }, n) => {
      const event = (to >>> 0) + EVENT * n;
      new Uint8Array(at.buffer, event, EVENT).fill(0);
      at.setBigUint64(event, user, true);
      at.setUint16(event + 8, error, true);
      at.setUint8(event + 10, kind);
    });
    at.setUint32(told >>> 0, due.length, true);
    return SUCCESS;
  };
  return { ...imports, random_get, clock_time_get, clock_res_get, poll_oneoff };
}
