// Places: what the linker knows files by, text with "/" between names. A file of the machine is at its path; one of the web at its address, in
// which names stand as they are: "%2e%2e" is a name there, which an address would take for "..".
import { inNode, isWeb, isWhole, pathOf } from "./files.js";

/** The folder of what the host gave as bytes. */
export const GIVEN = "memory:";

const page = (): string | undefined => (globalThis as any).location?.href;

export class Places {
  /** Folders of the web that the host has named, without what tells their ends. */
  private readonly folders = new Map<string, URL>();
  /** Files of the web that the host has named. */
  private readonly files = new Map<string, URL>();

  /** The place of a folder that the host names. */
  folder(folder: string | URL): string {
    if (inNode && !isWeb(folder)) return pathOf(folder);
    const text = String(folder);
    const address = new URL(text.endsWith("/") ? text : `${text}/`, page());
    const place = (address.origin === "null" ? address.href : address.origin + address.pathname).replace(/\/+$/, "");
    this.folders.set(place, address);
    return place;
  }

  /** The place of a file that the host names. */
  file(file: string | URL): string {
    if (inNode && !isWeb(file)) return pathOf(file);
    const address = new URL(file, page());
    const last = address.pathname.slice(address.pathname.lastIndexOf("/") + 1);
    // Such addresses are in no folder.
    const folder = /^(data|blob):$/.test(address.protocol) ? `${GIVEN}/${this.files.size}` : this.folder(new URL(".", address));
    const place = `${folder}/${folder.startsWith(GIVEN) ? "library" : decoded(last)}`;
    this.files.set(place, address);
    return place;
  }

  /** Where a file is to be had; nothing where that is nowhere. */
  address(place: string): string | URL | undefined {
    const file = this.files.get(place);
    if (file) return file;
    if (place.startsWith(`${GIVEN}/`)) return undefined;
    for (let end = place.lastIndexOf("/"); end > 0; end = place.lastIndexOf("/", end - 1)) {
      const folder = this.folders.get(place.slice(0, end));
      if (!folder) continue;
      const names = place.slice(end + 1).split("/");
      return new URL(names.map(encodeURIComponent).join("/"), folder);
    }
    return inNode && !isWeb(place) && isWhole(place) ? place : undefined;
  }
}

function decoded(name: string): string {
  try {
    const text = decodeURIComponent(name);
    return text.includes("/") ? name : text;
  } catch {
    return name;
  }
}

/** Where a name is in a folder. */
export const within = (folder: string, name: string): string => (folder.endsWith("/") ? folder + name : `${folder}/${name}`);
