// Numbers for objects, which the linker holds in the place of pointers.

/** Below it are numbers that stand for themselves; 0 is NULL. */
const FIRST = 1024;

export class Handles<T> {
  private readonly slots: (T | undefined)[] = [];
  private readonly free: number[] = [];

  add(value: T): number {
    const slot = this.free.pop() ?? this.slots.length;
    this.slots[slot] = value;
    return slot + FIRST;
  }

  get(handle: number): T {
    const value = this.slots[handle - FIRST];
    if (value === undefined) throw new Error(`${handle} is no handle: a defect of wasmdyld`);
    return value;
  }

  remove(handle: number): void {
    if (this.slots[handle - FIRST] === undefined) return;
    this.slots[handle - FIRST] = undefined;
    this.free.push(handle - FIRST);
  }

  /** How many are in use. */
  get size(): number {
    return this.slots.length - this.free.length;
  }
}
