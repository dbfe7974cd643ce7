// A dynamic linker for WebAssembly programs made of shared libraries, in JavaScript's own engine.
import { FileNotFound } from "./files.js";
import * as exported from "./index.js";

export { Callback } from "./callbacks.js";
export {
  Busy, EngineRefused, Exit, InternalError, Interrupted, InvalidArgument, IoError, LimitReached, LinkError, Malformed, NotFound, OutOfBudget, TimedOut,
  Trap, TypeMismatch, Undefined, Unsupported,
} from "./errors.js";
export type { Frame, UndefinedSymbol } from "./errors.js";
export { interrupt } from "./control.js";
export type { ControlMode } from "./control.js";
export { link } from "./full/link.js";
export type { Linked, LinkOptions } from "./full/link.js";
export { Snapshot } from "./full/snapshots.js";
export { MemoryFolder } from "./folder.js";
export type { Progress } from "./libraries.js";
export type { Argument, AsyncGuestFunction, GuestFunction, Result } from "./arguments.js";
export type { Library, LibraryMethods } from "./library.js";
export type { LinkerSource } from "./linker.js";
export { Memory, View } from "./memory.js";
export { Namespace } from "./namespace.js";
export type { Found, ObjectInfo } from "./objects.js";
export { canWait } from "./promises.js";
export type { Column, RowsArgument, RowsOptions, RowsResult } from "./rows.js";
export type { DefineOptions, GlobalType, LimitOptions } from "./values.js";
export type { LoadOptions, NamespaceOptions } from "./options.js";
export type { Folder, Streams, WasiOptions, WasiProvider } from "./wasi.js";
export { inspect, type ModuleInfo } from "./inspect.js";

// The package is one file of short names. What is shown of objects and errors has those that users know.
const known = Object.entries(exported).filter(([, one]) => typeof one === "function");
for (const [name, one] of [...known, ["NotFound", FileNotFound] as const]) Object.defineProperty(one, "name", { value: name });
