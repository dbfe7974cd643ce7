// What the namespace knows of what is loaded.
import { NotFound } from "./errors.js";
import type { Linker } from "./linker.js";

/** An object: a program or library that is loaded. */
export interface ObjectInfo {
  name: string;
  /** Where it came from; nothing for what came from bytes. */
  path: string | undefined;
  /** The folder of that, which is `$ORIGIN` in its RUNTIME_PATH. */
  origin: string | undefined;
  /** How often it is loaded by JavaScript, and by guests. What only others need has zero for both. */
  opens: { host: number; guest: number };
  /** It is never unloaded. */
  noDelete: boolean;
  isProgram: boolean;
  /** Its symbols are in the global scope. */
  isGlobal: boolean;
  /** Its malloc is where `memory.alloc` takes memory from. */
  isHeap: boolean;
  /** The libraries that it needs itself. */
  needed: string[];
  /** Where its data and its own table slots are. */
  place: { memoryBase: number; memorySize: number; tableBase: number; tableSize: number };
}

/** What belongs to a function pointer or an address. */
export interface Found {
  /** The object's name. */
  object: string;
  /** The exported symbol in the slot, or the nearest one at or below the address. */
  symbol: string | undefined;
  /** That symbol's own slot or address. */
  value: number | undefined;
}

/** Numbers of wasm_dyld_symbol_kind_t. */
const KINDS = { function: 0, data: 1 };

export class Objects {
  constructor(
    private readonly linker: Linker,
    private readonly namespace: () => number,
  ) {}

  /** Those that are loaded, in that order, by the linker's handles. */
  all(): number[] {
    const count = this.linker.plain("wasm_dyld_object_count", this.namespace()) as number;
    return Array.from({ length: count }, (_, n) => this.linker.plain("wasm_dyld_object_at", this.namespace(), n));
  }

  name(object: number): string {
    return this.text("wasm_dyld_object_name", object) ?? "";
  }

  info(object: number): ObjectInfo {
    const asked = (name: string, ...more: number[]) => this.linker.plain(name, this.namespace(), object, ...more) as number;
    const opens = this.linker.results("wasm_dyld_object_opens", 2, (at) => [this.namespace(), object, at, at + 8]);
    const needed = Array.from({ length: asked("wasm_dyld_object_needed_count") }, (_, n) => this.name(asked("wasm_dyld_object_needed_at", n)));
    return {
      name: this.name(object),
      path: this.text("wasm_dyld_object_path", object),
      origin: this.text("wasm_dyld_object_origin", object),
      opens: { host: opens.getUint32(0, true), guest: opens.getUint32(8, true) },
      noDelete: asked("wasm_dyld_object_is_nodelete") !== 0,
      isProgram: asked("wasm_dyld_object_is_program") !== 0,
      isGlobal: asked("wasm_dyld_object_is_global") !== 0,
      isHeap: this.linker.plain("wasm_dyld_heap", this.namespace()) === object,
      needed,
      place: this.place(object),
    };
  }

  place(object: number): ObjectInfo["place"] {
    const told = this.linker.results("wasm_dyld_object_place", 4, (at) => [this.namespace(), object, at, at + 8, at + 16, at + 24]);
    const [memoryBase, memorySize, tableBase, tableSize] = [0, 8, 16, 24].map((at) => Number(told.getBigUint64(at, true))) as [number, number, number, number];
    return { memoryBase, memorySize, tableBase, tableSize };
  }

  /** What a function pointer or an address belongs to (dladdr). */
  dladdr(value: number, kind: keyof typeof KINDS): Found | undefined {
    try {
      const told = this.linker.results("wasm_dyld_dladdr", 3, (at) => [this.namespace(), KINDS[kind], BigInt(value >>> 0), at, at + 8, at + 16]);
      const symbol = told.getUint32(8, true);
      return {
        object: this.name(told.getUint32(0, true)),
        symbol: symbol === 0 ? undefined : this.linker.text(symbol),
        value: symbol === 0 ? undefined : Number(told.getBigUint64(16, true)),
      };
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** Folders that are searched for libraries, in order. */
  folders(): string[] {
    const count = this.linker.plain("wasm_dyld_library_path_count", this.namespace()) as number;
    return Array.from({ length: count }, (_, n) => this.linker.text(this.linker.plain("wasm_dyld_library_path_at", this.namespace(), n)));
  }

  private text(name: string, object: number): string | undefined {
    const at = this.linker.plain(name, this.namespace(), object) as number;
    return at === 0 ? undefined : this.linker.text(at);
  }
}
