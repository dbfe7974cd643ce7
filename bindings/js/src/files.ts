// Files: of the machine in node, of the web elsewhere. This is the one place that knows which of the two it is.
import { IoError, NotFound } from "./errors.js";

const process = (globalThis as any).process;

/** Node's own modules where there is node. */
export const inNode: boolean = typeof process?.versions?.node === "string";

/** Node's module of this name; without an import of it that a bundler for browsers would look for. */
export function builtin<T = any>(name: string): T {
  const found = process?.getBuiltinModule?.(name);
  if (found === undefined) throw new Error(`node has no ${name} here: 22.3 is the oldest that will do`);
  return found;
}

export const isWeb = (place: string | URL): boolean => /^(https?|data|blob):/.test(String(place));

/** Whether a name is that of a file in a folder, and leads nowhere else. Modules say what they need, and may be anyone's. */
export function isFileName(name: string): boolean {
  // On Windows a colon is a drive's, or that of a stream in a file.
  const marks = process?.platform === "win32" ? /[/\\\0:]/ : /[/\\\0]/;
  return name !== "" && name !== "." && name !== ".." && !marks.test(name);
}

/** Whether a path of this machine is what {@link pathOf} gives: on Windows a module's own search path could lead out of its folder by another mark. */
export const isWhole = (path: string): boolean => process?.platform !== "win32" || !path.includes("\\");

/** The path of a file or folder of this machine, whole, with "/" between names. */
export function pathOf(place: string | URL): string {
  const whole = builtin("node:path").resolve(path(place)) as string;
  return process.platform === "win32" ? whole.replaceAll("\\", "/") : whole;
}

function path(place: string | URL): string {
  const text = String(place);
  return text.startsWith("file:") ? builtin("node:url").fileURLToPath(text) : text;
}

/** How files are had. */
export interface Sources {
  fetch: typeof globalThis.fetch;
  /** The most bytes of one. */
  mostBytes: number;
  /** What streams in is compiled on the way. */
  compiles?: boolean;
}

/** Modules are smaller by far; what is larger would take the memory of the host before anything else refused it. */
export const MOST_BYTES = 1 << 28;

export class FileNotFound extends NotFound {
  constructor(message: string) {
    super("NOT_FOUND", message);
    this.name = "NotFound";
  }
}

/** The size of what is a regular file: others, such as devices, may have no end, or wait for someone. */
function sizeOf(found: { isFile(): boolean; size: number }, most: number): number {
  if (!found.isFile()) throw new Error("it is no regular file");
  if (found.size > most) throw tooLarge(`${found.size} bytes`, most);
  return found.size;
}

const tooLarge = (size: string, most: number): Error => new Error(`it has ${size}, and ${most} are the most: maxLibraryBytes says how many`);

/** A file as it was read, and what tells it from others, whatever name it was read by. */
export interface Read {
  bytes: Uint8Array;
  identity: string;
}

/** What of the machine's file is known before it is read. */
interface Opened {
  file: number;
  size: number;
  identity: string;
}

