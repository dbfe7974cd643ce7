// The pages of examples/web that use the package, as somebody at a keyboard has them, at the width of a phone and of a desk. Pictures of them go where
// WASMDYLD_TEST_PICTURES says.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const top = path.join(import.meta.dirname, "../../..");
const { serve, withPage } = await import(pathToFileURL(path.join(top, "tests/web/chromium.mjs")).href);
const modules = path.join(process.env.WASMDYLD_TEST_JS, "..");
const guests = process.env.WASMDYLD_GUESTS;
const pictures = process.env.WASMDYLD_TEST_PICTURES;
const skip = spawnSync("chromium", ["--version"]).status !== 0 && "chromium is not here";
const CONTROL = 2;
const SIZES = [["phone", 390, 844], ["desk", 1200, 900]];

async function onPage(use) {
  const { server, address } = await serve((asked) => {
    if (asked.startsWith("/node_modules/")) return path.join(modules, asked.slice("/node_modules/".length));
    if (asked.startsWith("/lib/")) return path.join(guests, asked);
    return path.join(top, "examples/web", asked);
  });
  try {
    await withPage("chromium", async (page) => {
      page.events.set("Page.javascriptDialogOpening", () => page.send("Page.handleJavaScriptDialog", { accept: true }));
      await use(page, address);
      assert.deepEqual(page.errors, []);
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const text = (page, id) => page.value(`document.getElementById(${JSON.stringify(id)}).innerText`);
const says = (page, id, words) => page.until(`document.getElementById("${id}").innerText.includes(${JSON.stringify(words)})`);
const fits = async (page) => assert.ok((await page.value("document.documentElement.scrollWidth - innerWidth")) <= 0, "the page is wider than the window");
const focused = (page) => page.value("document.activeElement.id || document.activeElement.tagName");

async function picture(page, name) {
  if (!pictures) return;
  for (const scheme of ["light", "dark"]) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await page.picture(path.join(pictures, `${name}-${scheme}.png`));
  }
  await page.send("Emulation.setEmulatedMedia", { features: [] });
}

/** Gives files to an input, as a file dialog does. */
async function choose(page, id, files) {
  const { root } = await page.send("DOM.getDocument");
  const { nodeId } = await page.send("DOM.querySelector", { nodeId: root.nodeId, selector: `#${id}` });
  await page.send("DOM.setFileInputFiles", { nodeId, files });
}

/** Tab by tab, what has the keyboard. */
async function tabs(page, count) {
  const found = [];
  for (let n = 0; n < count; n++) {
    await page.press("Tab");
    found.push(await focused(page));
  }
  return found;
}

/** Whoever cannot see has a name for each control. */
async function named(page) {
  const nameless = await page.value(`[...document.querySelectorAll("input, select, textarea, button, [role=region], [role=img]")]
    .filter((one) => one.checkVisibility())
    .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label") || one.getAttribute("aria-labelledby")))
    .map((one) => one.outerHTML)`);
  assert.deepEqual(nameless, []);
}

/** The least contrast of text in the page with what is behind it, in this scheme. */
const CONTRAST = `(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (one) => { for (let at = one; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if ((c[3] ?? 1) > 0) return c; } return [255, 255, 255]; };
  const ratios = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.disabled && !one.closest("svg") && [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((one) => { const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))]; return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); });
  return Math.min(...ratios);
})()`;

async function readable(page) {
  for (const scheme of ["light", "dark"]) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    const least = await page.value(CONTRAST);
    assert.ok(least >= 4.5, `${scheme}: ${least}`);
  }
  await page.send("Emulation.setEmulatedMedia", { features: [] });
}

async function ask(page, sql) {
  await page.until("!document.getElementById('run').disabled");
  await page.value("document.getElementById('answers').replaceChildren(); document.getElementById('sql').focus(); document.getElementById('sql').select()");
  await page.type(sql);
  await page.press("Enter", CONTROL);
  await page.until("document.getElementById('answers').innerText && !document.getElementById('run').disabled");
}
const cells = (page) => page.value("[...document.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.innerText))");

test("SQLite in a page, with an extension, over a reload", { skip }, () =>
  onPage(async (page, address) => {
    const ready = async () => {
      await page.open(`${address}/database.html`);
      await page.until("!document.getElementById('run').disabled");
    };
    for (const [name, width, height] of SIZES) {
      await page.size(width, height);
      await ready();
      assert.match(await text(page, "about"), /^SQLite 3\.\d+\.\d+ in this page/);
      // From the text to the button by the keyboard, which is then pressed.
      await page.value("document.getElementById('sql').focus()");
      assert.deepEqual(await tabs(page, 1), ["run"]);
      await page.press("Enter");
      await says(page, "answers", "done in");
      assert.deepEqual(await cells(page), [["name", "moons", "root"], ["Jupiter", "97", "9.8"], ["Mars", "2", "1.4"], ["Earth", "1", "1.0"]]);
      await page.until("!document.getElementById('run').disabled");
      assert.equal(await focused(page), "run");
      assert.deepEqual(await tabs(page, 4), ["DIV", "extension", "save", "forget"]);
      await named(page);
      await readable(page);
      await fits(page);
      await picture(page, `database-${name}`);
      await ask(page, `SELECT ${Array.from({ length: 30 }, (_, n) => `${n} AS column_${n}`)}`);
      await fits(page);
      await ask(page, "SELECT '<b>' AS text, NULL AS none, x'0102' AS bytes; SELECT moons FROM star");
      assert.equal(await text(page, "answers"), "no such table: star");
      await picture(page, `database-error-${name}`);
    }
    // What a transaction that did not end has done is not there after a reload; all else is.
    await ask(page, "INSERT INTO planet VALUES ('Saturn', 274); BEGIN; DELETE FROM planet;");
    await says(page, "kept", "A transaction is open");
    await ready();
    await ask(page, "SELECT count(*) FROM planet");
    assert.deepEqual(await cells(page), [["count(*)"], ["4"]]);

    await ask(page, "SELECT reversed('wasm')");
    assert.equal(await text(page, "answers"), "no such function: reversed");
    await choose(page, "extension", [path.join(guests, "cases/dl-sqlite/ext/libtext.so")]);
    await says(page, "extensions", "Open: libtext.so");
    await ask(page, "SELECT reversed('wasm')");
    assert.deepEqual(await cells(page), [["reversed('wasm')"], ["msaw"]]);
    // It is here again, too.
    await ready();
    await says(page, "extensions", "Open: libtext.so");
    await ask(page, "SELECT reversed('again') AS it");
    assert.deepEqual(await cells(page), [["it"], ["niaga"]]);
    // What is no extension is told, and kept from the next visit.
    await choose(page, "extension", [path.join(guests, "cases/dl-sqlite/ext/libempty.so")]);
    await says(page, "answers", "sqlite3_empty_init");
    await ready();
    assert.equal(await text(page, "extensions"), "Open: libtext.so");

    // A query without end is stopped, and the database is as it was.
    await page.value("document.getElementById('sql').focus(); document.getElementById('sql').select()");
    await page.type("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
    await page.press("Enter", CONTROL);
    await page.until("!document.getElementById('stop').disabled");
    await page.value("document.getElementById('stop').focus()");
    await page.press("Enter");
    await says(page, "answers", "it was stopped");
    await ask(page, "SELECT count(*) AS n FROM planet");
    assert.deepEqual(await cells(page), [["n"], ["4"]]);

    await page.value("document.getElementById('forget').click()");
    await page.until("document.getElementById('kept').innerText.includes('no database yet')");
    await ask(page, "SELECT moons FROM planet");
    assert.equal(await text(page, "answers"), "no such table: planet");
  }),
);

const unsigned = (number) => (number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...unsigned(number >>> 7)]);
const sized = (bytes) => [...unsigned(bytes.length), ...bytes];
const inBytes = (name) => sized([...new TextEncoder().encode(name)]);
const section = (id, bytes) => [id, ...sized(bytes)];

/** A library that needs others, and has nothing. */
function libraryOf(needed) {
  const list = [2, ...sized([...unsigned(needed.length), ...needed.flatMap(inBytes)])];
  return new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...section(0, [...inBytes("dylink.0"), 1, ...sized([0, 0, 0, 0]), ...list])]);
}

