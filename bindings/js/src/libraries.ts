// Where libraries are: fetched and compiled ahead, in parallel, with all that they need; and given to the linker at once.
import { apart } from "./apart.js";
import { FileNotFound, canReadNow, identityOf, isFileName, openFile, readFileNow, within } from "./files.js";

export interface Found {
  bytes: Uint8Array;
  /** Where it came from. The same place is the same library, under whatever name. */
  identity: string;
}

/** What becomes of a library, in order. */
export interface Progress {
  library: string;
  phase: "fetched" | "compiled" | "linked";
  /** Bytes of the file. */
  size: number;
}

export interface LibraryOptions {
  libraryPath: (string | URL)[];
  fetch: typeof globalThis.fetch;
  progress: ((event: Progress) => void) | undefined;
  needed(bytes: Uint8Array): string[];
  provide(bytes: Uint8Array, module: WebAssembly.Module): void;
  /** What is at a path of the guest's. */
  guestFile(path: string): Found | undefined;
}

/** A library that has arrived, which does not wait for what it needs: libraries may need each other. */
interface Arrived extends Found {
  compiled: Promise<void>;
}

export class Libraries {
  private readonly known = new Map<string, Promise<Arrived | undefined>>();
  /** What has arrived. */
  private readonly here = new Map<string, Found>();
  /** Where names were looked for in vain, for messages. */
  private readonly tried = new Map<string, string[]>();

  constructor(private readonly options: LibraryOptions) {}

  /** Makes bytes the library of this name. */
  add(name: string, bytes: Uint8Array, identity = name): void {
    const found = { bytes, identity };
    this.here.set(name, found);
    this.known.set(name, Promise.resolve({ ...found, compiled: Promise.resolve() }));
  }

  /** Fetches and compiles these libraries and all that they need, each once. Those that are nowhere are left out: the load says so. */
  async prefetch(names: Iterable<string>): Promise<void> {
    await this.all(names, new Set());
  }

  /** As {@link prefetch} for what a module of these bytes needs. */
  async prefetchNeeded(bytes: Uint8Array): Promise<void> {
    await this.prefetch(this.options.needed(bytes));
  }

  /** Fetches a file that is no library to be searched for, and what it needs. */
  async file(name: string, place: string | URL): Promise<Found> {
    const opened = await openFile(place, this.options.fetch);
    const found = { bytes: opened.bytes, identity: identityOf(place) };
    await Promise.all([this.compile(name, found.bytes, opened.module), this.prefetchNeeded(found.bytes)]);
    return found;
  }

  /** Whoever asks waits for all of it, whoever has asked first; `seen` ends the circles of libraries that need each other. */
  private async all(names: Iterable<string>, seen: Set<string>): Promise<void> {
    const fresh = [...names].filter((name) => !seen.has(name) && seen.add(name));
    await Promise.all(
      fresh.map(async (name) => {
        const there = await this.one(name);
        if (there) await Promise.all([there.compiled, this.all(this.options.needed(there.bytes), seen)]);
      }),
    );
  }

  private one(name: string): Promise<Arrived | undefined> {
    const known = this.known.get(name);
    if (known) return known;
    const found = this.search(name);
    this.known.set(name, found);
    // What is nowhere, or could not be had, may be there the next time.
    const forget = () => {
      if (this.known.get(name) === found) this.known.delete(name);
    };
    found.then((there) => there ?? forget(), forget);
    return found;
  }

  private async search(name: string): Promise<Arrived | undefined> {
    if (!isFileName(name)) return undefined;
    const tried: string[] = [];
    for (const folder of this.options.libraryPath) {
      const place = within(folder, name);
      try {
        const opened = await openFile(place, this.options.fetch);
        const found = { bytes: opened.bytes, identity: identityOf(place) };
        apart(() => this.options.progress?.({ library: name, phase: "fetched", size: found.bytes.length }));
        this.here.set(name, found);
        // Not awaited before what it needs is under way.
        return { ...found, compiled: this.compile(name, found.bytes, opened.module) };
      } catch (error) {
        if (!(error instanceof FileNotFound)) throw error;
        tried.push(error.message);
      }
    }
    this.tried.set(name, tried);
    return undefined;
  }

  private async compile(name: string, bytes: Uint8Array, streamed?: Promise<WebAssembly.Module>): Promise<void> {
    // What is no module is the linker's to explain; what came by a stream may have failed for its type of content.
    const compile = () => WebAssembly.compile(bytes as BufferSource).catch(() => undefined);
    const module = await (streamed?.catch(compile) ?? compile());
    if (module === undefined) return;
    this.options.provide(bytes, module);
    apart(() => this.options.progress?.({ library: name, phase: "compiled", size: bytes.length }));
  }

  /**
   * A library that a load or a guest's dlopen asks for, at once: what has been fetched; else a file where files can be read without waiting. A
   * path is the guest's own.
   */
  now(name: string): Found | undefined {
    if (name.includes("/")) return this.options.guestFile(name);
    const here = this.here.get(name);
    if (here) return here;
    if (!isFileName(name)) return undefined;
    const tried: string[] = [];
    for (const folder of this.options.libraryPath) {
      const place = within(folder, name);
      if (!canReadNow(place)) {
        tried.push(`${place}: not fetched; await prefetch(["${name}"]) before`);
        continue;
      }
      try {
        const found = { bytes: readFileNow(place), identity: identityOf(place) };
        this.here.set(name, found);
        return found;
      } catch (error) {
        if (!(error instanceof FileNotFound)) throw error;
        tried.push(error.message);
      }
    }
    this.tried.set(name, tried);
    return undefined;
  }

  /** Where names were looked for in vain, a line each. */
  explain(message: string): string {
    const lines = [...this.tried].filter(([name]) => message.includes(name)).flatMap(([, places]) => places.map((place) => `\n  looked for at ${place}`));
    return message + lines.join("");
  }
}
