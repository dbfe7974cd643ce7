// A headless Firefox by WebDriver BiDi, which it speaks itself. It needs nothing but node 22, which has WebSocket.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** What a new profile would fetch, show or report by itself. */
const QUIET = {
  "app.normandy.enabled": false,
  "app.update.enabled": false,
  "browser.safebrowsing.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.getAddons.cache.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.enabled": false,
};

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Starts the browser, gives `use` a page of it, and ends it whatever happens. `preferences` are of about:config. */
export async function withPage(firefox, use, preferences = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "firefox-"));
  const lines = Object.entries({ ...QUIET, ...preferences }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  fs.writeFileSync(path.join(profile, "user.js"), lines.join(""));
  const browser = spawn(firefox, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank"], {
    stdio: "ignore",
    // Its processes are a group, which is ended as one.
    detached: true,
    // What it keeps beside its profile goes there too.
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile, MOZ_CRASHREPORTER_DISABLE: "1" },
  });
  const ended = new Promise((done) => {
    browser.once("exit", done);
    browser.once("error", done);
  });
  try {
    return await use(await connect(await address(browser, path.join(profile, "WebDriverBiDiServer.json"))));
  } finally {
    try {
      process.kill(-browser.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await ended;
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** It writes the address of its protocol into a file when it listens. */
async function address(browser, file) {
  for (let tries = 0; tries < 600; tries++) {
    if (browser.exitCode !== null) throw new Error(`the browser ended with ${browser.exitCode}`);
    if (fs.existsSync(file)) {
      const { ws_host, ws_port } = JSON.parse(fs.readFileSync(file, "utf8") || "{}");
      if (ws_port) return `ws://${ws_host}:${ws_port}/session`;
    }
    await pause(100);
  }
  throw new Error("the browser did not listen within a minute");
}

async function connect(address) {
  const socket = new WebSocket(address);
  await new Promise((open, failed) => {
    socket.onopen = open;
    socket.onerror = () => failed(new Error("no connection to the browser"));
  });
  const waiting = new Map();
  const errors = [];
  socket.onmessage = ({ data }) => {
    const { id, type, result, error, message, method, params } = JSON.parse(data);
    if (type === "event") {
      if (method === "log.entryAdded" && params.type === "javascript" && params.level === "error") errors.push(params.text);
      return;
    }
    const { done, failed } = waiting.get(id);
    waiting.delete(id);
    type === "error" ? failed(new Error(`${error}: ${message}`)) : done(result);
  };
  socket.onclose = () => {
    for (const { failed } of waiting.values()) failed(new Error("the browser has ended"));
  };
  let last = 0;
  const send = (method, params = {}) =>
    new Promise((done, failed) => {
      waiting.set(++last, { done, failed });
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  const { capabilities } = await send("session.new", { capabilities: {} });
  await send("session.subscribe", { events: ["log.entryAdded"] });
  const { contexts } = await send("browsingContext.getTree");
  return new Page(send, errors, contexts[0].context, capabilities.browserVersion);
}

class Page {
  constructor(send, errors, context, version) {
    this.send = send;
    /** Errors that no script of the page caught. */
    this.errors = errors;
    this.context = context;
    this.version = version;
  }

  async open(url) {
    await this.send("browsingContext.navigate", { context: this.context, url, wait: "complete" });
  }

  /** The value of an expression, or of the promise that it is: what JSON can say. */
  async value(expression) {
    const told = await this.send("script.evaluate", {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value))`,
      target: { context: this.context },
      awaitPromise: true,
      resultOwnership: "none",
    });
    if (told.type === "exception") throw new Error(told.exceptionDetails.text);
    return told.result.type === "undefined" ? undefined : JSON.parse(told.result.value);
  }
}
