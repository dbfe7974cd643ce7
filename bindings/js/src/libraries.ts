// Where libraries are: fetched and compiled ahead, in parallel, with all that they need; and given to the linker at once.
import { apart } from "./apart.js";
import { FileNotFound, type Sources, canReadNow, inNode, isFileName, isWeb, openFile, readFileNow } from "./files.js";
import { GIVEN, Places, within } from "./places.js";

export interface Found {
  bytes: Uint8Array;
  /** Where it came from. The same place is the same library, under whatever name. */
  identity: string;
  /** The number of the module that has been compiled of the bytes; nothing if none has. */
  ready?: number;
}

/** What becomes of a library, in order. Where there is `control`, or snapshots, it is compiled while it is linked, and that is not told. */
export interface Progress {
  library: string;
  phase: "fetched" | "compiled" | "linked";
  /** Bytes of the file. */
  size: number;
}

/** What a library needs. */
export interface Needs {
  names: string[];
  /** Folders that are searched after the host's own: its RUNTIME_PATH, as far as that is followed. */
  folders: string[];
}

export interface LibraryOptions {
  libraryPath: (string | URL)[];
  sources: Sources;
  progress: ((event: Progress) => void) | undefined;
  needs(bytes: Uint8Array, place: string): Needs;
  /** Gives the number of a module that was compiled; 0 where there is none. */
  provide(bytes: Uint8Array, module: WebAssembly.Module | undefined, slim: boolean): Promise<number>;
  /** What the engine had better compile in the place of these bytes. */
  slim(bytes: Uint8Array): Uint8Array | undefined;
}

/** A library that has arrived, which does not wait for what it needs: libraries may need each other. */
interface Arrived extends Found {
  compiled: Promise<void>;
  needs: Needs;
}

/** Keeps what a promise comes to, unless that is nothing or an error: what was nowhere, or could not be had, may be there the next time. */
function once<T>(known: Map<string, Promise<T | undefined>>, key: string, make: () => Promise<T | undefined>): Promise<T | undefined> {
  const before = known.get(key);
  if (before) return before;
  const made = make();
  known.set(key, made);
  const forget = () => {
    if (known.get(key) === made) known.delete(key);
  };
  made.then((there) => there ?? forget(), forget);
  return made;
}

/** Others, such as an ArrayBuffer, have no length that the linker could be told. */
function checkBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("the bytes of a module are a Uint8Array");
}

const nameOf = (place: string): string => place.slice(place.lastIndexOf("/") + 1);

export class Libraries {
  /** Folders that are searched for all. */
  readonly folders: string[];
  private readonly places = new Places();
  /** By names, and folders that are searched besides. */
  private readonly searches = new Map<string, Promise<Arrived | undefined>>();
  /** By places. */
  private readonly files = new Map<string, Promise<Arrived | undefined>>();
  /** What has arrived, by places; nothing where there is no such file. */
  private readonly here = new Map<string, Found | undefined>();
  /** Places that the linker has looked at of which nothing was at hand. */
  readonly missing = new Set<string>();

  constructor(private readonly options: LibraryOptions) {
    this.folders = [GIVEN, ...options.libraryPath.map((folder) => this.places.folder(folder))];
  }

  /** What the linker is to be told for a name: that, or the place where the host says that it is. */
  place(name: string | URL): string {
    const text = String(name);
    return text.includes("/") ? this.places.file(name) : text;
  }

  /** The same for a program, which is not searched. */
  filePlace(name: string | URL): string {
    return this.places.file(name);
  }

  /** Makes bytes the library of this name; `module` is what they were compiled to. */
  add(name: string, bytes: Uint8Array, module?: WebAssembly.Module): void {
    checkBytes(bytes);
    const place = within(GIVEN, name);
    // Whoever gave them may change them later.
    const found: Found = { bytes: bytes.slice(), identity: place };
    this.here.set(place, found);
    const needs = this.options.needs(bytes, place);
    const compiled = this.compiled(name, found, module);
    // Whoever loads it hears of it.
    compiled.catch(() => {});
    this.files.set(place, Promise.resolve({ ...found, compiled, needs }));
    // It comes before what has been found elsewhere.
    this.searches.clear();
  }

  /** Fetches and compiles these libraries and all that they need, each once. Those that are nowhere are left out: the load says so. */
  async prefetch(names: Iterable<string | URL>): Promise<void> {
    const all = [...names].map((name) => this.place(name));
    const places = all.filter((name) => name.includes("/"));
    const seen = new Set<string>();
    await Promise.all([...places.map((place) => this.whole(this.at(place), seen)), this.all(all.filter((name) => !name.includes("/")), [], seen)]);
  }

