// Files in memory: folders with symbolic links, for guests outside of node, and in node where folders are given.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { wasiCalls } from "./modules.mjs";

const installed = process.env.WASMDYLD_TEST_JS;
const guests = process.env.WASMDYLD_GUESTS;
const own = (file) => import(pathToFileURL(path.join(installed, "dist", file)).href);
const { Namespace } = await own("index.js");
const { filesInMemory } = await import(pathToFileURL(path.join(process.env.WASMDYLD_JS_MODULES, "memory-files.js")).href);
const shim = await import(pathToFileURL(createRequire(path.join(installed, "dist/index.js")).resolve("@bjorn3/browser_wasi_shim")).href);

/** Errors of WASI. */
const [BADF, EXIST, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, NOTCAPABLE] = [8, 20, 28, 32, 37, 44, 54, 76];
const [FOLLOW, CREATE, EXCLUSIVE, DIRECTORY] = [1, 1, 4, 2];
const decode = (bytes) => new TextDecoder().decode(bytes);

/** Two folders that a guest has open, one in the other, and what it does in the first of them. */
function two() {
  const inside = { "f.txt": "f" };
  const files = filesInMemory(shim, { "/all": { inside, "secret.txt": "secret" }, "/inside": inside });
  const [all, within] = files.opened;
  const link = (target, at, folder = all) => files.symlink(target, folder, at);
  const open = (at, { flags = FOLLOW, how = 0, folder = all } = {}) => folder.path_open(flags, at, how, 0n, 0n, 0);
  const read = (at, folder = all) => {
    const { ret, fd_obj } = open(at, { folder });
    return ret === 0 ? decode(fd_obj.fd_read(100).data) : ret;
  };
  return { files, all, within, link, open, read };
}

test("links lead to what is there, and out of no folder", () => {
  const { files, within, link, open, read } = two();
  assert.equal(link("../secret.txt", "inside/up.txt"), 0);
  assert.equal(link("..", "inside/top"), 0);
  assert.equal(link("inside/./top/inside", "again"), 0);
  assert.equal(read("inside/up.txt"), "secret");
  assert.equal(read("again/top/again/f.txt"), "f");
  assert.equal(read("again/../secret.txt"), "secret");
  // The same links, of somebody to whom all else is out of reach.
  assert.deepEqual(["up.txt", "top/secret.txt", "top", "../secret.txt"].map((at) => read(at, within)), [NOTCAPABLE, NOTCAPABLE, NOTCAPABLE, NOTCAPABLE]);
  assert.equal(read("f.txt", within), "f");
  // A folder that was opened is the new top.
  const { fd_obj } = open("again");
  assert.deepEqual([read("f.txt", fd_obj), read("up.txt", fd_obj)], ["f", NOTCAPABLE]);
  // For dlopen.
  assert.equal(decode(files.file("/all/again/top/secret.txt").bytes), "secret");
  assert.equal(files.file("/inside/up.txt"), undefined);
  assert.equal(files.file("/all/inside/f.txt").identity, files.file("/inside/f.txt").identity);
});

test("links that lead nowhere", () => {
  const { files, link, open, read } = two();
  assert.equal(link("b", "a"), 0);
  assert.equal(link("a", "b"), 0);
  assert.equal(link("/etc/passwd", "absolute"), 0);
  assert.equal(link("none/none", "dangling"), 0);
  assert.deepEqual(["a", "a/x", "absolute", "dangling", "/all"].map((at) => read(at)), [LOOP, LOOP, NOTCAPABLE, NOENT, NOTCAPABLE]);
  assert.equal(files.file("/all/a"), undefined);
  // Each of these is four times as long on the way as the one before.
  for (let n = 0; n < 12; n++) assert.equal(link(Array(4).fill(n === 0 ? "inside/.." : `w${n - 1}`).join("/"), `w${n}`), 0);
  assert.equal(read("w11/secret.txt"), LOOP);
  assert.equal(read("w1/secret.txt"), "secret");
  assert.deepEqual([link("x".repeat(4097), "long"), link("", "empty"), link("x", "secret.txt"), link("x", "none/x")], [NAMETOOLONG, NOENT, EXIST, NOENT]);
  assert.equal(link("x", "../out"), NOTCAPABLE);
  assert.equal(open("x/".repeat(3000)).ret, NAMETOOLONG);
  assert.deepEqual([files.symlink("x", undefined, "y"), files.symlink("x", open("secret.txt").fd_obj, "y")], [BADF, NOTDIR]);
});

