// Files: of the machine in node, of the web elsewhere. This is the one place that knows which of the two it is.

const process = (globalThis as any).process;

/** Node's own modules where there is node. */
export const inNode: boolean = typeof process?.versions?.node === "string";

/** Node's module of this name; without an import of it that a bundler for browsers would look for. */
export function builtin<T = any>(name: string): T {
  const found = process?.getBuiltinModule?.(name);
  if (found === undefined) throw new Error(`node has no ${name} here: 20.16 or 22.3 is the oldest that will do`);
  return found;
}

const isWeb = (place: string | URL): boolean => /^(https?|data|blob):/.test(String(place));

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

export class FileNotFound extends Error {}

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
      return { bytes: await builtin("node:fs/promises").readFile(path(place)) };
    } catch (error) {
      throw readError(place, error);
    }
  }
  const response = await fetch(place);
  if (response.status === 404 || response.status === 410) throw new FileNotFound(`${place}: ${response.status}`);
  if (!response.ok) throw new Error(`${place}: ${response.status} ${response.statusText}`);
  const streams = response.headers.get("content-type") === "application/wasm" && "compileStreaming" in WebAssembly;
  const module = streams ? WebAssembly.compileStreaming(response.clone()) : undefined;
  // Whoever wants the module hears of it.
  module?.catch(() => {});
  const bytes = new Uint8Array(await response.arrayBuffer());
  return module ? { bytes, module } : { bytes };
}

function readError(place: string | URL, error: unknown): Error {
  const code = (error as { code?: string }).code;
  if (code === "ENOENT" || code === "ENOTDIR") return new FileNotFound(`${place}: there is no such file`);
  return new Error(`${place}: ${(error as Error).message}`);
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
      return builtin("node:fs").readFileSync(path(place));
    } catch (error) {
      throw readError(place, error);
    }
  }
  const request = new (globalThis as any).XMLHttpRequest();
  request.open("GET", String(place), false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status === 404 || request.status === 410) throw new FileNotFound(`${place}: ${request.status}`);
  if (request.status >= 400) throw new Error(`${place}: ${request.status}`);
  return new Uint8Array(request.response);
}

/** What tells a file that has been read from others, whatever name it was read by. */
export function identityOf(place: string | URL): string {
  if (!inNode || isWeb(place)) return String(place);
  const { dev, ino } = builtin("node:fs").statSync(path(place));
  return `file:${dev}:${ino}`;
}
