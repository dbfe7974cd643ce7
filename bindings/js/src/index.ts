// A dynamic linker for WebAssembly programs made of shared libraries, in JavaScript's own engine.
export { Callback } from "./callbacks.js";
export * from "./errors.js";
export type { Progress } from "./libraries.js";
export type { Argument, GuestFunction, Library, LibraryMethods, Result } from "./library.js";
export type { LinkerSource } from "./linker.js";
export { Memory, View } from "./memory.js";
export { Namespace } from "./namespace.js";
export type { LoadOptions, NamespaceOptions } from "./namespace.js";
export type { Folder, Streams, WasiOptions, WasiProvider } from "./wasi.js";
export { inspect, type ModuleInfo } from "./inspect.js";
