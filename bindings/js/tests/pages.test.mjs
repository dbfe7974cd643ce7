// The package's page: its blocks of code are run as they stand, and print what stands behind them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

const installed = process.env.WASMDYLD_TEST_JS;
const guests = process.env.WASMDYLD_GUESTS;
const page = fs.readFileSync(path.join(installed, "README.md"), "utf8");
const blocks = [...page.matchAll(/^```js\n([^]*?)^```\n+(?:It prints:\n+)?(?:```text\n([^]*?)^```)?/gm)];

test("the page's programs print what it says", () => {
  assert.ok(blocks.length >= 3, `${blocks.length} blocks`);
  const folder = fs.mkdtempSync(path.join(installed, "../../page-"));
  fs.symlinkSync(path.join(guests, "lib"), path.join(folder, "lib"));
  fs.copyFileSync(path.join(guests, "cases/hello/main-pie.wasm"), path.join(folder, "hello.wasm"));
  blocks.forEach(([, code, printed = ""], n) => {
    const file = path.join(folder, `${n}.mjs`);
    fs.writeFileSync(file, code);
    const run = spawnSync(process.execPath, ["--no-warnings", file], { cwd: folder, encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    assert.equal(run.stdout, printed, code);
  });
  fs.rmSync(folder, { recursive: true });
});
