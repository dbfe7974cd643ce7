// What guests get of WASI preview1: node's own in node, @bjorn3/browser_wasi_shim elsewhere, or what the host brings. Streams that are functions
// of JavaScript's are put before it.
import { count, integer, options as checked, place, record, texts, textsByName, type Checks } from "./check.js";
import { builtin, inNode } from "./files.js";
import type { MemoryFolder } from "./folder.js";
import { guestFile } from "./guest-paths.js";
import { MOST_SUBSCRIPTIONS, MOST_VECTORS } from "./price.js";
import { filesInMemory } from "./memory-files.js";
import { shimOf } from "./shim.js";
import { withStillTime } from "./still.js";

export interface WasiOptions {
  /** Arguments after the program's name. */
  args?: string[];
  env?: Record<string, string>;
  /** In node: folders of this machine by their names for guests. */
  preopens?: Record<string, string>;
  /**
   * Files in memory, by the folders' names for guests: JavaScript's own copies, or folders that it and guests have in common. One that stands in several places
   * is the same for guests too.
   */
  folders?: Record<string, Folder | MemoryFolder>;
  /** How many files and folders guests may have open at a time, beside those that they are given: 256 if not said. */
  maxFiles?: number;
  /**
   * Guests see the same in every run: random numbers come from this seed and are no secret, clocks stand still at 2001-09-09T01:46:40Z and at 0, and time passes
   * only where they sleep, and then at once.
   */
  deterministic?: number | bigint;
  /** The address of `@bjorn3/browser_wasi_shim` for files in memory, where nothing else tells it: workers have no import maps. */
  shim?: string | URL;
}

const OPTIONS: Checks<WasiOptions> = {
  args: texts,
  env: textsByName,
  preopens: textsByName,
  folders: record,
  maxFiles: count,
  deterministic: (value) => (typeof value === "bigint" ? undefined : integer(value)),
  shim: place,
};

/** Names to files and folders. */
export interface Folder {
  [name: string]: Uint8Array | string | Folder;
}

/** A WASI of the host's own: functions of preview1, which reach the guest's memory as they are told here. */
export interface WasiProvider {
  imports: Record<string, (...args: any[]) => any>;
  setMemory?(memory: WebAssembly.Memory): void;
  /** The file at a path of the guest's, for its dlopen. `identity` tells it from others, whatever path leads to it; of one that is fetched too it is the address. */
  file?(path: string): { bytes: Uint8Array; identity: string } | undefined;
}

export interface Streams {
  /** What guests read: bytes or text, or a function that gives at most so many bytes, and none or nothing at the end. */
  stdin?: Uint8Array | string | ((size: number) => Uint8Array | undefined) | undefined;
  stdout?: ((bytes: Uint8Array) => void) | undefined;
  stderr?: ((bytes: Uint8Array) => void) | undefined;
}

export const isProvider = (wasi: object): wasi is WasiProvider => "imports" in wasi;

/** What a provider has besides is its own affair. */
export function checkWasi(wasi: WasiOptions | WasiProvider): void {
  if (!isProvider(wasi)) checked("`wasi`", wasi, OPTIONS);
}

export async function makeWasi(program: string, options: WasiOptions): Promise<WasiProvider> {
  const args = [program, ...(options.args ?? [])];
  return inNode && !options.folders ? ofNode(args, options) : ofShim(args, options);
}

function ofNode(args: string[], { env = {}, preopens = {} }: WasiOptions): WasiProvider {
  const make = () => {
    const { WASI } = builtin("node:wasi");
    return new WASI({ version: "preview1", args, env, preopens });
  };
  // Made when it is used, since that takes time; but a folder that is not there is an error at once.
  let made: any = Object.keys(preopens).length > 0 ? make() : undefined;
  return {
    get imports() {
      made ??= make();
      const { wasiImport } = made;
      // Node's ends the process where this is none of its sockets, of which there are none: it gives guests no way to one.
      const sock_accept = (fd: number) => (wasiImport.fd_allocate(fd >>> 0, 0n, 0n) === BAD_DESCRIPTOR ? BAD_DESCRIPTOR : NO_SOCKET);
      return { ...wasiImport, sock_accept };
    },
    setMemory: once((memory) => made.initialize({ exports: { memory } })),
    file: (path) => guestFile(preopens, path),
  };
}

