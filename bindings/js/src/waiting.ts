// Calls of guests that may wait for promises, as a namespace makes them.
import type { Result } from "./arguments.js";
import { Exit, LinkError, Trap, Unsupported, errorOf } from "./errors.js";
import type { FunctionType } from "./engine.js";
import type { Libraries } from "./libraries.js";
import { isFileName } from "./files.js";
import type { Linker } from "./linker.js";
import type { Memory } from "./memory.js";
import { Promises, canWait } from "./promises.js";

/** A MiB, as the linker has it for all. */
const STACK = 1 << 20;
/** Of calls, as the linker has it. */
const NESTING = 128;
/** Of `Shim::opens`. */
const OF_C = 1;
/** As the linker has it. */
const MOST_PATH = 4096;
/** Of wasmdyld_end_run. */
const [RETURNED, EXITED] = [0, 1];
const EXIT = 11;

export interface Parts {
  linker: Linker;
  libraries: Libraries;
  memory: Memory;
  handle: () => number;
  alive: () => void;
  /** The guest's state is of no use any more, for this reason. */
  ruin: (why: Error) => void;
  stackSize: number | undefined;
  maxNesting: number | undefined;
}

export class Waiting {
  private promises: Promises | undefined;
  /** What ended guests by their exit, and its code. */
  private readonly exits = new WeakMap<object, number>();

  constructor(private readonly parts: Parts) {}

  /** How many calls have not ended. */
  get pending(): number {
    return this.promises?.pending ?? 0;
  }

  /** Whether guests may have something to wait for. */
  get isUsed(): boolean {
    return this.promises?.used === true;
  }

  /** Guests get a dlopen that waits for what has to be fetched. */
  openLater(): void {
    if (!canWait) return;
    this.parts.linker.engine.opening = (way, type, now) => this.made().define(type, (...args) => this.open(way, now, args), now);
  }

  /** A function that gives a promise, for guests. */
  define(what: string, type: FunctionType, body: (...args: any[]) => any): number {
    if (!canWait) {
      throw new Unsupported("UNSUPPORTED", `${what}: this JavaScript has no Promise Integration (WebAssembly.Suspending), so that guests wait for no promise`);
    }
    const { engine } = this.parts.linker;
    const now = engine.trapping(() => {
      throw new Error(`${what} gives a promise, for which a guest waits that is called by \`$async\` or \`run\`, with no function of JavaScript's between`);
    });
    return engine.add({ kind: "function", value: this.made().define(type, body, now), type: () => type, waits: true });
  }

  /** What is loaded may have brought a stack. */
  loaded(): void {
    this.promises?.atRest();
  }

  /** The guest has been put into another state. */
  restored(): void {
    this.promises?.forgetStacks();
    this.loaded();
  }

  /** The guest exits by throwing this. */
  exited(thrown: unknown, code: number): void {
    if (this.promises && typeof thrown === "object" && thrown !== null) this.exits.set(thrown, code);
  }

  /** Calls a function of the guest's. */
  async call(func: number, type: FunctionType, values: (number | bigint)[]): Promise<Result> {
    return this.made().call(this.parts.linker.engine.extern(func).value, type, values);
  }

  /** Runs the program that is loaded, and gives its exit code. */
  async run(): Promise<number> {
    const { linker, handle } = this.parts;
    const func = linker.results("wasmdyld_beginning", 1, (at) => [handle(), at]).getUint32(0, true);
    const { value, type } = linker.engine.extern(func);
    let [how, code] = [RETURNED, 0];
    try {
      code = (await this.made().call(value, type!() as FunctionType, [], true)) ?? 0;
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      [how, code] = [EXITED, error.exitCode ?? 0];
    }
    return linker.results("wasmdyld_end_run", 1, (at) => [handle(), how, code, 0, at]).getInt32(0, true);
  }

  private made(): Promises {
    if (this.promises) return this.promises;
    const { linker, memory, handle, alive, ruin, stackSize = STACK, maxNesting } = this.parts;
    const { engine } = linker;
    const overflowed = () => {
      const why = new Trap("TRAP", `stack overflow: a call by $async took more than its ${stackSize} bytes of stack (stackSize) and wrote into the guest's heap: the namespace is of no use any more`);
      ruin(why);
      return why;
    };
    this.promises = new Promises({
      stack: () => linker.plain("wasmdyld_stack", handle()),
      setStack: (stack) => linker.plain("wasmdyld_set_stack", handle(), stack),
      needRoom: () => linker.needRoom(2),
      begin: () => linker.call("wasmdyld_begin_stretch", handle()),
      end: () => thrownBy(() => linker.call("wasmdyld_end_stretch", handle())),
      alloc: (size) => memory.alloc(size),
      words: (address, count) => {
        let words: Uint32Array | undefined;
        thrownBy(() => (words = new Uint32Array(memory.buffer, address, count)));
        return words;
      },
      overflowed,
      heap: () => linker.plain("wasm_dyld_heap", handle()),
      stackSize: Math.max(stackSize, 1024),
      mostNested: maxNesting ?? NESTING,
      alive,
      asTrap: (error) => engine.asTrap(error),
      ended: (error) => this.ended(error),
    });
    engine.promises = this.promises;
    return this.promises;
  }

  private ended(error: unknown): Error {
    const { linker, handle } = this.parts;
    const code = typeof error === "object" && error !== null ? this.exits.get(error) : undefined;
    if (code !== undefined) return errorOf(EXIT, `the guest exited with code ${code}`, { exitCode: code });
    // Who closed the namespace meanwhile, or a limit before anything ran.
    if (error instanceof LinkError) return error;
    const cause = (error as Error | undefined)?.cause;
    if (handle() === 0 && cause instanceof LinkError) return cause;
    return thrownBy(() => linker.call("wasmdyld_ended", handle(), linker.engine.trap(error))) ?? new Error("a trap is none: a defect of wasmdyld");
  }

  /** What a guest opens, by its own words. */
  private asked(way: number, [name = 0, size = 0]: number[]): string | null {
    const { memory } = this.parts;
    try {
      if (way === OF_C) return memory.string(name);
      return name === 0 || size >>> 0 > MOST_PATH ? null : new TextDecoder().decode(memory.read(name, size >>> 0));
    } catch {
      // It is none of its memory.
      return null;
    }
  }

  /** The guest opens a library: what it asks for is fetched, and then it is done as ever. */
  private async open(way: number, now: (...args: any[]) => any, args: number[]): Promise<number> {
    const { linker, libraries, handle, alive } = this.parts;
    const asked = this.asked(way, args);
    // What does not arrive is told by the linker, which looks for it then.
    if (asked !== null && isFileName(asked)) await libraries.prefetch([asked]).catch(() => {});
    for (;;) {
      alive();
      libraries.missing.clear();
      linker.call("wasmdyld_begin_stretch", handle());
      let answer: number;
      try {
        answer = now(...args);
      } finally {
        const stopped = thrownBy(() => linker.call("wasmdyld_end_stretch", handle()));
        if (stopped) throw stopped;
      }
      this.loaded();
      // C's gives a handle, others an errno.
      const opened = (answer !== 0) === (way === OF_C);
      if (opened || !(await libraries.fetchMissing())) return answer;
      alive();
      linker.plain("wasmdyld_forget_dlerror", handle());
    }
  }
}

function thrownBy(run: () => unknown): Error | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
