// The guest's memory, as JavaScript uses it.
import { count, must } from "./check.js";

type ArrayKind<T> = { new (buffer: ArrayBuffer, at: number, length: number): T; BYTES_PER_ELEMENT: number };

/** A part of memory as a typed array. The memory moves when it grows; `array` is where it is at the moment. */
export class View<T extends ArrayBufferView> {
  private current: T | undefined;

  constructor(
    private readonly memory: Memory,
    private readonly kind: ArrayKind<T>,
    readonly address: number,
    readonly length: number,
  ) {
    void this.array;
  }

  /** Whether it is a view of this memory. */
  isOf(memory: Memory): boolean {
    return memory === this.memory;
  }

  get array(): T {
    const { buffer } = this.memory;
    if (this.current?.buffer !== buffer) this.current = new this.kind(buffer, this.address, this.length);
    return this.current!;
  }
}

/** What the memory asks of its namespace. */
export interface Heap {
  memory(): WebAssembly.Memory;
  alloc(size: number): number;
  free(address: number): void;
}

/** Addresses may be given as guests give them, signed. */
export class Memory {
  /** What a guest that was stopped could not take back. */
  private owed: number[] = [];

  constructor(private readonly heap: Heap) {}

  /**
   * Gives back what a call has taken, of which it is known how it ended: where the guest is stopped, its `free` is as well, which must not stand in the
   * place of the call's own error. It is then called for the next call that takes some.
   */
  giveBack(addresses: number[]): void {
    for (const address of addresses) {
      try {
        this.free(address);
      } catch {
        this.owed.push(address);
      }
    }
  }

  /** As {@link alloc} or {@link newBytes}, for the time of a call. */
  borrow(what: number | Uint8Array): number {
    const { owed } = this;
    this.owed = [];
    this.giveBack(owed);
    return typeof what === "number" ? this.alloc(what) : this.newBytes(what);
  }

  /** The guest has been put into another state, whose heap knows of none. */
  forgetOwed(): void {
    this.owed = [];
  }

  /** The memory itself, as it is now: read it anew after calls of the guest, which may make it grow. */
  get buffer(): ArrayBuffer {
    return this.heap.memory().buffer as ArrayBuffer;
  }

  /** Whether a typed array is a part of it, and not of JavaScript's own memory. */
  has(array: ArrayBufferView): boolean {
    return array.buffer === this.buffer;
  }

  /** Copies bytes out. */
  read(address: number, size: number): Uint8Array {
    return new Uint8Array(this.buffer, address >>> 0, size).slice();
  }

  /** Copies bytes in. */
  write(address: number, bytes: Uint8Array): void {
    new Uint8Array(this.buffer, address >>> 0, bytes.length).set(bytes);
  }

  /** A C string in UTF-8. A null pointer gives null. */
  string(address: number): string | null {
    if (address === 0) return null;
    const bytes = new Uint8Array(this.buffer, address >>> 0);
    const end = bytes.indexOf(0);
    if (end < 0) throw new RangeError(`the string at ${address >>> 0} does not end within the memory`);
    return new TextDecoder().decode(bytes.slice(0, end));
  }

  /** Bytes of the guest's heap, from its malloc: given back by `free`, or by the guest. */
  alloc(size: number): number {
    must("a size of memory", size, count);
    return this.heap.alloc(size);
  }

  free(address: number): void {
    this.heap.free(address);
  }

  /** A C string in the guest's heap, from its malloc. */
  newString(text: string): number {
    return this.newBytes(new TextEncoder().encode(`${text}\0`));
  }

  /** Bytes in the guest's heap, from its malloc. */
  newBytes(bytes: Uint8Array): number {
    // Of the memory itself they would be gone where it grows.
    const own = this.has(bytes) ? bytes.slice() : bytes;
    const address = this.alloc(own.length);
    this.write(address, own);
    return address;
  }

  /** A part of the memory as a typed array that stays good when the memory grows. */
  view<T extends ArrayBufferView>(kind: ArrayKind<T>, address: number, length: number): View<T> {
    return new View(this, kind, address >>> 0, length);
  }

  readU32(address: number): number {
    return new DataView(this.buffer).getUint32(address >>> 0, true);
  }

  writeU32(address: number, value: number): void {
    new DataView(this.buffer).setUint32(address >>> 0, value, true);
  }
}