/** Node's takes a memory once. It is the same as long as something is loaded. */
function once(set: (memory: WebAssembly.Memory) => void): (memory: WebAssembly.Memory) => void {
  let known: WebAssembly.Memory | undefined;
  return (memory) => {
    if (memory === known) return;
    if (known) throw new Error("node:wasi serves one memory: make another namespace");
    known = memory;
    set(memory);
  };
}

async function ofShim(args: string[], { env = {}, folders = {}, shim: address }: WasiOptions): Promise<WasiProvider> {
  const shim = await shimOf(address);
  const console_ = (write: (line: string) => void) => shim.ConsoleStdout.lineBuffered(write);
  const files = filesInMemory(shim, folders);
  const wasi = new shim.WASI(
    args,
    Object.entries(env).map(([name, value]) => `${name}=${value}`),
    [
      new shim.OpenFile(new shim.File([])),
      console_((line) => console.log(line)),
      console_((line) => console.error(line)),
      ...files.opened,
    ],
    { debug: false },
  );
  const text = (at: number, size: number) => new TextDecoder().decode(new Uint8Array(wasi.inst.exports.memory.buffer, at >>> 0, size >>> 0));
  const path_symlink = (target: number, targetSize: number, fd: number, path: number, size: number) =>
    files.symlink(text(target, targetSize), wasi.fds[fd], text(path, size));
  // It counts letters, and writes bytes behind the place that a guest has made for so many.
  const args_sizes_get = (count: number, size: number): number => {
    const view = new DataView(wasi.inst.exports.memory.buffer);
    view.setUint32(count >>> 0, args.length, true);
    view.setUint32(size >>> 0, args.reduce((sum, arg) => sum + new TextEncoder().encode(arg).length + 1, 0), true);
    return SUCCESS;
  };
  // It throws text for these: what comes to the guest is what other hosts tell it, of which none has a socket.
  const noSocket = (fd: number) => (wasi.fds[fd] === undefined ? BAD_DESCRIPTOR : NO_SOCKET);
  const sockets = { sock_accept: noSocket, sock_recv: noSocket, sock_send: noSocket, sock_shutdown: noSocket };
  const proc_raise = (signal: number) => {
    throw new Error(`the guest raised signal ${signal}: there are none`);
  };
  return {
    imports: { ...(wasi.wasiImport as any), ...sockets, args_sizes_get, path_symlink, proc_raise },
    setMemory: (memory) => {
      wasi.inst = { exports: { memory } };
    },
    file: files.file,
  };
}

const [SUCCESS, BAD_DESCRIPTOR, INVALID, IO, TOO_MANY, NO_SOCKET] = [0, 8, 28, 29, 33, 57];
/** As the C API has it. */
const MOST_FILES = 256;
/** The most of one call, as a guest may name the same bytes in any number of vectors; what is left is for its next call. */
const MOST_BYTES = 1 << 20;

/** Functions that stand before WASI's own for the streams that are JavaScript's. */
export function withStreams(
  imports: WasiProvider["imports"],
  streams: Streams,
  memory: () => WebAssembly.Memory,
): WasiProvider["imports"] {
  const writers = [undefined, streams.stdout, streams.stderr];
  let input = typeof streams.stdin === "string" ? new TextEncoder().encode(streams.stdin) : streams.stdin;
  const vectors = (view: DataView, at: number, count: number) => {
    let room = MOST_BYTES;
    return Array.from({ length: Math.min(count >>> 0, MOST_VECTORS) }, (_, n) => {
      const vector = (at >>> 0) + 8 * n;
      const size = Math.min(view.getUint32(vector + 4, true), room);
      room -= size;
      return new Uint8Array(view.buffer, view.getUint32(vector, true), size);
    });
  };
  const fd_write = (fd: number, at: number, count: number, written: number): number => {
    const write = writers[fd];
    if (write === undefined) return imports.fd_write!(fd, at, count, written);
    const view = new DataView(memory().buffer);
    const parts = vectors(view, at, count);
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let done = 0;
    for (const part of parts) {
      bytes.set(part, done);
      done += part.length;
    }
    view.setUint32(written >>> 0, done, true);
    try {
      write(bytes);
    } catch {
      return IO;
    }
    return SUCCESS;
  };
  const fd_read = (fd: number, at: number, count: number, read: number): number => {
    if (fd !== 0 || input === undefined) return imports.fd_read!(fd, at, count, read);
    const room = () => vectors(new DataView(memory().buffer), at, count);
    const size = room().reduce((sum, part) => sum + part.length, 0);
    let given: Uint8Array;
    if (typeof input === "function") {
      try {
        given = size === 0 ? new Uint8Array() : (input(size) ?? new Uint8Array());
      } catch {
        return IO;
      }
      // More than was asked for would be lost.
      if (!(given instanceof Uint8Array) || given.length > size) return IO;
    } else {
      given = input.subarray(0, size);
      input = input.subarray(given.length);
    }
    let done = 0;
    // Where they are now: who gave it may have called the guest, whose memory moves when it grows.
    for (const part of room()) {
      const piece = given.subarray(done, done + part.length);
      part.set(piece);
      done += piece.length;
    }
    new DataView(memory().buffer).setUint32(read >>> 0, done, true);
    return SUCCESS;
  };
  return { ...imports, fd_write, fd_read };
}

