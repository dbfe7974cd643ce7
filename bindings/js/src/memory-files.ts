// Files in memory, for guests outside of node: the folders of @bjorn3/browser_wasi_shim, with symbolic links, which it leaves out. A link that leads
// above the folder that it is opened through leads nowhere, as in the linker's own WASI.
import type * as Shim from "@bjorn3/browser_wasi_shim";
import { MemoryFolder, checkFolder } from "./folder.js";
import { below } from "./guest-paths.js";
import type { Found } from "./libraries.js";
import type { Folder } from "./wasi.js";

/** Errors of WASI. */
const [SUCCESS, BADF, EXIST, LOOP, NAMETOOLONG, NOENT, NOTDIR, NOTCAPABLE] = [0, 8, 20, 32, 37, 44, 54, 76];
const SYMBOLIC_LINK = 7;
/** Of path_open and its like: the last name is followed as well. */
const FOLLOW = 1;
const [CREATE, EXCLUSIVE] = [1, 4];
/** The most of a path, in UTF-16, and of links on the way. */
const [MOST_PATH, MOST_LINKS] = [4096, 40];

/** Also of another namespace, which has a folder in common. */
const isLink = (entry: unknown): entry is { target: string } => typeof (entry as { target?: unknown } | undefined)?.target === "string";

export interface FilesInMemory {
  /** What a guest has open from the beginning, in the order of the folders. */
  opened: Shim.Fd[];
  /** path_symlink of WASI, but for the guest's memory. */
  symlink(target: string, at: Shim.Fd | undefined, path: string): number;
  /** The file at a path of the guest's, as it is now. */
  file(path: string): Found | undefined;
}

