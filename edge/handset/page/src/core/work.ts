// What the crew does becomes operations (the doing half of edge/handset/replica.py). Pure: a draft, no I/O, no clock.

import { numbered, type Book, type Draft } from "./book";
import { ERROR, PHOTO_BYTES_MAX, POINTS_MAX, SCHEMA_VERSION } from "./messages";
import type { EvidenceRef, OpKind, Op, Order, PhotoKind, Point } from "./messages";
import { todo } from "./play";
import { order as orderOf } from "./read";
import { thinned } from "./track";

// Under POINTS_MAX, so that a track that cannot be thinned fits into one operation.
export const TRACK_POINTS = 150;
const NEEDS_REASON: readonly OpKind[] = ["returned", "extend", "suspend"];
const WITHOUT_ORDER: readonly OpKind[] = ["shift_on", "shift_off", "track", "read"];

/** A photo that was taken: its name is its hash, its bytes come along. */
export interface Photo {
  sha256: string;
  data: ArrayBuffer;
  kind: PhotoKind;
}

export interface Wish {
  kind: OpKind;
  at: string;
  op_id: string;
  order_id?: string;
  note?: string;
  hours?: number | null;
  notice_id?: string;
  points?: Point[];
  photos?: Photo[];
}

/** What cannot be done, with the wire's code; the page says it in the crew's own language. */
export class Refused extends Error {
  constructor(readonly code: number, readonly word: "wiped" | "unknown" | "over" | "reason" | "hours" | "photo") {
    super(`refused: ${word} (code ${code})`);
  }
}

/** One operation with its photos, durable once the draft is committed. Throws Refused. */
export function act(book: Book, draft: Draft, wish: Wish): Op {
  if (draft.meta.wiped) throw new Refused(ERROR.FORBIDDEN_STATE, "wiped");
  const order = checked(book, wish);
  const evidence = (wish.photos ?? []).map((photo) => keepPhoto(draft, photo, wish.order_id ?? ""));
  const { device, epoch, next_seq: seq } = draft.meta;
  const op: Op = {
    schema_version: SCHEMA_VERSION,
    device,
    epoch,
    seq,
    op_id: wish.op_id,
    kind: wish.kind,
    at: wish.at,
    order_id: wish.order_id ?? "",
    base_version: order?.version ?? 0,
    note: wish.note ?? "",
    hours: wish.hours ?? null,
    notice_id: wish.notice_id ?? "",
    case_class: null,
    points: (wish.points ?? []).slice(0, POINTS_MAX),
    evidence,
  };
  draft.put("ops", numbered(seq), { op, attempt: order?.attempt ?? 0, receipted: 0 });
  draft.setMeta({ next_seq: seq + 1 });
  if (op.kind === "shift_on" || op.kind === "shift_off") draft.setMeta({ shift: op.kind });
  return op;
}

/** Where the crew is now; every TRACK_POINTS of them go up together. `op_id`: for when they do. */
export function locate(book: Book, draft: Draft, point: Point, op_id: string): Op | null {
  const keys = draft.all("points").map(([key]) => Number(key));
  draft.put("points", numbered(Math.max(0, ...keys) + 1), point);
  return keys.length + 1 < TRACK_POINTS ? null : sendTrack(book, draft, point.at, op_id);
}

/** What was collected goes up, thinned; null when there is nothing. At the latest at a shift's end. */
export function sendTrack(book: Book, draft: Draft, at: string, op_id: string): Op | null {
  const rows = draft.all("points");
  if (!rows.length) return null;
  const op = act(book, draft, { kind: "track", at, op_id, points: thinned(rows.map(([, point]) => point)) });
  for (const [key] of rows) draft.del("points", key);
  return op;
}

/** A person has seen what lay on the shelf. */
export function clear(draft: Draft, key: string): void {
  const row = draft.get("shelf", key);
  if (row) draft.put("shelf", key, { ...row, op: null, cleared: true });
}

function checked(book: Book, wish: Wish): Order | null {
  if (NEEDS_REASON.includes(wish.kind) && !wish.note?.trim()) throw new Refused(ERROR.REASON_MISSING, "reason");
  if (wish.kind === "extend" && !(wish.hours && wish.hours > 0)) throw new Refused(ERROR.REASON_MISSING, "hours");
  if (WITHOUT_ORDER.includes(wish.kind)) return null;
  const order = orderOf(book, wish.order_id ?? "");
  if (!order) throw new Refused(ERROR.UNKNOWN_REFERENCE, "unknown");
  if (wish.kind !== "photo" && !todo(order)) throw new Refused(ERROR.FORBIDDEN_STATE, "over");
  return order;
}

function keepPhoto(draft: Draft, photo: Photo, order_id: string): EvidenceRef {
  const size_bytes = photo.data.byteLength;
  if (!size_bytes || size_bytes > PHOTO_BYTES_MAX) throw new Refused(ERROR.EMPTY_PHOTO, "photo");
  const reference = { sha256: photo.sha256, media_type: "image/jpeg", size_bytes, kind: photo.kind } as const;
  if (!draft.get("photos", photo.sha256)) {
    const n = Math.max(0, ...draft.all("photos").map(([, row]) => row.n)) + 1;
    draft.put("photos", photo.sha256, { ...reference, order_id, have_bytes: 0, done: 0, tries: 0, n });
    draft.put("blobs", photo.sha256, photo.data);
  }
  return { ...reference, redacted: false };
}
