// Runs the shared vectors (tests/data/handset-vectors.json) through the phone's core; tests/test_handset_page_core.py
// runs the same file through the Python client. Pure.

import { blank, Book, Draft, type Change } from "./book";
import type { Down, Point } from "./messages";
import { notices, order, orders, pending, photosWaiting, shelf } from "./read";
import { Session } from "./session";
import { take } from "./take";
import { thinned } from "./track";
import { act, locate, Refused, sendTrack, type Wish } from "./work";

type Step =
  | { do: Omit<Wish, "photos"> & { photos?: { sha256: string; hex: string; kind: "before" | "after" }[] } }
  | { locate: Point; op_id: string }
  | { send_track: string; op_id: string }
  | { hear: Down; now_s: number }
  | { up: number }
  | { down: true }
  | { due: number }
  | { see: string };

interface Vector {
  name: string;
  device: string;
  epoch: string;
  steps: Step[];
}

/** What each step gave: messages that are due, what the crew sees, the code of a refusal, or null. */
export function run(vector: Vector): unknown[] {
  const book = new Book([{ store: "meta", key: "meta", value: blank(vector.device, vector.epoch) }]);
  const session = new Session(book, (low, high) => (low + high) / 2, true, 8);
  return vector.steps.map((step) => one(book, session, step));
}

/** Of the vectors on tracks. */
export function runTrack(points: Point[]): Point[] {
  return thinned(points);
}

function one(book: Book, session: Session, step: Step): unknown {
  if ("do" in step) return doing(book, (draft) => act(book, draft, wish(step.do)));
  if ("locate" in step) return doing(book, (draft) => locate(book, draft, step.locate, step.op_id));
  if ("send_track" in step) return doing(book, (draft) => sendTrack(book, draft, step.send_track, step.op_id));
  if ("hear" in step) return hear(book, session, step.hear, step.now_s);
  if ("up" in step) return session.up(step.up), null;
  if ("down" in step) return session.down(), null;
  if ("due" in step) return session.due(step.due).map((up) => [up.channel, told(up)]);
  return see(book, session, Date.parse(step.see));
}

function wish(given: Extract<Step, { do: unknown }>["do"]): Wish {
  const { photos, ...rest } = given;
  const taken = (photos ?? []).map((p) => ({ ...p, data: bytes(p.hex) }));
  return { ...rest, photos: taken };
}

function bytes(hex: string): ArrayBuffer {
  return new Uint8Array((hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16))).buffer;
}

function doing(book: Book, work: (draft: Draft) => unknown): unknown {
  const draft = new Draft(book);
  try {
    const done = work(draft);
    book.apply(draft.changes);
    return done;
  } catch (error) {
    if (error instanceof Refused) return { code: error.code };
    throw error;
  }
}

function hear(book: Book, session: Session, message: Down, now_s: number): null {
  const draft = new Draft(book);
  const before = book.meta.cursor;
  take(draft, message);
  book.apply(draft.changes as Change[]);
  session.heard(message, before, now_s);
  return null;
}

function told(up: ReturnType<Session["due"]>[number]): unknown {
  return up.channel === "photo" ? { ...up.body, data: up.read_bytes } : up.body;
}

function see(book: Book, session: Session, now_ms: number): unknown {
  const { cursor, through, crew, next_seq, wiped } = book.meta;
  return {
    orders: orders(book),
    known: book.all("things").filter(([, t]) => t.kind === "order").map(([key]) => order(book, key.slice(6))?.step),
    notices: notices(book, now_ms).map((n) => n.notice_id),
    shelf: shelf(book).map((row) => [row.key, row.code, row.reason]),
    pending: pending(book).map((row) => [row.op.seq, row.attempt, row.receipted > 0]),
    photos: photosWaiting(book).map((row) => [row.sha256, row.size_bytes, row.kind, row.have_bytes]),
    meta: { cursor, through, crew, next_seq, wiped: wiped !== "" },
    current: session.current,
  };
}
