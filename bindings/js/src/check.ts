// What hosts say in options. A name or a word that nobody knows would else be taken for nothing said, and what was to bound a guest would not.

/** What an option may be, in words; nothing where it is that. */
export type Check = (value: unknown) => string | undefined;
/** A check of each option that there is: types see to it that none is left out. */
export type Checks<T> = { readonly [Name in keyof Required<T>]: Check };

const told = (words: string[]): string => [words.slice(0, -1).join(", "), words.slice(-1)[0]].filter(Boolean).join(" or ");

export const any: Check = () => undefined;
export const flag: Check = (value) => (typeof value === "boolean" ? undefined : "true or false");
export const func: Check = (value) => (typeof value === "function" ? undefined : "a function");
export const count: Check = (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : "an integer of at least 0");
export const integer: Check = (value) => (Number.isSafeInteger(value) ? undefined : "an integer");
export const list: Check = (value) => (Array.isArray(value) ? undefined : "a list");
export const texts: Check = (value) => (Array.isArray(value) && value.every((one) => typeof one === "string") ? undefined : "a list of text");
export const text: Check = (value) => (typeof value === "string" ? undefined : "text");
export const place: Check = (value) => (typeof value === "string" || value instanceof URL ? undefined : "text or a URL");
export const places: Check = (value) => (place(value) === undefined || Array.isArray(value) ? undefined : "text, a URL, or a list of them");
export const object: Check = (value) => (typeof value === "object" && value !== null ? undefined : "an object");
/** Names and what they stand for. A Map has none that are its properties, so that nothing of it would be taken. */
export const record: Check = (value) =>
  object(value) === undefined && !(Symbol.iterator in (value as object)) ? undefined : "an object whose properties are the names, and no Map or list";
/** The same of texts. */
export const textsByName: Check = (value) =>
  record(value) ?? (Object.values(value as object).every((one) => typeof one === "string") ? undefined : "an object of text");

/** One of these words. */
export const words = (...all: string[]): Check => (value) =>
  typeof value === "string" && all.includes(value) ? undefined : told(all.map((word) => `"${word}"`));

const shown = (value: unknown): string => (typeof value === "string" ? `"${value.slice(0, 60)}"` : value === null ? "null" : typeof value === "number" ? String(value) : typeof value);

/** Throws a TypeError where `value` is not what `what` may be. */
export function must(what: string, value: unknown, check: Check): void {
  const expected = check(value);
  if (expected !== undefined) throw new TypeError(`${what} is ${expected}, and not ${shown(value)}`);
}

/** Throws a TypeError for an option of `what` that there is none of, or that is not what it may be. One that is `undefined` is not said. */
export function options<T>(what: string, given: T, checks: Checks<T>): void {
  must(`what is told to ${what}`, given, object);
  for (const [name, value] of Object.entries(given as object)) {
    const check = Object.hasOwn(checks, name) ? checks[name as keyof T] : undefined;
    if (check === undefined) throw new TypeError(`${what} has no option \`${name}\`; it has ${told(Object.keys(checks)).replace(/ or (\w+)$/, " and $1")}`);
    if (value !== undefined) must(`\`${name}\` of ${what}`, value, check);
  }
}
