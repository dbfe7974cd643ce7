// What stops guests: interrupts, time-outs, budgets. The linker puts checks into modules as it loads them, and at these the guest stops by itself.
import { func, must } from "./check.js";
import { errorOf } from "./errors.js";
import { apart } from "./apart.js";
import type { Linker } from "./linker.js";

/** How guests can be stopped: by interrupts and time-outs, or by a budget besides. */
export type ControlMode = "interrupt" | "budget";

/** Of wasm_dyld_control_t. */
export const CONTROL: Record<ControlMode, number> = { interrupt: 1, budget: 2 };

/** Beyond it a number is no bound. */
const NO_BOUND = 2n ** 64n - 1n;
/** The linker asks no more often. */
const OFTEN = 1;

/**
 * Interrupts what runs in the namespace whose `interruptFlag` it is, of another worker. Nothing happens if nothing runs: the next call is not
 * interrupted.
 */
export function interrupt(flag: Int32Array): void {
  Atomics.store(flag, 0, 1);
}

/** `what` in a unit of which the linker's is a part. */
function whole(what: string, value: number, parts: number): bigint {
  if (!(value >= 0) || value * parts > 2 ** 63) throw new RangeError(`${what}: ${value} is no time`);
  return BigInt(Math.ceil(value * parts));
}

export class Control {
  private ask: (() => boolean) | undefined;
  private every = 0;
  private due = 0;

  constructor(
    private readonly linker: Linker,
    private readonly handle: () => number,
    private readonly flag: Int32Array | undefined,
  ) {
    linker.watch = () => this.look();
    if (flag) this.watch(OFTEN);
  }

  /** The host begins something, with nothing under way: what was asked before is not meant. */
  begin(): void {
    if (this.flag) Atomics.store(this.flag, 0, 0);
  }

  interrupt(): void {
    const code = this.linker.plain("wasm_dyld_interrupt", this.handle()) as number;
    if (code !== 0) throw errorOf(code, "the namespace cannot stop its guests: make it with `control`", {});
  }

  setTimeout(milliseconds: number | undefined): void {
    const bound = milliseconds !== undefined && milliseconds !== Infinity;
    this.linker.call("wasm_dyld_set_timeout", this.handle(), bound ? whole("setTimeout", milliseconds, 1e6) : 0n);
  }

  setBudget(units: number | bigint | undefined): void {
    const bound = units === undefined || units === Infinity ? NO_BOUND : BigInt(units);
    if (bound < 0n || bound > NO_BOUND) throw new RangeError(`setBudget: ${units} is no budget`);
    this.linker.call("wasm_dyld_set_budget", this.handle(), bound);
  }

  budgetLeft(): bigint | undefined {
    const left = this.linker.results("wasm_dyld_budget_left", 1, (at) => [this.handle(), at]).getBigUint64(0, true);
    return left === NO_BOUND ? undefined : left;
  }

  setWatcher(milliseconds: number, ask: (() => boolean) | undefined): void {
    if (ask !== undefined) must("who is asked by setWatcher", ask, func);
    const every = ask === undefined ? 0 : milliseconds;
    if (!(every >= 0 && every < 2 ** 31)) throw new RangeError(`setWatcher: ${milliseconds} is no time`);
    this.watch(this.flag ? OFTEN : ask ? every : undefined);
    [this.ask, this.every, this.due] = [ask, every, performance.now() + every];
  }

  private watch(every: number | undefined): void {
    const asked = every !== undefined;
    const callback = asked ? this.linker.plain("wasmdyld_watcher_callback") : 0;
    this.linker.call("wasm_dyld_set_watcher", this.handle(), asked ? whole("setWatcher", every, 1e6) : 0n, callback, 0, 0);
  }

  /** Whether the guest is to stop. */
  private look(): boolean {
    if (this.flag && Atomics.exchange(this.flag, 0, 0) !== 0) return true;
    const { ask } = this;
    if (ask === undefined || (this.flag && performance.now() < this.due)) return false;
    let stops = false;
    apart(() => void (stops = ask() === true));
    this.due = performance.now() + this.every;
    return stops;
  }
}
