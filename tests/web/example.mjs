// Tries the page of examples/web as somebody at a keyboard: `node example.mjs CHROMIUM EXAMPLE MODULE [PICTURES]`.
import assert from "node:assert/strict";
import path from "node:path";

import { serve, withPage } from "./chromium.mjs";

const CONTROL = 2;
const [chromium, example, module, pictures] = process.argv.slice(2);
let there = true;
const { server, address, requests } = await serve((asked) => {
  if (asked === "/sqlite3.wasm") return there ? module : undefined;
  return path.join(example, asked === "/" ? "index.html" : asked);
});

async function ask(page, sql) {
  await page.value("document.getElementById('sql').focus()");
  await page.press("a", CONTROL);
  await page.value("document.getElementById('sql').select()");
  await page.type(sql);
  await page.press("Enter", CONTROL);
}
const cells = (page) => page.value("[...document.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.innerText))");
const said = (page) => page.value("document.getElementById('answers').innerText");
const wide = (page) => page.value("document.documentElement.scrollWidth - innerWidth");

try {
  await withPage(chromium, async (page) => {
    for (const [name, width, height] of [["phone", 360, 720], ["desktop", 1200, 800]]) {
      await page.size(width, height);
      await page.open(address);
      await page.until("!document.getElementById('run').disabled");
      assert.match(await page.value("document.getElementById('about').innerText"), /^SQLite 3\.\d+\.\d+ in this page/);
      // What is there to begin with, by the keyboard alone: from the text to the button, which is pressed.
      await page.value("document.getElementById('sql').focus()");
      await page.press("Tab");
      assert.equal(await page.value("document.activeElement.id"), "run");
      await page.press("Enter");
      await page.until("document.querySelectorAll('td').length");
      const planets = [["Jupiter", "97", "9.8"], ["Mars", "2", "1.4"], ["Earth", "1", "1.0"]];
      assert.deepEqual(await cells(page), [["name", "moons", "root"], ...planets]);
      assert.match(await said(page), /\n3 rows\n/);
      assert.ok((await wide(page)) <= 0, `${name}: the page is wider than the window`);
      if (pictures) await page.picture(path.join(pictures, `${name}.png`));

      await ask(page, "SELECT count(*) AS n, NULL AS none, '<b>' AS text FROM planet; SELECT 7 AS seven");
      assert.deepEqual(await cells(page), [["n", "none", "text"], ["3", "NULL", "<b>"], ["seven"], ["7"]]);
      // An error is told in SQLite's words, and the page goes on.
      await ask(page, "SELECT moons FROM star");
      assert.equal(await said(page), "no such table: star");
      if (pictures) await page.picture(path.join(pictures, `${name}-error.png`));
      await ask(page, "SELEC 1");
      assert.equal(await said(page), 'near "SELEC": syntax error');
      await ask(page, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n");
      assert.match(await said(page), /the first 1000 rows/);
      await ask(page, `SELECT ${Array.from({ length: 30 }, (_, n) => `${n} AS column_${n}`)}`);
      assert.ok((await wide(page)) <= 0, `${name}: a wide table makes the page wider than the window`);
      await ask(page, " ; -- nothing\n");
      assert.match(await said(page), /^done in/);
    }
    there = false;
    await page.open(address);
    await page.until("document.querySelector('[role=alert]')");
    assert.match(await said(page), /sqlite3.wasm is not beside this page/);
    assert.deepEqual(page.errors, []);
  });
  // Nothing comes from elsewhere.
  assert.deepEqual([...new Set(requests)].sort(), ["/", "/sqlite.mjs", "/sqlite3.wasm"]);
} finally {
  server.close();
  server.closeAllConnections();
}
