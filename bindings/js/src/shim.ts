// @bjorn3/browser_wasi_shim, which a namespace with files in memory has WASI of.

export type Shim = typeof import("@bjorn3/browser_wasi_shim");

/** By its name, or by an address, relative to the page or worker. */
export function shimOf(address: string | URL | undefined): Promise<Shim> {
  if (address === undefined) return import("@bjorn3/browser_wasi_shim");
  const place = new URL(address, (globalThis as any).location?.href).href;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ place);
}
