// When the phone says what (edge/handset/session.py): a pure machine. Time comes in with every call, messages come out.

import type { Book } from "./book";
import { PIECE_BYTES_MAX, SCHEMA_VERSION, type Bulk, type Delta, type Down, type Pull, type Up } from "./messages";
import { pending, photosWaiting } from "./read";

export const RESEND_S = 10;
export const RESEND_S_MAX = 60;
export const POLL_S = 300;
export const OPS_UNDER_WAY = 32;
export const PIECES_UNDER_WAY = 4;
export const SHIFT_JITTER_S = 60;
export const START_JITTER_S = 2;

/** Uniform between two numbers. */
export type Dice = (low: number, high: number) => number;
type Reason = Pull["reason"];
interface Try {
  at_s: number;
  tries: number;
}

/** What a restart forgets: what is under way and when to try again. */
export class Session {
  bulk: Bulk | null = null;
  private isUp = false;
  private askAt: number | null = null;
  private asks = 0;
  private urgent = true;
  private reason: Reason = "start";
  private ack = false;
  private currentAt: number | null = null;
  private ops = new Map<number, Try>();
  private pieces = new Map<string, Try>();
  private offered = new Set<string>();
  private behind = false;
  private toldWiped = false;

  constructor(
    private readonly book: Book,
    private readonly dice: Dice,
    private readonly usesBulk: boolean,
    private readonly pieceBytes = PIECE_BYTES_MAX,
  ) {}

  /** The replica has been at the log's end since the line came up. */
  get current(): boolean {
    return this.isUp && this.currentAt !== null;
  }

  get online(): boolean {
    return this.isUp;
  }

  /** The line is there; ask after a random part of `jitter_s`, so that a whole shift does not ask at once. */
  up(now_s: number, jitter_s = START_JITTER_S): void {
    this.isUp = true;
    this.currentAt = null;
    this.behind = false;
    this.bulk = null;
    this.ops.clear();
    this.pieces.clear();
    this.offered.clear();
    this.toldWiped = false;
    this.ask(now_s + this.dice(0, jitter_s), jitter_s >= SHIFT_JITTER_S ? "shift" : "start", true);
  }

  down(): void {
    this.isUp = false;
    this.currentAt = null;
  }

  /** A page could not be fetched over HTTP; MQTT brings it. */
  bulkFailed(now_s: number): void {
    this.bulk = null;
    this.ask(now_s, "gap", false);
  }

  /** A person wants the newest. */
  syncNow(now_s: number): void {
    this.ask(now_s, "timer", false);
  }

  /** What came down and is committed; `before`: the cursor of before it. */
  heard(message: Down, before: string, now_s: number): void {
    if (message.channel === "receipt") {
      const { seqs, refused } = message.body;
      for (const seq of [...seqs, ...refused.map((r) => r.seq)]) this.ops.delete(seq);
    } else if (message.channel === "photostate") {
      this.pieces.delete(message.body.sha256);
    } else if (message.channel === "delta") {
      this.delta(message.body, before, now_s);
    }
  }

  /** What is to be sent now; most urgent first. The bytes of a piece are read by the caller (`read_bytes` of them). */
  due(now_s: number): Up[] {
    if (!this.isUp) return [];
    if (this.book.meta.wiped) return this.dueWiped();
    const out = [...this.dueOps(now_s), ...this.duePull(now_s)];
    return this.ops.size ? out : [...out, ...this.duePieces(now_s)];
  }

  private delta(said: Delta, before: string, now_s: number): void {
    if (said.defer_s) this.ask(now_s + said.defer_s * this.dice(1, 1.5), this.reason, this.urgent);
    else if (said.after !== before) this.gap(said, now_s);
    else if (said.urgent) this.ask(now_s, "gap", false);
    else this.page(said, now_s);
  }

