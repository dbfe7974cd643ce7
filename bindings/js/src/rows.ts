// Calls of a guest's function for many rows of arguments, with one crossing: arguments and results are columns in the guest's memory.
import { NAMES, toGuest, type Argument } from "./arguments.js";
import { count, integer, object, options as checked, type Check, type Checks } from "./check.js";
import type { FunctionType } from "./engine.js";
import { LinkError } from "./errors.js";
import type { Core, Prepared } from "./library.js";
import { View } from "./memory.js";

type Numbers = Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float32Array | Float64Array;

/** Values in the guest's memory: that of row n is at `address + n * stride`. */
export interface Column {
  address: number;
  /** Bytes from one row's value to the next: the size of a value if not said, that of a structure for a field of structures. */
  stride?: number;
}
/** Where the values of a parameter are: copied from a typed array, or read where they are in the guest's memory; or one value that serves all rows. */
export type RowsArgument = Numbers | View<any> | Column | Argument;
/** Where the values of a result go: copied to a typed array, or left where they are in the guest's memory. */
export type RowsResult = Numbers | View<any> | Column;

export interface RowsOptions {
  /** How many rows there are, where the columns do not say, or have more. */
  rows?: number;
  /** What results go into: a typed array for each that is made, if not said. */
  out?: RowsResult | RowsResult[];
}

const OPTIONS: Checks<RowsOptions> = { rows: count, out: object };
const inMemory: Check = (value) => (integer(value) === undefined && (value as number) >= -(2 ** 31) && (value as number) < MOST ? undefined : "an integer of 32 bits");
const COLUMN: Checks<Column> = { address: (value) => inMemory(value), stride: count };

type Kind = { new (buffer: ArrayBuffer): Numbers; name: string };
/** Typed arrays of each kind of number; results are the first of them. */
const KINDS: Kind[][] = [[Int32Array, Uint32Array], [BigInt64Array, BigUint64Array], [Float32Array], [Float64Array]] as any;
const width = (kind: number): number => (kind === 1 || kind === 3 ? 8 : 4);
/** As the engine likes it. */
const aligned = (size: number): number => Math.ceil(size / 8) * 8;
/** Memory has no more. */
const MOST = 2 ** 32;

/** A column, as the call takes it. */
interface Given {
  kind: number;
  /** In the guest's memory; nothing of what is copied. */
  address: number | undefined;
  stride: number;
  /** How many rows it has, if it is for so many. */
  rows: number | undefined;
  /** What is copied there, or from there. */
  host: Uint8Array | undefined;
}

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);

/** What is told by a list, a view or a place; nothing of one value for all. */
function columnOf(core: Core, told: unknown, kind: number, what: () => string): Given | undefined {
  const array = told instanceof View ? told.array : told;
  if (told instanceof View && !told.isOf(core.memory)) throw new TypeError(`${what()}: it is a view of another namespace's memory`);
  if (ArrayBuffer.isView(array)) {
    const kinds = KINDS[kind]!;
    if (!kinds.some((one) => array instanceof one)) {
      const names = kinds.map(({ name }) => name).join(" or ");
      throw new TypeError(`${what()}: values of ${NAMES[kind]} are in ${names}, and not in ${array.constructor.name}`);
    }
    const isGuests = core.memory.has(array);
    const rows = array.byteLength / width(kind);
    return { kind, rows, stride: width(kind), address: isGuests ? array.byteOffset : undefined, host: isGuests ? undefined : bytesOf(array) };
  }
  if (typeof told !== "object" || told === null || !("address" in told)) return undefined;
  checked(what(), told as Column, COLUMN);
  const { address, stride = width(kind) } = told as Column;
  return { kind, rows: undefined, stride, address: address >>> 0, host: undefined };
}

