// Bytes by their names, kept in the browser over reloads (IndexedDB).

const settled = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

export class Keep {
  #name;
  #opened;

  constructor(name) {
    this.#name = name;
  }

  async #store(mode) {
    const request = () => {
      const opening = indexedDB.open(this.#name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("files");
      return settled(opening);
    };
    const database = await (this.#opened ??= request());
    return database.transaction("files", mode).objectStore("files");
  }

  async get(name) {
    return settled((await this.#store("readonly")).get(name));
  }

  async names() {
    return settled((await this.#store("readonly")).getAllKeys());
  }

  /** Done when the browser has it. */
  async put(name, bytes) {
    await this.#done((store) => store.put(bytes, name));
  }

  async clear() {
    await this.#done((store) => store.clear());
  }

  async #done(change) {
    const store = await this.#store("readwrite");
    const { transaction } = store;
    const finished = new Promise((done, failed) => {
      transaction.oncomplete = () => done();
      transaction.onabort = () => failed(transaction.error);
    });
    change(store);
    await finished;
  }
}