  /** Not for our cursor: worth a question, after the one under way. */
  private gap(said: Delta, now_s: number): void {
    if (said.next === this.book.meta.cursor) return;
    if (this.askAt === null) this.ask(now_s, "gap", false);
    else this.behind = true;
  }

  private page(said: Delta, now_s: number): void {
    this.asks = 0;
    this.urgent = false;
    if (!said.more) {
      [this.currentAt, this.askAt, this.ack, this.bulk] = [now_s, null, true, null];
      if (this.behind) this.ask(now_s, "gap", false);
      this.behind = false;
    } else if (this.usesBulk && (said.bulk || this.bulk)) {
      this.bulk = said.bulk ?? this.bulk;
      this.ask(now_s + RESEND_S, "gap", false);
    } else {
      this.ask(now_s, "gap", false);
    }
  }

  private ask(at_s: number, reason: Reason, urgent: boolean): void {
    [this.askAt, this.reason, this.urgent] = [at_s, reason, urgent];
  }

  private duePull(now_s: number): Up[] {
    if (this.askAt === null && this.currentAt !== null && now_s - this.currentAt > POLL_S) this.ask(now_s, "timer", false);
    if (this.askAt !== null && now_s >= this.askAt) {
      const pull = this.pull(true);
      this.askAt = now_s + waitS(this.asks) * this.dice(0.75, 1.25);
      [this.asks, this.ack] = [this.asks + 1, false];
      return [pull];
    }
    if (!this.ack) return [];
    this.ack = false;
    return [this.pull(false)];
  }

  private pull(ask: boolean): Up {
    const { device, epoch, cursor, through } = this.book.meta;
    const [urgent, reason] = ask ? [this.urgent, this.reason] : [false, "" as const];
    return { channel: "sync", body: { schema_version: SCHEMA_VERSION, device, epoch, cursor, through, ask, urgent, reason } };
  }

  private dueOps(now_s: number): Up[] {
    const rows = pending(this.book).filter((row) => !row.receipted).slice(0, OPS_UNDER_WAY);
    const waiting = new Set(rows.map((row) => row.op.seq));
    // A checkpoint may have come without the receipt: what no longer waits must not hold the photos back.
    for (const seq of this.ops.keys()) if (!waiting.has(seq)) this.ops.delete(seq);
    return rows.flatMap(({ op }) => {
      const { at_s, tries } = this.ops.get(op.seq) ?? { at_s: 0, tries: 0 };
      if (tries && now_s < at_s) return [];
      this.ops.set(op.seq, { at_s: now_s + waitS(tries) * this.dice(0.75, 1.25), tries: tries + 1 });
      return [{ channel: "op", body: op } as const];
    });
  }

  /** Photos trail: an offer first, then piece after piece from where the centre says. */
  private duePieces(now_s: number): Up[] {
    return photosWaiting(this.book).slice(0, PIECES_UNDER_WAY).flatMap((row) => {
      const { at_s, tries } = this.pieces.get(row.sha256) ?? { at_s: 0, tries: 0 };
      if (tries && now_s < at_s) return [];
      this.pieces.set(row.sha256, { at_s: now_s + waitS(tries), tries: tries + 1 });
      const known = this.offered.has(row.sha256);
      this.offered.add(row.sha256);
      const read_bytes = known ? Math.min(this.pieceBytes, row.size_bytes - row.have_bytes) : 0;
      const { sha256, size_bytes, media_type, kind } = row;
      const head = { schema_version: SCHEMA_VERSION, device: this.book.meta.device, sha256, size_bytes, media_type, kind };
      return [{ channel: "photo", body: { ...head, offset: read_bytes ? row.have_bytes : 0, data: "" }, read_bytes } as const];
    });
  }

  private dueWiped(): Up[] {
    if (this.toldWiped) return [];
    this.toldWiped = true;
    return [{ channel: "wiped", body: JSON.parse(this.book.meta.wiped) }];
  }
}

function waitS(tries: number): number {
  return Math.min(RESEND_S_MAX, RESEND_S * 1.5 ** tries);
}