/** Calls the function for all rows, and gives what its results went into. */
export function callRows(core: Core, prepared: Prepared, name: string, args: RowsArgument[], options: RowsOptions): any {
  checked(`the rows of ${name}`, options, OPTIONS);
  const { params, results }: FunctionType = prepared.type;
  const unfit = [...params, ...results].find((kind) => KINDS[kind] === undefined);
  if (unfit !== undefined) throw new TypeError(`${name} takes or gives what lies in no memory, and is not called for rows`);
  if (!Array.isArray(args) || args.length !== params.length) throw new TypeError(`${name} takes a list of ${params.length} columns`);
  const copies: number[] = [];
  const copy = (bytes: Uint8Array): number => {
    copies.push(core.memory.borrow(bytes));
    return copies.at(-1)!;
  };
  try {
    // Copies may make the memory grow, and what JavaScript has of it is then empty: so all that lies there is looked for before.
    const columns = params.map((kind, n) => columnOf(core, args[n], kind, () => `column ${n + 1} of ${name}`));
    const { out: wanted } = options;
    const resultsAt = wanted === undefined ? undefined : intoColumns(core, name, results, Array.isArray(wanted) ? wanted : [wanted]);
    const given = params.map((kind, n) => {
      const what = () => `column ${n + 1} of ${name}`;
      if (columns[n]) return columns[n];
      const value = toGuest(core, args[n] as Argument, kind, copy, what);
      const host = bytesOf((KINDS[kind]![0] as any).of(value));
      return { kind, rows: undefined, stride: 0, address: undefined, host };
    });
    const rows = rowsOf(name, given, options.rows);
    if (results.some((kind) => width(kind) * rows >= MOST)) throw new RangeError(`${name}: ${rows} rows are more than memory holds`);
    const made = resultsAt ? [] : results.map((kind) => new KINDS[kind]![0]!(new ArrayBuffer(width(kind) * rows)));
    const into = resultsAt ?? intoColumns(core, name, results, made);
    into.forEach((column, n) => {
      if (column.rows !== undefined && column.rows < rows) throw new RangeError(`result ${n + 1} of ${name}: ${column.rows} values do not hold ${rows} rows`);
    });
    run(core, prepared, given, into, rows);
    return wanted ?? (made.length > 1 ? made : made[0]);
  } finally {
    core.memory.giveBack(copies);
  }
}

function rowsOf(name: string, columns: Given[], asked: number | undefined): number {
  const told = [...new Set(columns.flatMap(({ rows }) => (rows === undefined ? [] : [rows])))];
  if (asked === undefined) {
    if (told.length === 1) return told[0]!;
    throw new RangeError(`${name} takes columns of one length, or \`rows\`: these have ${told.join(", ") || "none"}`);
  }
  if (told.some((rows) => rows < asked)) throw new RangeError(`${name} is to be called for ${asked} rows, and its columns have ${told.join(", ")}`);
  return asked;
}

function intoColumns(core: Core, name: string, results: number[], all: RowsResult[]): Given[] {
  if (all.length !== results.length) throw new TypeError(`${name} gives ${results.length} results, and \`out\` has ${all.length} columns`);
  return all.map((told, n) => {
    const what = () => `result ${n + 1} of ${name}`;
    const column = columnOf(core, told, results[n]!, what);
    if (column === undefined) throw new TypeError(`${what()} goes into a typed array, a view or a column of memory`);
    return column;
  });
}

function run(core: Core, prepared: Prepared, given: Given[], into: Given[], rows: number): void {
  const { memory } = core;
  const all = [...given, ...into];
  const sizes = all.map(({ host, kind, stride }) => (host ? Math.min(host.length, stride === 0 ? width(kind) : width(kind) * rows) : 0));
  const total = sizes.reduce((sum, size) => sum + aligned(size), 0);
  if (total >= MOST) throw new RangeError(`${total} bytes of arguments and results are more than memory holds`);
  const base = total > 0 ? memory.borrow(total) >>> 0 : 0;
  try {
    let end = base;
    const columns = all.map(({ host, address, stride }, n) => {
      const at = address ?? end;
      if (host && n < given.length) memory.write(end, host.subarray(0, sizes[n]));
      end += aligned(sizes[n]!);
      return { address: at, stride };
    });
    const { done, error } = core.callRows(prepared, columns, rows);
    into.forEach(({ host, kind }, n) => host?.set(memory.read(columns[given.length + n]!.address, width(kind) * done)));
    if (error === undefined) return;
    if (error instanceof LinkError) (error as { rowsDone?: number }).rowsDone = done;
    throw error;
  } finally {
    if (base !== 0) memory.giveBack([base]);
  }
}
