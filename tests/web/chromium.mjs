// A headless Chromium by its own protocol, and a server of static files for it. It needs nothing but node 22, which has WebSocket.
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";

const TYPES = { ".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

/**
 * Serves files on a port of its own: `find` gives for a path of a request the file's name, or its text as `{ text, type }`, or nothing.
 * `requests` are what was asked for.
 */
export async function serve(find) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const asked = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    requests.push(asked);
    const found = find(asked);
    if (found?.text !== undefined) {
      response.writeHead(200, { "content-type": found.type ?? "application/json" }).end(found.text);
    } else if (found && fs.existsSync(found)) {
      response.writeHead(200, { "content-type": TYPES[path.extname(found)] ?? "application/octet-stream" });
      fs.createReadStream(found).pipe(response);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { server, requests, address: `http://127.0.0.1:${server.address().port}` };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Starts the browser, gives `use` a page of it, and ends it whatever happens. */
export async function withPage(chromium, use) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "chromium-"));
  const options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
  const browser = spawn(chromium, [...options, `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"], {
    stdio: "ignore",
    // What it keeps beside its profile goes there too.
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
  });
  const ended = new Promise((done) => browser.once("exit", done));
  try {
    return await use(await connect(await port(browser, path.join(profile, "DevToolsActivePort"))));
  } finally {
    browser.kill("SIGKILL");
    await ended;
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** It writes the port of its protocol into a file when it listens. */
async function port(browser, file) {
  for (let tries = 0; tries < 600; tries++) {
    if (browser.exitCode !== null) throw new Error(`the browser ended with ${browser.exitCode}`);
    const [first, rest] = fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n") : [];
    if (first && rest) return first;
    await pause(100);
  }
  throw new Error("the browser did not listen within a minute");
}

async function connect(port) {
  const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const socket = new WebSocket(targets.find((target) => target.type === "page").webSocketDebuggerUrl);
  await new Promise((open, failed) => {
    socket.onopen = open;
    socket.onerror = () => failed(new Error("no connection to the browser"));
  });
  const waiting = new Map();
  const errors = [];
  const events = new Map();
  socket.onmessage = ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(data);
    if (id === undefined) {
      if (method === "Runtime.exceptionThrown") errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      events.get(method)?.(params);
      return;
    }
    const { done, failed } = waiting.get(id);
    waiting.delete(id);
    error ? failed(new Error(error.message)) : done(result);
  };
  let last = 0;
  const send = (method, params = {}) =>
    new Promise((done, failed) => {
      waiting.set(++last, { done, failed });
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  await send("Page.enable");
  await send("Runtime.enable");
  return new Page(send, errors, events);
}

class Page {
  constructor(send, errors, events) {
    this.send = send;
    /** Errors that no script of the page caught. */
    this.errors = errors;
    this.events = events;
  }

  async open(address) {
    const loaded = new Promise((done) => this.events.set("Page.loadEventFired", done));
    await this.send("Page.navigate", { url: address });
    await loaded;
  }

  /** The value of an expression, or of the promise that it is. */
  async value(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression) {
    for (let tries = 0; tries < 200; tries++) {
      if (await this.value(`Boolean(${expression})`)) return;
      await pause(50);
    }
    throw new Error(`it never was so: ${expression}; the page says: ${await this.value("document.body.innerText")}`);
  }

  /** Types text as a keyboard would. */
  async type(text) {
    await this.send("Input.insertText", { text });
  }

  /** Presses a key; `modifiers` are 1 for Alt, 2 for Control, 8 for Shift. */
  async press(key, modifiers = 0) {
    const codes = { Enter: 13, Tab: 9, ArrowUp: 38, ArrowDown: 40, a: 65, Delete: 46 };
    const event = { key, code: key.length === 1 ? `Key${key.toUpperCase()}` : key, windowsVirtualKeyCode: codes[key], modifiers };
    const text = key === "Enter" ? "\r" : undefined;
    await this.send("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", text, ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  async size(width, height) {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
  }

  async picture(file) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    fs.writeFileSync(file, Buffer.from(data, "base64"));
  }
}
