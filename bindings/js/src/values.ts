// Memories, tables and globals of JavaScript's that guests import.
import { count, flag, type Checks } from "./check.js";
import type { Extern } from "./engine.js";

/** Types of globals, by the numbers that wasm.h has for them. */
const TYPES = { i32: 0, i64: 1, f32: 2, f64: 3 } as const;
export type GlobalType = keyof typeof TYPES;

export interface DefineOptions {
  /** It comes before definitions of libraries, in the module "env" too. */
  override?: boolean;
}

/** What JavaScript does not tell of a memory or table that there is. */
export interface LimitOptions extends DefineOptions {
  /** The maximum that it was made with: guests may ask for one. */
  maximum?: number;
}

const OVERRIDE: Checks<DefineOptions> = { override: flag };
export const FUNCTION: Checks<DefineOptions & { async?: boolean }> = { ...OVERRIDE, async: flag };
export const GLOBAL: Checks<DefineOptions & { mutable?: boolean }> = { ...OVERRIDE, mutable: flag };
export const LIMITED: Checks<LimitOptions> = { ...OVERRIDE, maximum: count };
export const CALLBACK: Checks<{ async?: boolean }> = { async: flag };

const NO_MAXIMUM = 0xffff_ffff;

/** A global: a value of which one is made, or one that there is, with its type, of which JavaScript does not tell. */
export function globalExtern(type: GlobalType, value: number | bigint | WebAssembly.Global, mutable: boolean): Extern {
  const content = TYPES[type];
  if (content === undefined) throw new TypeError(`a global is of type i32, i64, f32 or f64, and not ${type}`);
  const global = value instanceof WebAssembly.Global ? value : new WebAssembly.Global({ value: type, mutable }, value as any);
  // What is told of one that there is has to be so: an i64 is a bigint, and only of i32 and i64 are all values whole.
  if ((typeof global.value === "bigint") !== (type === "i64")) throw new TypeError(`the global is not of type ${type}`);
  if (value instanceof WebAssembly.Global && isMutable(global) !== mutable) {
    throw new TypeError(`the global is ${mutable ? "not " : ""}mutable, and \`mutable\` says otherwise`);
  }
  return { kind: "global", value: global, type: () => ({ content, mutable }) };
}

function isMutable(global: WebAssembly.Global): boolean {
  try {
    global.value = global.value;
    return true;
  } catch {
    return false;
  }
}

export function memoryExtern(memory: WebAssembly.Memory, { maximum }: LimitOptions): Extern {
  if (!(memory instanceof WebAssembly.Memory)) throw new TypeError("defineMemory takes a WebAssembly.Memory");
  return { kind: "memory", value: memory, limits: { min: memory.buffer.byteLength / 65536, max: maximum ?? NO_MAXIMUM } };
}

export function tableExtern(table: WebAssembly.Table, { maximum }: LimitOptions): Extern {
  if (!(table instanceof WebAssembly.Table)) throw new TypeError("defineTable takes a WebAssembly.Table");
  return { kind: "table", value: table, limits: { min: table.length, max: maximum ?? NO_MAXIMUM, element: 129 } };
}