/** Puts folders into memory. A folder that stands in several places is one. */
export function filesInMemory(shim: typeof Shim, folders: Record<string, Folder | MemoryFolder>): FilesInMemory {
  class Link extends shim.Inode {
    constructor(readonly target: string) {
      super();
    }
    path_open() {
      return { ret: LOOP, fd_obj: null };
    }
    stat() {
      return new shim.wasi.Filestat(this.ino, SYMBOLIC_LINK, BigInt(new TextEncoder().encode(this.target).length));
    }
  }

  /** The names that a path leads along, without links, and what is there; or an error. The last name may be of nothing. */
  const walk = (root: Shim.Directory, path: string, follow: boolean): { names: string[]; entry: Shim.Inode | undefined } | number => {
    if (path.length > MOST_PATH) return NAMETOOLONG;
    if (path.startsWith("/")) return NOTCAPABLE;
    const [names, entries]: [string[], (Shim.Inode | undefined)[]] = [[], [root]];
    // The next one is the last of these.
    const ahead = path.split("/").reverse();
    let links = 0;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (names.pop() === undefined) return NOTCAPABLE;
        entries.pop();
        continue;
      }
      const here = entries.at(-1);
      const entry = here instanceof shim.Directory ? here.contents.get(name) : undefined;
      if (isLink(entry) && (follow || ahead.length > 0)) {
        if (++links > MOST_LINKS) return LOOP;
        if (entry.target.startsWith("/")) return NOTCAPABLE;
        ahead.push(...entry.target.split("/").reverse());
        continue;
      }
      names.push(name);
      entries.push(entry);
    }
    return { names, entry: entries.at(-1) };
  };

  class Opened extends shim.OpenDirectory {
    /** Does something at a path that links have been taken out of. */
    private at<T>(path: string, follow: boolean, otherwise: (error: number) => T, use: (path: string) => T): T {
      const found = walk(this.dir, path, follow);
      if (typeof found === "number") return otherwise(found);
      // That it has to be a folder is still said.
      return use(found.names.join("/") + (path.endsWith("/") && found.names.length > 0 ? "/" : ""));
    }
    override path_open(flags: number, path: string, how: number, rights: bigint, inheriting: bigint, fdFlags: number): ReturnType<Shim.OpenDirectory["path_open"]> {
      const follow = (flags & FOLLOW) !== 0 && (how & (CREATE | EXCLUSIVE)) !== (CREATE | EXCLUSIVE);
      const opened = this.at(path, follow, (ret) => ({ ret, fd_obj: null }), (plain) => super.path_open(flags, plain, how, rights, inheriting, fdFlags));
      const folder = opened.fd_obj instanceof shim.OpenDirectory ? new Opened(opened.fd_obj.dir) : opened.fd_obj;
      return { ret: opened.ret, fd_obj: folder };
    }
    override path_filestat_get(flags: number, path: string): ReturnType<Shim.OpenDirectory["path_filestat_get"]> {
      return this.at(path, (flags & FOLLOW) !== 0, (ret) => ({ ret, filestat: null }), (plain) => super.path_filestat_get(flags, plain));
    }
    override path_lookup(path: string, flags: number): ReturnType<Shim.OpenDirectory["path_lookup"]> {
      return this.at(path, (flags & FOLLOW) !== 0, (ret) => ({ ret, inode_obj: null }), (plain) => super.path_lookup(plain, flags));
    }
    override path_link(path: string, inode: Shim.Inode, folders: boolean): number {
      return this.at(path, false, (error) => error, (plain) => super.path_link(plain, inode, folders));
    }
    override path_unlink(path: string): ReturnType<Shim.OpenDirectory["path_unlink"]> {
      return this.at(path, false, (ret) => ({ ret, inode_obj: null }), (plain) => super.path_unlink(plain));
    }
    override path_unlink_file(path: string): number {
      return this.at(path, false, (error) => error, (plain) => super.path_unlink_file(plain));
    }
    override path_remove_directory(path: string): number {
      return this.at(path, false, (error) => error, (plain) => super.path_remove_directory(plain));
    }
    override path_readlink(path: string): { ret: number; data: string | null } {
      const found = walk(this.dir, path, false);
      if (typeof found === "number") return { ret: found, data: null };
      if (isLink(found.entry)) return { ret: SUCCESS, data: found.entry.target };
      return { ret: found.entry === undefined ? NOENT : shim.wasi.ERRNO_INVAL, data: null };
    }
    symlink(target: string, path: string): number {
      if (target === "") return NOENT;
      if (target.length > MOST_PATH) return NAMETOOLONG;
      const found = walk(this.dir, path, false);
      if (typeof found === "number") return found;
      return found.entry === undefined ? this.path_link(path, new Link(target), false) : EXIST;
    }
  }

  class Given extends Opened {
    constructor(private readonly name: string, folder: Shim.Directory) {
      super(folder);
    }
    override fd_prestat_get() {
      return { ret: SUCCESS, prestat: shim.wasi.Prestat.dir(this.name) };
    }
  }

  const made = new Map<Folder | MemoryFolder, Shim.Directory>();
  const directory = (folder: Folder | MemoryFolder): Shim.Directory => {
    const known = made.get(folder);
    if (known) return known;
    const isShared = folder instanceof MemoryFolder;
    if (!isShared) checkFolder(folder);
    const contents: Map<string, Shim.Inode> = isShared ? folder.entries : new Map();
    const directory_ = new shim.Directory(contents);
    made.set(folder, directory_);
    for (const [name, entry] of isShared ? [] : Object.entries(folder)) contents.set(name, inode(entry));
    return directory_;
  };
  const inode = (entry: Folder[string]): Shim.Inode => {
    if (typeof entry === "string") return new shim.File(new TextEncoder().encode(entry));
    return entry instanceof Uint8Array ? new shim.File(entry) : directory(entry);
  };

  const given = Object.entries(folders).map(([name, folder]) => ({ name, root: directory(folder) }));
  return {
    opened: given.map(({ name, root }) => new Given(name, root)),
    symlink: (target, at, path) => {
      if (at instanceof Opened) return at.symlink(target, path);
      return at === undefined ? BADF : NOTDIR;
    },
    file: (path) => {
      for (const { name, root } of given) {
        const rest = below(path, name);
        const found = rest === undefined ? NOENT : walk(root, rest.join("/"), true);
        if (typeof found === "number" || !(found.entry instanceof shim.File)) continue;
        return { bytes: found.entry.data, identity: `guest:${found.entry.ino}` };
      }
      return undefined;
    },
  };
}