/** A library with one function, whose name is an attempt at markup; `code` is what it does, and does as its constructor if `starts`. */
function hostile(code, starts) {
  return new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0,
    ...section(0, [...inBytes("dylink.0"), 1, ...sized([0, 0, 0, 0])]),
    ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...inBytes(starts ? "__wasm_call_ctors" : "<img src=x onerror=alert(1)>"), 0, 0]),
    ...section(10, [1, ...sized([0, ...code, 0x0b])]),
  ]);
}
const [LOOP, TRAP] = [[0x03, 0x40, 0x0c, 0, 0x0b], [0x00]];

test("a playground for libraries", { skip }, () =>
  onPage(async (page, address) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "playground-"));
    const file = (name, bytes) => {
      fs.writeFileSync(path.join(folder, name), bytes);
      return path.join(folder, name);
    };
    const pick = async (name, args) => {
      await page.value(`(() => { const one = document.getElementById("function"); one.value = ${JSON.stringify(name)}; one.dispatchEvent(new Event("change")); })()`);
      await page.value("document.getElementById('function').focus()");
      for (const [n, arg] of args.entries()) {
        assert.deepEqual(await tabs(page, 1), [`argument-${n}`]);
        await page.value("document.activeElement.select()");
        await page.type(arg);
      }
      if (args.length === 0) assert.deepEqual(await tabs(page, 1), ["call"]);
      await page.press("Enter");
    };
    try {
      for (const [name, width, height] of SIZES) {
        await page.size(width, height);
        await page.open(`${address}/playground.html`);
        await picture(page, `playground-empty-${name}`);
        assert.deepEqual(await tabs(page, 1), ["file"]);
        await choose(page, "file", [path.join(guests, "lib/libz.so")]);
        await says(page, "status", "libz.so is linked");
        assert.match(await text(page, "facts"), /is\na shared library\n.*needs\nlibc\.so/s);
        assert.deepEqual(await page.value("[...document.querySelectorAll('svg g')].map((one) => [one.textContent, one.getAttribute('class')])"), [["libz.so", "dropped"], ["libc.so", "lib"]]);
        assert.match(await page.value("document.querySelector('svg title').textContent"), /libz\.so, dropped here, needs libc\.so\. libc\.so, of lib/);
        await pick("crc32", ["0", '"123456789"', "9"]);
        await says(page, "result", `crc32 gives ${0xcbf43926 | 0}`);
        await pick("zlibVersion", []);
        await says(page, "result", 'at that address: "1.');
        // A number that is none is told, and nothing is called.
        await pick("crc32", ["x", "0", "0"]);
        await says(page, "error", "x is no number");
        await pick("crc32", ["0", '"123456789"', "9"]);
        await named(page);
        await readable(page);
        await fits(page);
        await picture(page, `playground-${name}`);
      }
      // Dropped, and what is dropped is found before what lies in `lib`; a library that is nowhere is shown as such.
      const dropped = { "libtop.so": libraryOf(["libc++.so", "libnowhere.so"]), "libc++.so": fs.readFileSync(path.join(guests, "lib/libc++.so")) };
      const base64 = Object.entries(dropped).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
      await page.value(`(() => {
        const dataTransfer = new DataTransfer();
        for (const [name, text] of ${JSON.stringify(base64)}) dataTransfer.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name));
        document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      })()`);
      await says(page, "error", "libnowhere.so");
      const boxes = await page.value("Object.fromEntries([...document.querySelectorAll('svg g')].map((one) => [one.textContent, one.getAttribute('class')]))");
      assert.deepEqual([boxes["libtop.so"], boxes["libc++.so"], boxes["libnowhere.so"], boxes["libc.so"]], ["dropped", "dropped", "missing", "lib"]);
      await fits(page);
      await picture(page, "playground-needs");
      // Hostile files are an error, and the next one is read as if nothing had been.
      for (const [name, bytes, words] of [
        ["noise.so", crypto.getRandomValues(new Uint8Array(5000)), "not a WebAssembly module"],
        ["cut.so", fs.readFileSync(path.join(guests, "lib/libz.so")).subarray(0, 3000), ""],
        ["empty.so", new Uint8Array(), ""],
        ["libtrap.so", hostile(TRAP, true), "unreachable"],
        ["libmissing.so", fs.readFileSync(path.join(guests, "cases/dl-sqlite/ext/libtext.so")).subarray(0, 200), ""],
        ["libloop.so", hostile(LOOP, true), "longer than"],
      ]) {
        await choose(page, "file", [file(name, bytes)]);
        // The worker of a constructor without end is given ten seconds.
        const told = `document.getElementById("status").innerText === "${name} cannot be used"`;
        await page.until(told).catch(() => page.until(told));
        assert.ok((await text(page, "error")).includes(words), `${name}: ${await text(page, "error")}`);
        await fits(page);
      }
      await picture(page, "playground-error");
      await choose(page, "file", [file("libloops.so", hostile(LOOP, false))]);
      await says(page, "status", "libloops.so is linked");
      assert.equal(await page.value("document.images.length"), 0);
      await page.value("document.getElementById('call').focus()");
      await page.press("Enter");
      await page.until("!document.getElementById('stop').disabled");
      await page.press("Tab");
      assert.equal(await focused(page), "stop");
      await page.press("Enter");
      await says(page, "error", "it was stopped");
      await choose(page, "file", [path.join(guests, "lib/libz.so")]);
      await says(page, "status", "libz.so is linked");
      await pick("crc32", ["0", '"a"', "1"]);
      await says(page, "result", "crc32 gives");
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  }),
);
