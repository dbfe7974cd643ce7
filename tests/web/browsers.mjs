// Browsers by the names of their programs.
import path from "node:path";

import * as chromium from "./chromium.mjs";
import * as firefox from "./firefox.mjs";

/** Starts a headless browser, gives `use` a page of it, and ends it whatever happens. */
export function withPage(browser, use) {
  const { withPage } = path.basename(browser).startsWith("firefox") ? firefox : chromium;
  return withPage(browser, use);
}
