// The whole phone: book, database, session and line put together. Everything that changes the book waits its turn.

import { blank, Book, Draft } from "../core/book";
import type { Bulk, Delta, Down, Piece, Point, Up } from "../core/messages";
import { START_JITTER_S, Session, SHIFT_JITTER_S } from "../core/session";
import { photoLost, take } from "../core/take";
import { act, clear, locate, sendTrack, type Wish } from "../core/work";
import { base64, randomHex } from "./bytes";
import type { Identity } from "./identity";
import { Line, type Broker } from "./line";
import { Store } from "./store";

const TICK_MS = 500;
const STAND_MS = 5 * 60_000;
const BULK_TIMEOUT_MS = 10_000;
const KNOWN = ["delta", "receipt", "photostate", "wipe"];
type Wanted = Omit<Wish, "at" | "op_id">;

export class Phone {
  readonly session: Session;
  trouble = "";
  bad = 0;
  private readonly line: Line;
  private turn: Promise<unknown> = Promise.resolve();
  private fetching = false;
  private timer = 0;
  private standing = 0;
  private asking = false;

  private constructor(
    private readonly store: Store,
    readonly book: Book,
    private readonly broker: Broker,
    private readonly identity: Identity,
    private readonly changed: () => void,
  ) {
    this.session = new Session(book, (low, high) => low + Math.random() * (high - low), true);
    this.line = new Line(broker, {
      up: () => this.up(),
      down: () => this.down(),
      heard: (channel, payload) => this.heard(channel, payload),
      refused: (reason, denied) => {
        this.tell(reason);
        if (denied) void this.stand(true);
      },
    });
  }

  /** `changed` is called after everything that the page may show. Throws StoreUnusable. */
  static async open(broker: Broker, identity: Identity, changed: () => void): Promise<Phone> {
    const store = await Store.open(`zhuomu-${broker.device}`);
    const rows = await store.load();
    if (!rows.some((row) => row.store === "meta")) {
      const meta = { store: "meta", key: "meta", value: blank(broker.device, randomHex(8)) } as const;
      await store.commit([meta]);
      rows.push(meta);
    }
    return new Phone(store, new Book(rows), broker, identity, changed);
  }

  start(): void {
    this.line.start();
    this.timer = self.setInterval(() => void this.pump(), TICK_MS);
    void this.stand(true);
    this.standing = self.setInterval(() => void this.stand(false), STAND_MS);
    self.addEventListener("online", () => this.line.hurry());
    self.addEventListener("offline", () => this.line.drop());
  }

  /** One operation, on the phone's disk when this returns. Throws Refused, StoreUnusable. */
  async act(wanted: Wanted): Promise<void> {
    const at = new Date().toISOString();
    await this.change((draft) => {
      if (wanted.kind === "shift_off") sendTrack(this.book, draft, at, crypto.randomUUID());
      act(this.book, draft, { ...wanted, at, op_id: crypto.randomUUID() });
    });
    await this.pump();
  }

  async moved(point: Point): Promise<void> {
    await this.change((draft) => locate(this.book, draft, point, crypto.randomUUID()));
    await this.pump();
  }

  async clear(key: string): Promise<void> {
    await this.change((draft) => clear(draft, key));
  }

  async syncNow(): Promise<void> {
    this.line.hurry();
    this.session.syncNow(now_s());
    await this.pump();
  }

  /** A photo that still lies here. */
  async picture(sha256: string): Promise<Blob | null> {
    const bytes = await this.store.bytes(sha256);
    return bytes && new Blob([bytes], { type: "image/jpeg" });
  }

  end(): void {
    clearInterval(this.timer);
    clearInterval(this.standing);
    this.line.end();
    this.store.close();
  }

  /** How the centre sees this phone: a new password when it is time, everything gone when it was shut out. */
  private async stand(now: boolean): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      const said = await this.identity.check(now);
      this.broker.password = this.identity.me?.password ?? "";
      if (said !== "gone" || this.book.meta.wiped) return;
      await this.take({ channel: "wipe", body: { schema_version: 1, wipe_id: "shut-out", reason: "shut out" } });
      await this.identity.wipe();
      this.broker.password = "";
    } finally {
      this.asking = false;
    }
  }

  private up(): void {
    this.trouble = "";
    // A page that a person looks at answers at once; one that comes back by itself is one of 1400.
    this.session.up(now_s(), document.visibilityState === "visible" ? START_JITTER_S : SHIFT_JITTER_S);
    void this.pump();
    this.changed();
  }

  private down(): void {
    this.session.down();
    this.changed();
  }

  private tell(reason: string): void {
    this.trouble = reason;
    this.changed();
  }

  private async heard(channel: string, payload: Uint8Array): Promise<void> {
    const message = parsed(channel, payload);
    if (!message) {
      this.bad += 1;
      return;
    }
    await this.take(message);
    await this.pump();
  }

  private async take(message: Down): Promise<void> {
    const before = await this.change((draft) => {
      const { cursor } = this.book.meta;
      take(draft, message);
      return cursor;
    });
    this.session.heard(message, before, now_s());
  }

  /** In its turn: draft, commit to the disk, then the book holds it. */
  private change<T>(work: (draft: Draft) => T): Promise<T> {
    const mine = this.turn.then(async () => {
      const draft = new Draft(this.book);
      const result = work(draft);
      await this.store.commit(draft.changes);
      this.book.apply(draft.changes);
      this.changed();
      return result;
    });
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async pump(): Promise<void> {
    for (const up of this.session.due(now_s())) await this.send(up);
    const { bulk } = this.session;
    if (bulk && !this.fetching) void this.fetchPage(bulk);
  }

  private async send(up: Up): Promise<void> {
    if (up.channel !== "photo" || !up.read_bytes) {
      this.line.publish(up.channel, up.body);
      return;
    }
    const bytes = await this.store.bytes(up.body.sha256);
    const part = bytes && new Uint8Array(bytes).subarray(up.body.offset, up.body.offset + up.read_bytes);
    if (part?.length) this.line.publish("photo", { ...up.body, data: base64(part) } satisfies Piece);
    else if (this.stillWaits(up.body.sha256)) await this.change((draft) => photoLost(draft, up.body.sha256));
  }

  private stillWaits(sha256: string): boolean {
    return this.book.get("photos", sha256)?.done === 0;
  }

  /** A page over HTTP, one at a time; when it fails, MQTT brings it. */
  private async fetchPage(bulk: Bulk): Promise<void> {
    this.fetching = true;
    try {
      const { cursor, epoch } = this.book.meta;
      const url = `${bulk.path}?${new URLSearchParams({ cursor, epoch })}`;
      const headers = { Authorization: `Bearer ${bulk.token}` };
      const answer = await fetch(url, { headers, signal: AbortSignal.timeout(BULK_TIMEOUT_MS) });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      await this.take({ channel: "delta", body: (await answer.json()) as Delta });
    } catch {
      this.session.bulkFailed(now_s());
    } finally {
      this.fetching = false;
    }
    await this.pump();
  }
}

function now_s(): number {
  return performance.now() / 1000;
}

/** A message of a channel that a handset knows; null for anything else, which is counted. */
function parsed(channel: string, payload: Uint8Array): Down | null {
  if (!KNOWN.includes(channel)) return null;
  try {
    const body = JSON.parse(new TextDecoder().decode(payload)) as { schema_version?: number };
    return body?.schema_version === 1 ? ({ channel, body } as Down) : null;
  } catch {
    return null;
  }
}
