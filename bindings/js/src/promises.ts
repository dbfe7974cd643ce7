// Guests that wait for promises, by JavaScript Promise Integration. A call that may wait has a stack of the engine's own, on which nothing but code of
// guests may be while it waits: so neither the linker nor JavaScript stands between it and what it waits for. The guest's own stack, in its memory, is
// shared by all of its code. A call that may wait therefore gets one for itself, and the stack pointer is changed whenever one waits, goes on or ends. A
// program keeps the stack that it was linked with; who calls the guest while it waits finds the place below.
import { HEADER, section, sized, text, unsigned, values } from "./encode.js";
import { LimitReached } from "./errors.js";
import type { FunctionType } from "./engine.js";
import { asResults } from "./results.js";

const integration = WebAssembly as any as {
  Suspending?: new (body: (...args: any[]) => Promise<any>) => any;
  promising?: (func: (...args: any[]) => any) => (...args: any[]) => Promise<any>;
};

/** Whether the engine has it. */
export const canWait: boolean = typeof integration.Suspending === "function" && typeof integration.promising === "function";

/** What it asks of the namespace. */
export interface Host {
  /** The guest's stack pointer, -1 where there is none. */
  stack(): number;
  setStack(stack: number): void;
  /** An error unless JavaScript's stack has room for all of this, in a call and in functions that it calls. */
  needRoom(): void;
  /** A stretch of guest code begins, between two waits. */
  begin(): void;
  /** It is over: why the guest is to stop, if it is. */
  end(): Error | undefined;
  /** Takes memory for a stack. */
  alloc(size: number): number;
  /** A part of the guest's memory, as it is now; nothing where the namespace is gone. */
  words(address: number, count: number): Uint32Array | undefined;
  /** A call has used more than its stack, and has written into the guest's heap: the error of that, and of all that is asked of the namespace from then on. */
  overflowed(): Error;
  /** What tells the heap that it was taken from, from others. */
  heap(): number;
  readonly stackSize: number;
  /** The most calls that begin one inside the other: each takes of JavaScript's own stack. */
  readonly mostNested: number;
  /** An error where the namespace is gone. */
  alive(): void;
  asTrap(error: unknown): unknown;
  /** The error that a call ends with which threw this. */
  ended(error: unknown): Error;
}

/** A call that may wait. */
interface Call {
  readonly id: number;
  /** The bottom of its stack in memory; nothing of a program, which has that of all. */
  readonly own: number | undefined;
  /** Where the stack pointer is to be when it waits or has ended; nothing where it stays. */
  back: number | undefined;
  /** Its stack pointer, while it waits. */
  stack: number;
  running: boolean;
  stopped: Error | undefined;
}

/** Sixteen bytes, as C's stacks are aligned. */
const ALIGNMENT = 16;
/** Words below a stack that nobody writes to but who uses more than that. */
const GUARD = 256;
const GUARD_BYTES = 4 * GUARD;
/** What they have, each another. */
const guard = (n: number): number => (0x9e3779b9 * (n + 1)) >>> 0;

export class Promises {
  /** Whether what guests call may wait: 1 while a call that may wait runs, and no function of JavaScript's is between. */
  private readonly mode = new WebAssembly.Global({ value: "i32", mutable: true }, 0);
  private readonly calls = new Map<number, Call>();
  private readonly entries = new WeakMap<object, (...args: any[]) => Promise<any>>();
  private readonly stacks: number[] = [];
  private heap = 0;
  private current: Call | undefined;
  /** How many calls have begun one inside the other, of which none has waited yet. */
  private nested = 0;
  private numbers = 0;
  /** Where the stack that all share ends while none of JavaScript's calls runs. */
  private base = -1;
  /** A program that runs and waits. */
  private program: Call | undefined;
  /** Whether anything has been defined that waits. */
  used = false;

  constructor(private readonly host: Host) {}

  /** How many calls have not ended. */
  get pending(): number {
    return this.calls.size;
  }

  /** Nothing of the guest's runs or waits: a load has changed where its stack is. */
  atRest(): void {
    if (this.calls.size === 0) this.base = this.host.stack();
  }

  /** The guest has been put into another state, whose heap knows of no stack. */
  forgetStacks(): void {
    this.stacks.length = 0;
  }

