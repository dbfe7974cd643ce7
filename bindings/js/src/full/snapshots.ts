// Snapshots, of the linker's full module alone. It has the functions that are named in this folder; the other one has those that are named elsewhere.
import { InvalidArgument } from "../errors.js";
import type { Linker } from "../linker.js";

/** The state of a namespace. It never changes, and any number of namespaces may be put into it. */
export class Snapshot {
  constructor(
    /** The linker that has it; its handle is nothing to another. */
    readonly linker: Linker,
    private number: number,
  ) {}

  /** The linker's handle. */
  get handle(): number {
    if (this.number === 0) throw new InvalidArgument("INVALID_ARGUMENT", "the snapshot has been closed");
    return this.number;
  }

  /** All of it as bytes, for a file, another worker or another page: with the libraries' code, and the guest's memory. They are the caller's own. */
  bytes(): Uint8Array {
    const { linker, handle } = this;
    const told = linker.results("wasm_dyld_snapshot_serialize", 2, (at) => [handle, at, at + 8]);
    return linker.peek(told.getUint32(0, true), told.getUint32(8, true));
  }

  /** Gives it up. Namespaces that were put into it stay as they are. */
  close(): void {
    if (this.number === 0) return;
    this.linker.plain("wasm_dyld_snapshot_delete", this.number);
    this.number = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export function take(linker: Linker, namespace: number): Snapshot {
  return new Snapshot(linker, linker.results("wasm_dyld_snapshot", 1, (at) => [namespace, 0, at]).getUint32(0, true));
}

export function restore(linker: Linker, namespace: number, from: Snapshot | Uint8Array): void {
  if (from instanceof Snapshot && from.linker === linker) {
    linker.call("wasm_dyld_restore", namespace, from.handle);
    return;
  }
  const bytes = from instanceof Snapshot ? from.bytes() : from;
  if (!(bytes instanceof Uint8Array)) throw new TypeError("a snapshot is one of this copy of the package, or bytes, as a Uint8Array");
  const made = linker.results("wasm_dyld_snapshot_deserialize", 1, (at) => [bytes, bytes.length, at]).getUint32(0, true);
  try {
    linker.call("wasm_dyld_restore", namespace, made);
  } finally {
    linker.plain("wasm_dyld_snapshot_delete", made);
  }
}
