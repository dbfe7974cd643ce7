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

const isWeb = (place: string | URL): boolean => /^(https?|data|blob):/.test(String(place));

/** Whether a name is that of a file in a folder, and leads nowhere else. Modules say what they need, and may be anyone's. */
export function isFileName(name: string): boolean {
  // On Windows a colon is a drive's, or that of a stream in a file.
  const marks = process?.platform === "win32" ? /[/\\\0:]/ : /[/\\\0]/;
  return name !== "" && name !== "." && name !== ".." && !marks.test(name);
}

/** Where a name is in a folder. */
export function within(folder: string | URL, name: string): string | URL {
  const text = String(folder);
  if (inNode && !/^[a-z]+:/.test(text)) return builtin("node:path").resolve(text, name);
  const base = new URL(text.endsWith("/") ? text : `${text}/`, (globalThis as any).location?.href);
  return new URL(encodeURIComponent(name), base);
}

function path(place: string | URL): string {
  const text = String(place);
  return text.startsWith("file:") ? builtin("node:url").fileURLToPath(text) : text;
}

export class FileNotFound extends NotFound {
  constructor(message: string) {
    super("NOT_FOUND", message);
    this.name = "NotFound";
  }
}

/** Modules are smaller by far; what is larger would take the memory of the host before anything else refused it. */
const MOST_BYTES = 1 << 28;

/** The size of what is a regular file: others, such as devices, may have no end, or wait for someone. */
function sizeOf(found: { isFile(): boolean; size: number }): number {
  if (!found.isFile()) throw new Error("it is no regular file");
  if (found.size > MOST_BYTES) throw new Error(`it has ${found.size} bytes, and ${MOST_BYTES} are the most`);
  return found.size;
}

/** Asked of the name first, since to open some files does something already; and of what was opened, which another may have put there since. */
async function readRegular(place: string | URL): Promise<Uint8Array> {
  const [fs, { constants }] = [builtin("node:fs/promises"), builtin("node:fs")];
  sizeOf(await fs.stat(path(place)));
  const file = await fs.open(path(place), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const bytes = new Uint8Array(sizeOf(await file.stat()));
    let at = 0;
    for (let read = 1; read > 0 && at < bytes.length; at += read) {
      read = (await file.read(bytes, at, bytes.length - at, at)).bytesRead;
    }
    return bytes.subarray(0, at);
  } finally {
    await file.close();
  }
}

function readRegularNow(place: string | URL): Uint8Array {
  const fs = builtin("node:fs");
  sizeOf(fs.statSync(path(place)));
  const file = fs.openSync(path(place), fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  try {
    const bytes = new Uint8Array(sizeOf(fs.fstatSync(file)));
    let at = 0;
    for (let read = 1; read > 0 && at < bytes.length; at += read) {
      read = fs.readSync(file, bytes, at, bytes.length - at, at);
    }
    return bytes.subarray(0, at);
  } finally {
    fs.closeSync(file);
  }
}

/** The bytes of a file. A {@link FileNotFound} if there is none. */
export async function readFile(place: string | URL, fetch: typeof globalThis.fetch): Promise<Uint8Array> {
  return (await openFile(place, fetch)).bytes;
}

/** As {@link readFile}, and the module if it was compiled on the way. */
export async function openFile(
  place: string | URL,
  fetch: typeof globalThis.fetch,
): Promise<{ bytes: Uint8Array; module?: Promise<WebAssembly.Module> }> {
  if (inNode && !isWeb(place)) {
    try {
      return { bytes: await readRegular(place) };
    } catch (error) {
      throw readError(place, error);
    }
  }
  try {
    return await fetched(place, fetch);
  } catch (error) {
    throw readError(place, error);
  }
}

async function fetched(place: string | URL, fetch: typeof globalThis.fetch): ReturnType<typeof openFile> {
  const response = await fetch(place);
  if (response.status === 404 || response.status === 410) throw new FileNotFound(`${place}: ${response.status}`);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  const streams = response.headers.get("content-type") === "application/wasm" && "compileStreaming" in WebAssembly;
  const module = streams ? WebAssembly.compileStreaming(response.clone()) : undefined;
  // Whoever wants the module hears of it.
  module?.catch(() => {});
  const bytes = new Uint8Array(await response.arrayBuffer());
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

/** The bytes of a file, at once. */
export function readFileNow(place: string | URL): Uint8Array {
  if (inNode) {
    try {
      return readRegularNow(place);
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
  return new Uint8Array(request.response);
}

/** What tells a file that has been read from others, whatever name it was read by. */
export function identityOf(place: string | URL): string {
  if (!inNode || isWeb(place)) return String(place);
  const { dev, ino } = builtin("node:fs").statSync(path(place));
  return `file:${dev}:${ino}`;
}