  /** As {@link prefetch} for what a module of these bytes needs, and compiles that, unless it has been: gives its number, if it has one. */
  async given(name: string, bytes: Uint8Array, module?: WebAssembly.Module): Promise<number> {
    checkBytes(bytes);
    const { names } = this.options.needs(bytes, "");
    // Types of its exports are read from them later, when the one who gave them may have changed them.
    const found: Found = { bytes: bytes.slice(), identity: "" };
    await Promise.all([this.compiled(name, found, module), this.all(names, [], new Set())]);
    return found.ready ?? 0;
  }

  /** Fetches a file that the host names, and what it needs. An error if there is none. */
  async file(place: string): Promise<void> {
    const there = await this.whole(this.at(place), new Set());
    if (!there) throw new FileNotFound(`${this.places.address(place) ?? place}: there is no such file`);
  }

  /** Fetches what is at places that the linker has looked at in vain. Whether there is anything new to look at. */
  async fetchMissing(): Promise<boolean> {
    const places = [...this.missing];
    await Promise.allSettled(places.map((place) => this.whole(this.at(place), new Set())));
    return places.some((place) => this.here.has(place));
  }

  /** Whether libraries may have to be waited for. */
  get isRemote(): boolean {
    return !inNode || this.folders.some((folder) => isWeb(folder));
  }

  /** Waits for what arrives, and for all that it needs. */
  private async whole(arriving: Promise<Arrived | undefined>, seen: Set<string>): Promise<Arrived | undefined> {
    const there = await arriving;
    if (there) await Promise.all([there.compiled, this.all(there.needs.names, there.needs.folders, seen)]);
    return there;
  }

  /** Whoever asks waits for all of it, whoever has asked first; `seen` ends the circles of libraries that need each other. */
  private async all(names: string[], folders: string[], seen: Set<string>): Promise<void> {
    const key = (name: string) => [name, ...folders].join("\0");
    const fresh = names.filter((name) => !seen.has(key(name)) && seen.add(key(name)));
    await Promise.all(fresh.map((name) => this.whole(once(this.searches, key(name), () => this.search(name, folders)), seen)));
  }

  private async search(name: string, folders: string[]): Promise<Arrived | undefined> {
    // What a module says that it needs is no place: these are the host's to name.
    if (!isFileName(name)) return undefined;
    for (const folder of [...this.folders, ...folders]) {
      const there = await this.at(within(folder, name));
      if (there) return there;
    }
    return undefined;
  }

  private at(place: string): Promise<Arrived | undefined> {
    return once(this.files, place, () => this.fetch(place));
  }

  private async fetch(place: string): Promise<Arrived | undefined> {
    const address = this.places.address(place);
    if (address === undefined) return undefined;
    try {
      const opened = await openFile(address, this.options.sources);
      const found: Found = { bytes: opened.bytes, identity: opened.identity };
      apart(() => this.options.progress?.({ library: nameOf(place), phase: "fetched", size: found.bytes.length }));
      this.here.set(place, found);
      // Not awaited before what it needs is under way.
      const compiled = this.compile(nameOf(place), found, opened.module);
      // Whoever waits for it hears of it; where something else fails before that, nobody does.
      compiled.catch(() => {});
      return { ...found, compiled, needs: this.options.needs(found.bytes, place) };
    } catch (error) {
      if (!(error instanceof FileNotFound)) throw error;
      this.here.set(place, undefined);
      return undefined;
    }
  }

  /** As {@link compile}, unless that has been done. */
  private async compiled(name: string, found: Found, module?: WebAssembly.Module): Promise<void> {
    if (module) found.ready = await this.options.provide(found.bytes, module, false);
    else await this.compile(name, found);
  }

  private async compile(name: string, found: Found, streamed?: Promise<WebAssembly.Module>): Promise<void> {
    const { bytes } = found;
    // The engine gets another module, which the linker makes of it.
    if (!this.options.sources.compiles) return;
    // What is no module is the linker's to explain; what came by a stream may have failed for its type of content.
    const compile = (bytes: Uint8Array) => WebAssembly.compile(bytes as BufferSource).catch(() => undefined);
    const slim = streamed ? undefined : this.options.slim(bytes);
    const module = await (streamed?.catch(() => compile(bytes)) ?? compile(slim ?? bytes));
    found.ready = await this.options.provide(bytes, module, slim !== undefined);
    if (module === undefined) return;
    apart(() => this.options.progress?.({ library: name, phase: "compiled", size: bytes.length }));
  }

  /** What is at a place that the linker searches, at once: what has been fetched; else a file where files can be read without waiting. */
  now(place: string): Found | "later" | undefined {
    const here = this.here.get(place);
    const address = this.places.address(place);
    if (here || address === undefined || !isFileName(nameOf(place))) return here;
    if (!canReadNow(address)) {
      if (this.here.has(place)) return undefined;
      this.missing.add(place);
      return "later";
    }
    try {
      const found = readFileNow(address, this.options.sources);
      this.here.set(place, found);
      return found;
    } catch (error) {
      if (error instanceof FileNotFound) return undefined;
      throw error;
    }
  }
}
