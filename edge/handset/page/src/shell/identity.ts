// Who this phone is: name and password in a database of their own, written down before they are sent anywhere, so that
// an answer that is lost costs nothing. A phone of the demonstration has no password and asks nobody.

import { randomHex } from "./bytes";

const DATABASE = "zhuomu.me"; // no handset can be named so
const STORE = "me";
const TIMEOUT_MS = 10_000;
const CHECK_MS = 60 * 60_000;
const PASSWORD_BYTES = 20;

/** `next`: a password that may be in force already; `code`: not yet claimed with; `renew_at`: Unix milliseconds. */
export interface Me {
  device: string;
  password: string;
  next: string;
  code: string;
  renew_at: number;
}

export type Said = "good" | "refused" | "gone" | "unreachable";

export class Identity {
  private checked_ms = -CHECK_MS;

  private constructor(
    private readonly db: IDBDatabase,
    public me: Me | null,
  ) {}

  /** What is known, from an older page's place too. Rejects where the phone's storage cannot be used. */
  static async open(): Promise<Identity> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    const db = await settled(request);
    const me = (await settled(db.transaction(STORE).objectStore(STORE).get(STORE))) as Me | undefined;
    const identity = new Identity(db, me ?? null);
    const older = localStorage.getItem("identity");
    if (!me && older) await identity.begin({ code: "", ...(JSON.parse(older) as { device: string; password: string }) });
    localStorage.removeItem("identity");
    return identity;
  }

  /** A person said who this phone is. With a code the password is the phone's own. */
  async begin(given: { device: string; password: string; code: string }): Promise<void> {
    const password = given.code ? randomHex(PASSWORD_BYTES) : given.password;
    await this.keep({ device: given.device, password, code: given.code, next: "", renew_at: 0 });
  }

  /** The code was no good: the phone is nobody's again. */
  async forget(): Promise<void> {
    const tx = this.db.transaction(STORE, "readwrite", { durability: "strict" });
    tx.objectStore(STORE).delete(STORE);
    await ended(tx);
    this.me = null;
  }

  /** The password goes; the name stays, for the words on the screen. */
  async wipe(): Promise<void> {
    if (this.me) await this.keep({ ...this.me, password: "", next: "", code: "", renew_at: 0 });
  }

  /** Claim with the code, if that is still to be done. */
  async claim(): Promise<Said> {
    const me = this.me;
    if (!me?.code) return "good";
    const { device, code, password } = me;
    const [said, renew_s] = await ask("../identity/phone", { device, code, password });
    if (said === "good") await this.keep({ ...me, code: "", renew_at: Date.now() + renew_s * 1000 });
    return said;
  }

  /** How this phone stands, and a new password when it is time; at most once an hour unless `now`. */
  async check(now: boolean): Promise<Said> {
    const me = this.me;
    if (!me?.password || me.code) return "good";
    if (!now && performance.now() - this.checked_ms < CHECK_MS) return "good";
    this.checked_ms = performance.now();
    const due = !me.next && me.renew_at > 0 && Date.now() > me.renew_at;
    if (due) await this.keep({ ...me, next: randomHex(PASSWORD_BYTES) });
    const mine = this.me ?? me;
    const { device, password, next } = mine;
    const [said, renew_s] = await ask("../identity/phone/renew", { device, password, next });
    if (said === "good" && next) await this.keep({ ...mine, password: next, next: "", renew_at: Date.now() + renew_s * 1000 });
    return said;
  }

  private async keep(me: Me): Promise<void> {
    const tx = this.db.transaction(STORE, "readwrite", { durability: "strict" });
    tx.objectStore(STORE).put(me, STORE);
    await ended(tx);
    this.me = me;
  }
}

async function ask(path: string, body: object): Promise<[Said, number]> {
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.status === 410) return ["gone", 0];
    if (answer.status === 400 || answer.status === 403) return ["refused", 0];
    if (!answer.ok) return ["unreachable", 0];
    return ["good", ((await answer.json()) as { renew_s: number }).renew_s];
  } catch {
    return ["unreachable", 0];
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the database was closed"));
  });
}

function ended(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error ?? new Error("the database was closed"));
  });
}
