// What calls of WASI cost of a guest's budget: the same as in the linker's own WASI (`src/wasi/price.rs`), which is not here.

/** A call by itself, and the bytes that are moved for a unit. */
const [CALL, BYTES] = [100, 64];
/** What an entry of a folder stands for, which the host looks at. */
const ENTRY = 1024;
/** The most that one call looks at, as in the C API; what is left is for its next call, or refused. */
export const [MOST_VECTORS, MOST_SUBSCRIPTIONS] = [1024, 4096];
/** Of a vector, of a subscription with its event, and of an entry before its name. */
const [VECTOR, SUBSCRIPTION, DIRENT] = [8, 48 + 32, 24];

/** Which parameters tell a path's length, or that of what is filled; and how many vectors there are. */
const LENGTHS: Record<string, number[]> = {
  random_get: [1], path_create_directory: [2], path_filestat_get: [3], path_filestat_set_times: [3], path_link: [3, 6], path_open: [3], path_readlink: [2],
  path_remove_directory: [2], path_rename: [2, 5], path_symlink: [1, 4], path_unlink_file: [2],
};
const VECTORS: Record<string, number> = { fd_pread: 2, fd_pwrite: 2, fd_read: 2, fd_write: 2, sock_recv: 2, sock_send: 2 };
/** Which parameter points to the number of bytes that were moved. */
const MOVED: Record<string, number> = { fd_pread: 4, fd_pwrite: 4, fd_read: 3, fd_readdir: 4, fd_write: 3, path_readlink: 5, sock_recv: 4, sock_send: 4 };

/** Units of a call for what its arguments ask, before it is made. */
export function asked(name: string, args: number[], memorySize: number): number {
  let bytes = 0;
  for (const n of LENGTHS[name] ?? []) bytes += Math.min(args[n]! >>> 0, memorySize);
  const vectors = VECTORS[name];
  if (vectors !== undefined) bytes += VECTOR * Math.min(args[vectors]! >>> 0, MOST_VECTORS);
  const subscriptions = name === "poll_oneoff" ? args[2]! >>> 0 : 0;
  if (subscriptions <= MOST_SUBSCRIPTIONS) bytes += SUBSCRIPTION * subscriptions;
  return CALL + Math.floor(bytes / BYTES);
}

/** Units of a call that went well, for what it has moved: as it has told the guest. `given` is how much the guest's arguments and environment take. */
export function moved(name: string, args: number[], memory: DataView, given: { args: number; env: number }): number {
  if (name === "args_get") return Math.floor(given.args / BYTES);
  if (name === "environ_get") return Math.floor(given.env / BYTES);
  const told = MOVED[name];
  if (told === undefined) return 0;
  const size = memory.getUint32(args[told]! >>> 0, true);
  if (name !== "fd_readdir") return Math.floor(size / BYTES);
  const [start, end] = [args[1]! >>> 0, (args[1]! >>> 0) + size];
  const at = args[told]! >>> 0;
  // A guest may have the number written over an entry, which then tells nothing of those behind it.
  if (at < end && at + 4 > start) return Math.floor((size + ENTRY * Math.floor(size / DIRENT)) / BYTES);
  let entries = 0;
  for (let at = start; at + DIRENT <= end; ) {
    const length = memory.getUint32(at + 16, true);
    at += DIRENT;
    // A folder itself, and the one above, are looked at in no other.
    const isDots = length <= 2 && at + length <= end && [...Array(length).keys()].every((n) => memory.getUint8(at + n) === 0x2e);
    if (!isDots) entries += 1;
    at += length;
  }
  return Math.floor((size + ENTRY * entries) / BYTES);
}

/** What text takes that a guest is given: each with its NUL, and an address. */
export const sizeOf = (texts: string[]): number => texts.reduce((sum, text) => sum + new TextEncoder().encode(text).length + 1 + 4, 0);