/** Functions that stand before WASI's own, for what is said of it. */
export function within(imports: WasiProvider["imports"], options: WasiOptions, memory: () => WebAssembly.Memory): WasiProvider["imports"] {
  const few = withFewFiles(withShortCalls(imports, memory), options.maxFiles ?? MOST_FILES, memory);
  return options.deterministic === undefined ? few : withStillTime(few, options.deterministic, memory);
}

/** Functions that stand before WASI's own so that a call does no more than what is asked of a budget for it: a vector takes its time whatever its length. */
export function withShortCalls(imports: WasiProvider["imports"], memory: () => WebAssembly.Memory): WasiProvider["imports"] {
  const few = (at: number, count: number): number => {
    const { buffer } = memory();
    const most = Math.min(count >>> 0, MOST_VECTORS, Math.max(0, (buffer.byteLength - (at >>> 0)) >>> 3));
    // What is not within the memory is refused as ever.
    if (most < Math.min(count >>> 0, MOST_VECTORS)) return count;
    const view = new DataView(buffer);
    let [taken, room] = [0, MOST_BYTES];
    for (; taken < most; taken++) {
      room -= view.getUint32((at >>> 0) + 8 * taken + 4, true);
      if (room < 0 && taken > 0) break;
    }
    return taken;
  };
  const moves = (name: string): [string, (...args: any[]) => number] => [name, (fd, at, count, ...more) => imports[name]!(fd, at, few(at, count), ...more)];
  const poll_oneoff = (at: number, events: number, count: number, told: number): number =>
    count >>> 0 > MOST_SUBSCRIPTIONS ? INVALID : imports.poll_oneoff!(at, events, count, told);
  return { ...imports, ...Object.fromEntries(["fd_read", "fd_write", "fd_pread", "fd_pwrite"].map(moves)), poll_oneoff };
}

/** Functions that stand before WASI's own so that guests have no more than so many files open. */
export function withFewFiles(imports: WasiProvider["imports"], most: number, memory: () => WebAssembly.Memory): WasiProvider["imports"] {
  const open = new Set<number>();
  const opens = (name: string): [string, (...args: any[]) => number] => [
    name,
    (...args) => {
      if (open.size >= most) return TOO_MANY;
      const answer = imports[name]!(...args);
      if (answer === SUCCESS) open.add(new DataView(memory().buffer).getUint32(args.at(-1) >>> 0, true));
      return answer;
    },
  ];
  const fd_close = (fd: number): number => {
    const answer = imports.fd_close!(fd);
    if (answer === SUCCESS) open.delete(fd >>> 0);
    return answer;
  };
  const fd_renumber = (from: number, to: number): number => {
    const answer = imports.fd_renumber!(from, to);
    if (answer === SUCCESS && from !== to && open.delete(from >>> 0)) open.add(to >>> 0);
    return answer;
  };
  const openers = ["path_open", "sock_accept"].filter((name) => imports[name]);
  return { ...imports, ...Object.fromEntries(openers.map(opens)), fd_close, fd_renumber };
}
