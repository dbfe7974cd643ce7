// The second module of the linker: what few programs need, and takes much code. It is fetched where it is wanted. `src/aside.rs` has what it answers.
import { MOST_BYTES, canReadNow, readFile, readFileNow } from "./files.js";
import type { LinkerSource } from "./linker.js";

interface Answering {
  memory: WebAssembly.Memory;
  wasmdyld_alloc(size: number): number;
  wasmdyld_answer(question: number, size: number, length: number): number;
}

const SOURCES = { fetch: (...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args), mostBytes: MOST_BYTES };
const NOBODY = 0xffff_ffff;

export class Aside {
  private module: WebAssembly.Module | undefined;
  private coming: Promise<void> | undefined;
  private answer = new Uint8Array();

  constructor(private readonly source: LinkerSource) {}

  /** Fetches it, where it cannot be read at the moment when it is asked. What fails is tried again by whoever wants it next. */
  async ready(): Promise<void> {
    if (!this.readsNow()) await this.need();
  }

  /** As {@link ready}, also where it could be read later: an error if it is not to be had. */
  async need(): Promise<void> {
    if (this.module !== undefined) return;
    this.coming ??= this.fetch();
    try {
      await this.coming;
    } finally {
      this.coming = undefined;
    }
  }

  /** As {@link ready} where it may have to tell something of a library: of a refused one, or one of C++ or Rust. It is no error if it is missing. */
  async readyFor(mayTell: () => boolean): Promise<void> {
    if (this.module !== undefined || this.readsNow() || !mayTell()) return;
    await this.ready().catch(() => {});
  }

  private async fetch(): Promise<void> {
    const { source } = this;
    if (source instanceof WebAssembly.Module) this.module = source;
    else if (typeof source !== "string" && !(source instanceof URL)) this.module = await WebAssembly.compile(source);
    else this.module = await WebAssembly.compile((await readFile(source, SOURCES)) as BufferSource);
  }

  /** Whether it can be read at the moment when it is asked. */
  readsNow(): boolean {
    const { source } = this;
    return (typeof source === "string" || source instanceof URL) && canReadNow(source);
  }

  private now(): WebAssembly.Module | undefined {
    if (this.source instanceof WebAssembly.Module) this.module = this.source;
    if (this.module === undefined && this.readsNow()) {
      this.module = new WebAssembly.Module(readFileNow(this.source as string | URL, SOURCES).bytes as BufferSource);
    }
    return this.module;
  }

  /** The answer to a question, by an instance of its own: questions are few, and what one takes of memory or breaks is gone with it. */
  private ask(question: Uint8Array): Uint8Array | undefined {
    try {
      const module = this.now();
      if (module === undefined) return undefined;
      const instance = new WebAssembly.Instance(module, { env: { wasmdyld_now: () => performance.now() } });
      const c = instance.exports as unknown as Answering;
      const at = c.wasmdyld_alloc(question.length);
      const length = c.wasmdyld_alloc(4);
      new Uint8Array(c.memory.buffer, at, question.length).set(question);
      const told = c.wasmdyld_answer(at, question.length, length);
      if (told === 0) return undefined;
      return new Uint8Array(c.memory.buffer, told, new DataView(c.memory.buffer).getUint32(length, true));
    } catch {
      // The linker does without, or says so itself.
      return undefined;
    }
  }

  /** What the linker's module imports of it. */
  imports(bytes: (at: number, size: number) => Uint8Array): Record<string, (...args: any[]) => any> {
    return {
      wasmdyld_ask: (at, size) => {
        const answer = this.ask(bytes(at, size));
        if (answer !== undefined) this.answer = answer as Uint8Array<ArrayBuffer>;
        return answer?.length ?? NOBODY;
      },
      wasmdyld_take_answer: (into) => {
        bytes(into, this.answer.length).set(this.answer);
        this.answer = new Uint8Array();
      },
    };
  }
}