/** Asked of the name first, since to open some files does something already; and of what was opened, which another may have put there since. */
function openRegular(place: string | URL, most: number): Opened {
  const fs = builtin("node:fs");
  const name = path(place);
  sizeOf(fs.statSync(name), most);
  const file = fs.openSync(name, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  try {
    const found = fs.fstatSync(file);
    return { file, size: sizeOf(found, most), identity: identityIn(found) };
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
}

/** A file of so many bytes is read at once: that takes less than to have it read meanwhile. */
const AT_ONCE = 1 << 20;

async function readRegular(place: string | URL, most: number): Promise<Read> {
  const opened = openRegular(place, most);
  if (opened.size <= AT_ONCE) return readOpened(opened);
  const { file, size, identity } = opened;
  const fs = builtin("node:fs");
  const bytes = new Uint8Array(size);
  const readSome = (at: number): Promise<number> =>
    new Promise((resolve, reject) => {
      fs.read(file, bytes, at, size - at, at, (error: Error | null, read: number) => (error ? reject(error) : resolve(read)));
    });
  try {
    let at = 0;
    for (let read = 1; read > 0 && at < size; at += read) read = await readSome(at);
    return { bytes: bytes.subarray(0, at), identity };
  } finally {
    fs.closeSync(file);
  }
}

function readOpened({ file, size, identity }: Opened): Read {
  const fs = builtin("node:fs");
  const bytes = new Uint8Array(size);
  try {
    let at = 0;
    for (let read = 1; read > 0 && at < size; at += read) read = fs.readSync(file, bytes, at, size - at, at);
    return { bytes: bytes.subarray(0, at), identity };
  } finally {
    fs.closeSync(file);
  }
}

/** The bytes of a file. A {@link FileNotFound} if there is none. */
export async function readFile(place: string | URL, sources: Sources): Promise<Uint8Array> {
  return (await openFile(place, sources)).bytes;
}

/** As {@link readFile}, and the module if it was compiled on the way. */
export async function openFile(place: string | URL, sources: Sources): Promise<Read & { module?: Promise<WebAssembly.Module> }> {
  try {
    if (inNode && !isWeb(place)) return await readRegular(place, sources.mostBytes);
    return { ...(await fetched(place, sources)), identity: String(place) };
  } catch (error) {
    throw readError(place, error);
  }
}

/**
 * What has more bytes is compiled as it comes. Of the rest the engine gets a module with fewer exports, which is made when all of it is there: an object of
 * JavaScript's for each export takes longer than to look at the code.
 */
const LONG = 1 << 22;

/** What is too long is cut off: it may have no end. */
async function fetched(place: string | URL, { fetch, mostBytes, compiles }: Sources): Promise<{ bytes: Uint8Array; module?: Promise<WebAssembly.Module> }> {
  const response = await fetch(place);
  if (response.status === 404 || response.status === 410) throw new FileNotFound(`${place}: ${response.status}`);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  if (response.body === null) return { bytes: new Uint8Array(0) };
  let compiler: ReadableStreamDefaultController<Uint8Array> | undefined;
  let module: Promise<WebAssembly.Module> | undefined;
  const isLong = Number(response.headers.get("content-length")) > LONG;
  if (compiles && isLong && response.headers.get("content-type") === "application/wasm" && "compileStreaming" in WebAssembly) {
    const stream = new ReadableStream<Uint8Array>({ start: (controller) => void (compiler = controller), cancel: () => void (compiler = undefined) });
    module = WebAssembly.compileStreaming(new Response(stream, { headers: { "content-type": "application/wasm" } }));
    // Whoever wants the module hears of it.
    module.catch(() => {});
  }
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.length;
      if (size > mostBytes) throw tooLarge("more bytes", mostBytes);
      parts.push(next.value);
      // The compiler may take it over.
      compiler?.enqueue(next.value.slice());
    }
  } catch (error) {
    compiler?.error(error);
    reader.cancel(error).catch(() => {});
    throw error;
  }
  compiler?.close();
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return module ? { bytes, module } : { bytes };
}

function readError(place: string | URL, error: unknown): Error {
  if (error instanceof FileNotFound) return error;
  const code = (error as { code?: string }).code;
  if (code === "ENOENT" || code === "ENOTDIR") return new FileNotFound(`${place}: there is no such file`);
  return new IoError("IO", `${place}: ${(error as Error)?.message ?? error}`, { cause: error });
}

/** Whether files can be read without waiting: in node, and in workers of browsers. */
export function canReadNow(place: string | URL): boolean {
  if (inNode) return !isWeb(place);
  return typeof (globalThis as any).WorkerGlobalScope === "function" && "XMLHttpRequest" in globalThis;
}

/** A file at once. The size of what a request brings is looked at when it is there: such a request cannot be cut off. */
export function readFileNow(place: string | URL, { mostBytes }: Pick<Sources, "mostBytes">): Read {
  if (inNode) {
    try {
      return readOpened(openRegular(place, mostBytes));
    } catch (error) {
      throw readError(place, error);
    }
  }
  const request = new (globalThis as any).XMLHttpRequest();
  request.open("GET", String(place), false);
  request.responseType = "arraybuffer";
  try {
    request.send();
  } catch (error) {
    throw readError(place, error);
  }
  if (request.status === 404 || request.status === 410) throw new FileNotFound(`${place}: ${request.status}`);
  if (request.status >= 400) throw new IoError("IO", `${place}: ${request.status}`);
  const bytes = new Uint8Array(request.response);
  if (bytes.length > mostBytes) throw readError(place, tooLarge(`${bytes.length} bytes`, mostBytes));
  return { bytes, identity: String(place) };
}

const identityIn = ({ dev, ino }: { dev: number; ino: number }): string => `file:${dev}:${ino}`;
