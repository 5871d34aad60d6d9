// IndexedDB: one object store for each table of the book. A change is committed before anything else is done with it.

import { NAMES, type Change, type Name } from "../core/book";

const VERSION = 1;

/** The phone's database cannot be used; `message` is for the page. */
export class StoreUnusable extends Error {}

export class Store {
  private constructor(private readonly db: IDBDatabase) {}

  /** Throws StoreUnusable. */
  static async open(name: string): Promise<Store> {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      for (const store of NAMES) request.result.createObjectStore(store);
    };
    return new Store(await settled(request));
  }

  /** Everything but the photos' bytes. */
  async load(): Promise<Change[]> {
    const names = NAMES.filter((name) => name !== "blobs");
    const tx = this.db.transaction(names, "readonly");
    const found = await Promise.all(names.map((name) => rows(tx.objectStore(name), name)));
    return found.flat();
  }

  /** One transaction, on the disk itself when this returns. Throws StoreUnusable; then nothing of it is written. */
  async commit(changes: readonly Change[]): Promise<void> {
    if (!changes.length) return;
    const names = [...new Set(changes.map((change) => change.store))];
    const tx = this.db.transaction(names, "readwrite", { durability: "strict" });
    const end = ended(tx);
    for (const { store, key, value } of changes) {
      if (value === null) tx.objectStore(store).delete(key);
      else tx.objectStore(store).put(value, key);
    }
    await end;
  }

  /** A photo's bytes; null when they are gone. */
  async bytes(sha256: string): Promise<ArrayBuffer | null> {
    const request = this.db.transaction("blobs", "readonly").objectStore("blobs").get(sha256);
    const found: unknown = await settled(request);
    return found instanceof ArrayBuffer ? found : null;
  }

  close(): void {
    this.db.close();
  }
}

async function rows(store: IDBObjectStore, name: Name): Promise<Change[]> {
  const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
  return keys.map((key, i) => ({ store: name, key: String(key), value: values[i] }));
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(unusable(request.error));
  });
}

function ended(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(unusable(tx.error));
  });
}

function unusable(error: DOMException | null): StoreUnusable {
  return new StoreUnusable(error ? `${error.name}: ${error.message}` : "the database was closed");
}