test("what is done to a link itself, and what through it", () => {
  const { all, link, open, read } = two();
  link("secret.txt", "link");
  link("made.txt", "dangling");
  assert.deepEqual(all.path_readlink("link"), { ret: 0, data: "secret.txt" });
  assert.deepEqual([all.path_readlink("secret.txt").ret, all.path_readlink("none").ret], [INVAL, NOENT]);
  assert.equal(all.path_filestat_get(0, "link").filestat.filetype, 7);
  assert.equal(all.path_filestat_get(FOLLOW, "link").filestat.filetype, 4);
  assert.equal(open("link", { flags: 0 }).ret, LOOP);
  // A file is made through a link that leads nowhere yet, unless it has to be new.
  assert.equal(open("dangling", { how: CREATE | EXCLUSIVE }).ret, EXIST);
  assert.equal(read("made.txt"), NOENT);
  assert.equal(open("dangling", { how: CREATE }).ret, 0);
  assert.equal(read("made.txt"), "");
  assert.equal(open("link", { how: DIRECTORY }).ret, NOTDIR);
  assert.equal(read("link/"), NOTDIR);
  const moved = all.path_unlink("link");
  assert.equal(all.path_link("moved", moved.inode_obj, true), 0);
  assert.deepEqual([read("moved"), read("link")], ["secret", NOENT]);
  assert.equal(all.path_unlink_file("moved"), 0);
  assert.equal(read("secret.txt"), "secret");
});

/** What lies in a folder of the machine. */
function contents(folder) {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  return Object.fromEntries(
    entries.map((entry) => {
      const file = path.join(folder, entry.name);
      return [entry.name, entry.isDirectory() ? contents(file) : new Uint8Array(fs.readFileSync(file))];
    }),
  );
}

test("a guest opens libraries that it has copied, by links and by none that lead out", async () => {
  const built = path.join(guests, "cases/dl-sandbox");
  const inside = {};
  let out = "";
  const ns = await Namespace.create({
    libraryPath: [built, path.join(guests, "lib")],
    wasi: { folders: { "/plugins": contents(built), "/all": { inside }, "/inside": inside } },
    stdout: (bytes) => (out += decode(bytes)),
  });
  assert.equal(await ns.run(path.join(built, "main-pie.wasm")), 0);
  ns.close();
  assert.match(out, /^out by a symbolic link: errors, and the same link is good where it does not lead out$/m);
});

test("a guest is told that there are no sockets, and a signal is a trap that says so", async () => {
  const ns = await Namespace.create({ libraryPath: path.join(guests, "lib"), wasi: { folders: { "/": {} } } });
  await ns.load("libc.so");
  const guest = await ns.loadBytes("libcalls.so", wasiCalls({ sock_accept: 3, sock_shutdown: 2, sock_recv: 6, proc_raise: 1 }));
  const NOTSOCK = 57;
  for (const [fd, errno] of [[0, NOTSOCK], [3, NOTSOCK], [9, BADF], [-1, BADF]]) {
    assert.deepEqual([guest.call_sock_accept(fd, 0, 64), guest.call_sock_shutdown(fd, 0), guest.call_sock_recv(fd, 64, 0, 0, 64, 64)], [errno, errno, errno]);
  }
  assert.throws(() => guest.call_proc_raise(6), (error) => error.code === "TRAP" && /raised signal 6: there are none/.test(error.message));
  ns.close();
});

test("a guest that accepts from what is no socket does not end node", async () => {
  const ns = await Namespace.create({ libraryPath: path.join(guests, "lib"), wasi: { preopens: { "/": guests } } });
  await ns.load("libc.so");
  const guest = await ns.loadBytes("libcalls.so", wasiCalls({ sock_accept: 3 }));
  const NOTSOCK = 57;
  assert.deepEqual([0, 1, 2, 3, 9, -1].map((fd) => guest.call_sock_accept(fd, 0, 64)), [NOTSOCK, NOTSOCK, NOTSOCK, NOTSOCK, BADF, BADF]);
  ns.close();
});

test("a guest makes room for all bytes of its arguments", async () => {
  for (const wasi of [{ folders: { "/": {} } }, { preopens: {} }]) {
    const ns = await Namespace.create({ libraryPath: path.join(guests, "lib"), wasi: { ...wasi, args: ["\u00e9\u20ac\u{1f600}"], env: { A: "\u20ac" } } });
    await ns.load("libc.so");
    const guest = await ns.loadBytes("libcalls.so", wasiCalls({ args_sizes_get: 2, args_get: 2, environ_sizes_get: 2, environ_get: 2 }));
    const at = ns.memory.alloc(256);
    for (const name of ["args", "environ"]) {
      ns.memory.write(at, new Uint8Array(256).fill(0xcc));
      assert.equal(guest[`call_${name}_sizes_get`](at, at + 4), 0);
      assert.equal(guest[`call_${name}_get`](at + 8, at + 32), 0);
      assert.equal(ns.memory.read(at + 32, 224).findLastIndex((byte) => byte !== 0xcc) + 1, ns.memory.readU32(at + 4), name);
    }
    ns.close();
  }
});
