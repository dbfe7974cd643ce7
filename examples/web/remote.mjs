// Guests run in a worker, which can be ended whatever they do. A page calls functions of its worker by their names, and waits for at most `limit`
// milliseconds; a guest that takes longer is ended, and the next call has a new worker.

/** In the page. */
export class Remote {
  constructor(script, { limit, restarted = () => {} }) {
    this.script = script;
    this.limit = limit;
    this.restarted = restarted;
    this.waiting = new Map();
    this.last = 0;
  }

  /** Calls a function of the worker's. `limit` is another one for this call. */
  async call(name, args = [], limit = this.limit) {
    this.worker ??= this.start();
    const id = ++this.last;
    const answer = new Promise((done, failed) => this.waiting.set(id, { done, failed }));
    this.worker.postMessage({ id, name, args });
    const timer = setTimeout(() => this.end(`it took longer than ${limit / 1000} seconds, and was ended`), limit);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the worker and all that it does. */
  end(why) {
    if (this.worker === undefined) return;
    this.worker.terminate();
    this.worker = undefined;
    for (const { failed } of this.waiting.values()) failed(new Error(why));
    this.waiting.clear();
    this.restarted();
  }

  get busy() {
    return this.waiting.size > 0;
  }

  start() {
    const worker = new Worker(this.script, { type: "module" });
    worker.onmessage = ({ data: { id, value, error } }) => {
      const call = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) call?.done(value);
      else call?.failed(Object.assign(new Error(error.message), { name: error.name }));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.end(event.message || "the worker could not be started");
    };
    return worker;
  }
}

/** In the worker: answers the page's calls, one after the other. */
export function answer(functions) {
  let before = Promise.resolve();
  globalThis.onmessage = ({ data: { id, name, args } }) => {
    before = before.then(async () => {
      try {
        postMessage({ id, value: await functions[name](...args) });
      } catch (error) {
        postMessage({ id, error: { name: error?.name ?? "Error", message: String(error?.message ?? error) } });
      }
    });
  };
}