  /** Runs something that may call the guest, with JavaScript between: there nothing can wait. */
  between<T>(run: () => T): T {
    if (this.current === undefined) return run();
    const before = this.mode.value;
    this.mode.value = 0;
    try {
      return run();
    } finally {
      this.mode.value = before;
    }
  }

  /** A function for guests of which JavaScript gives a promise, `body`, where they may wait, and else what `now` gives. */
  define(type: FunctionType, body: (...args: any[]) => any, now: (...args: any[]) => any): (...args: any[]) => any {
    if (!canWait) return now;
    this.used = true;
    const results = asResults(type.results);
    const imports = {
      now,
      wait: new integration.Suspending!((...args) => this.wait(body, args, results)),
      waits: () => this.current?.id ?? 0,
      goes: (id: number) => this.resume(id),
      mode: this.mode,
    };
    return instance(dispatcher(type), imports).exports.f as (...args: any[]) => any;
  }

  private wait(body: (...args: any[]) => any, args: any[], results: (value: any) => any): Promise<any> {
    const call = this.current!;
    this.mode.value = 0;
    let given: Promise<any>;
    try {
      given = Promise.resolve(body(...args));
    } catch (error) {
      given = Promise.reject(error);
    }
    call.stack = this.host.stack();
    this.leave(call);
    // There is a time of which the words below say nothing: what is written may be below them.
    if (call.own !== undefined && call.stack < call.own + GUARD_BYTES) call.stopped ??= this.host.overflowed();
    const settled = given.then((value) => {
      this.host.alive();
      if (call.stopped) throw call.stopped;
      return results(value);
    });
    return settled.catch((error) => {
      throw this.host.asTrap(error);
    });
  }

  /** The guest goes on behind what it has waited for. */
  private resume(id: number): void {
    const call = this.calls.get(id)!;
    try {
      this.host.begin();
    } catch (error) {
      throw this.host.asTrap(error);
    }
    // Of the stack that all share only a program that waits has something.
    if (call.own !== undefined) call.back = this.program?.stack ?? this.base;
    this.enter(call);
    this.host.setStack(call.stack);
  }

  private enter(call: Call): void {
    call.running = true;
    this.current = call;
    this.mode.value = 1;
  }

  private leave(call: Call): void {
    if (!call.running) return;
    call.running = false;
    this.mode.value = 0;
    this.current = undefined;
    const stopped = this.host.end();
    call.stopped ??= this.isIntact(call) ? stopped : this.host.overflowed();
    if (call.back !== undefined) this.host.setStack(call.back);
  }

  /** Calls a function of a guest's, which may wait; `program`: on the stack that all share. */
  async call(func: (...args: any[]) => any, type: FunctionType, args: (number | bigint)[], program = false): Promise<any> {
    if (this.nested >= this.host.mostNested) {
      throw new LimitReached("LIMIT", `guest and host call each other more than ${this.host.mostNested} levels deep`);
    }
    // What is begun has to be ended, which is some calls deeper.
    this.host.needRoom();
    const run = this.entry(func, type);
    const outer = { stack: this.host.stack(), current: this.current, mode: this.mode.value };
    const bottom = program || outer.stack < 0 ? undefined : this.takeStack();
    const call: Call = { id: ++this.numbers, own: bottom, back: undefined, stack: outer.stack, running: false, stopped: undefined };
    try {
      this.host.begin();
    } catch (error) {
      if (bottom !== undefined) this.stacks.push(bottom);
      throw error;
    }
    if (this.calls.size === 0 && this.base < 0) this.base = outer.stack;
    this.calls.set(call.id, call);
    this.enter(call);
    if (program) this.program = call;
    if (bottom !== undefined) {
      call.back = outer.stack;
      this.host.setStack((bottom + GUARD_BYTES + this.host.stackSize) & -ALIGNMENT);
    }
    let given: Promise<any>;
    this.nested += 1;
    try {
      given = run(call.id, ...args);
    } finally {
      this.nested -= 1;
      // It waits, or has ended, by a trap if it did not say so.
      if (call.running && program) this.host.setStack(outer.stack);
      this.leave(call);
      this.current = outer.current;
      this.mode.value = outer.mode;
    }
    try {
      const result = await given;
      if (call.stopped) throw call.stopped;
      return result;
    } catch (error) {
      const told = call.stopped ?? this.host.ended(error);
      if (call.running && program) this.host.setStack(outer.stack);
      this.leave(call);
      throw call.stopped ?? told;
    } finally {
      this.calls.delete(call.id);
      if (program) this.program = undefined;
      if (bottom !== undefined) this.stacks.push(bottom);
    }
  }

