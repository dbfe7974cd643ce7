// Errors of the linker, as classes. `code` is stable; the message is for people.

/** A symbol without a definition. */
export interface UndefinedSymbol {
  symbol: string;
  /** The object that needs it. */
  importer: string;
  /** What it is needed as, such as "func (i32) -> i32". */
  wanted: string;
}

/** A function of a guest that was running when it trapped, the innermost first. */
export interface Frame {
  object: string | undefined;
  function: string | undefined;
  /** Where in the object's file the instruction stands that trapped or called. */
  offset: number | undefined;
}

export interface Details {
  symbols?: UndefinedSymbol[];
  frames?: Frame[];
  exitCode?: number | undefined;
  cause?: unknown;
}

/** What all of them are. */
export class LinkError extends Error {
  /** As `wasm_dyld_code_t` of the C API has it: "NOT_FOUND", "TRAP". */
  readonly code: string;
  /** Symbols without a definition, all at once. */
  readonly symbols: UndefinedSymbol[];
  readonly frames: Frame[];
  /** Of {@link Exit}. */
  readonly exitCode: number | undefined;
  /** Of a call for rows: how many were done before. Their results have been written. */
  readonly rowsDone: number | undefined;

  constructor(code: string, message: string, details: Details = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.symbols = details.symbols ?? [];
    this.frames = details.frames ?? [];
    this.exitCode = details.exitCode;
  }

  /** What was being done and why it failed: the message line by line. */
  get chain(): string[] {
    return this.message.split("\n").map((line) => line.trim());
  }
}

/** An argument that is none, or something that has been closed. */
export class InvalidArgument extends LinkError {}
/** A library, file or symbol was not found. */
export class NotFound extends LinkError {}
/** Something could not be read. */
export class IoError extends LinkError {}
/** The bytes are no valid module. */
export class Malformed extends LinkError {}
/** Valid, but not something that this linker or this engine can link. */
export class Unsupported extends LinkError {}
/** Symbols have no definition: `symbols`. */
export class Undefined extends LinkError {}
/** A symbol's use and its definition have different types. */
export class TypeMismatch extends LinkError {}
/** A limit was reached. */
export class LimitReached extends LinkError {}
/** The engine refused a module, an instance or an object. */
export class EngineRefused extends LinkError {}
/** The guest trapped. `cause` is what a function of JavaScript's threw, if it was that. */
export class Trap extends LinkError {}
/** The guest exited where it was expected to return: `exitCode`. */
export class Exit extends LinkError {}
/** The namespace is in the midst of something that excludes the request. */
export class Busy extends LinkError {}
/** The guest was interrupted: `Namespace.interrupt`, or a watcher. */
export class Interrupted extends LinkError {}
/** The guest took longer than it may: `Namespace.setTimeout`. */
export class TimedOut extends LinkError {}
/** The guest has used up its budget: `Namespace.setBudget`. */
export class OutOfBudget extends LinkError {}
/** A defect of the linker, or JavaScript's stack was full in its midst. The namespace is of no use any more. */
export class InternalError extends LinkError {}

/** By the numbers of `wasm_dyld_code_t`. A test compares them with the header. */
export const CODES: readonly (readonly [string, typeof LinkError])[] = [
  ["OK", InternalError], ["INVALID_ARGUMENT", InvalidArgument], ["NOT_FOUND", NotFound], ["IO", IoError],
  ["MALFORMED", Malformed], ["UNSUPPORTED", Unsupported], ["UNDEFINED_SYMBOL", Undefined],
  ["TYPE_MISMATCH", TypeMismatch], ["LIMIT", LimitReached], ["ENGINE", EngineRefused], ["TRAP", Trap],
  ["EXIT", Exit], ["BUSY", Busy], ["INTERNAL", InternalError], ["INTERRUPTED", Interrupted], ["TIMED_OUT", TimedOut],
  ["OUT_OF_BUDGET", OutOfBudget],
];

export function errorOf(number: number, message: string, details: Details): LinkError {
  const [code, kind] = CODES[number] ?? ["INTERNAL", InternalError];
  return new kind(code, message, details);
}