  private takeStack(): number {
    const heap = this.host.heap();
    // It went with its library.
    if (heap !== this.heap) this.stacks.length = 0;
    this.heap = heap;
    const bottom = this.stacks.pop() ?? align(this.host.alloc(GUARD_BYTES + this.host.stackSize + ALIGNMENT));
    this.host.words(bottom, GUARD)?.forEach((_, n, words) => void (words[n] = guard(n)));
    return bottom;
  }

  /** Whether a call has used no more than its stack, as far as can be seen. */
  private isIntact({ own }: Call): boolean {
    return own === undefined || (this.host.words(own, GUARD)?.every((word, n) => word === guard(n)) ?? true);
  }

  private entry(func: (...args: any[]) => any, type: FunctionType): (...args: any[]) => Promise<any> {
    const known = this.entries.get(func);
    if (known) return known;
    const end = (id: number) => {
      const call = this.calls.get(id);
      if (call) this.leave(call);
    };
    const made = integration.promising!(instance(entry(type), { f: func, end }).exports.f as (...args: any[]) => any);
    this.entries.set(func, made);
    return made;
  }
}

const align = (address: number): number => ((address + ALIGNMENT - 1) & -ALIGNMENT) >>> 0;

function instance(bytes: number[], imports: Record<string, any>): WebAssembly.Instance {
  return new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), { "": imports });
}

const [FUNCTION, GLOBAL, I32] = [0, 3, 0x7f];
const imported = (name: string, kind: number, ...rest: number[]): number[] => [...text(""), ...text(name), kind, ...rest];
const locals = (first: number, { params }: FunctionType): number[] => params.flatMap((_, n) => [0x20, ...unsigned(first + n)]);
const vector = (all: number[][]): number[] => [...unsigned(all.length), ...all.flat()];

/** (func (export "f") where (mode = 0) is answered by `now`, and else by `wait`: before that `waits` gives a number, which `goes` gets behind it. */
function dispatcher(type: FunctionType): number[] {
  const own = unsigned(type.params.length);
  const body = [
    1, 1, I32,
    // (if (i32.eqz (global.get $mode)) (return (call $now ...)))
    0x23, 0, 0x45, 0x04, 0x40, ...locals(0, type), 0x10, 0, 0x0f, 0x0b,
    // (local.set $id (call $waits)) (call $wait ...) (call $goes (local.get $id))
    0x10, 2, 0x21, ...own, ...locals(0, type), 0x10, 1, 0x20, ...own, 0x10, 3,
    0x0b,
  ];
  const types = [[0x60, ...values(type.params), ...values(type.results)], [0x60, 0, 1, I32], [0x60, 1, I32, 0]];
  const imports = [
    imported("now", FUNCTION, 0), imported("wait", FUNCTION, 0), imported("waits", FUNCTION, 1), imported("goes", FUNCTION, 2),
    imported("mode", GLOBAL, I32, 1),
  ];
  return module(types, imports, 0, 4, body);
}

/** (func (export "f") (param $id i32) ... (call $f ...) (call $end (local.get $id))) */
function entry(type: FunctionType): number[] {
  const body = [0, ...locals(1, type), 0x10, 0, 0x20, 0, 0x10, 1, 0x0b];
  const withId = values([0, ...type.params]);
  const types = [[0x60, ...values(type.params), ...values(type.results)], [0x60, 1, I32, 0], [0x60, ...withId, ...values(type.results)]];
  return module(types, [imported("f", FUNCTION, 0), imported("end", FUNCTION, 1)], 2, 2, body);
}

/** A module with one function, of this type and number. */
function module(types: number[][], imports: number[][], type: number, number: number, body: number[]): number[] {
  return [
    ...HEADER,
    ...section(1, vector(types)),
    ...section(2, vector(imports)),
    ...section(3, [1, type]),
    ...section(7, [1, ...text("f"), FUNCTION, number]),
    ...section(10, [1, ...sized(body)]),
  ];
}
