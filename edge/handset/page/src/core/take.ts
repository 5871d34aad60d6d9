// What the centre says changes the replica (the listening half of edge/handset/replica.py). Pure: a draft, no I/O.

import { numbered, type Draft } from "./book";
import { ERROR, SCHEMA_VERSION, type Delta, type Down, type Entry, type PhotoState, type Receipt, type Wipe } from "./messages";

export const PHOTO_TRIES_MAX = 3;
const UNSENT_TOLD_MAX = 100;

/** Take a message over into the draft; the caller commits it before anything is acknowledged. */
export function take(draft: Draft, message: Down): void {
  if (message.channel === "receipt") receipt(draft, message.body);
  else if (message.channel === "photostate") photoState(draft, message.body);
  else if (message.channel === "wipe") wipe(draft, message.body);
  else if (!draft.meta.wiped) delta(draft, message.body);
}

/** Its bytes are gone from the phone: told, and asked for no more. */
export function photoLost(draft: Draft, sha256: string): void {
  const row = draft.get("photos", sha256);
  if (!row) return;
  draft.put("photos", sha256, { ...row, done: -1 });
  const words = `photo ${sha256.slice(0, 12)}: its file is gone from this handset; take it again`;
  shelvePhoto(draft, sha256, ERROR.EMPTY_PHOTO, words);
}

function receipt(draft: Draft, said: Receipt): void {
  if (said.epoch !== draft.meta.epoch) return;
  for (const seq of [...said.seqs, ...said.refused.map((r) => r.seq)]) {
    const row = draft.get("ops", numbered(seq));
    if (row && !row.receipted) draft.put("ops", numbered(seq), { ...row, receipted: 1 });
  }
  for (const refusal of said.refused) toShelf(draft, refusal.seq, refusal.code, refusal.reason);
}

function delta(draft: Draft, said: Delta): void {
  if (said.defer_s || said.after !== draft.meta.cursor) return;
  if (said.reset || said.crew !== (draft.meta.crew || said.crew)) {
    for (const [key] of draft.all("things")) draft.del("things", key);
  }
  for (const entry of said.entries) takeEntry(draft, entry);
  draft.setMeta({ crew: said.crew });
  if (!said.urgent) move(draft, said);
}

function move(draft: Draft, said: Delta): void {
  if (said.entries.length || said.next !== said.after) draft.setMeta({ cursor: said.next });
  const { epoch, through } = draft.meta;
  if (said.more || said.epoch !== epoch || said.through <= through) return;
  // The replica is at the log's end now, so it contains what the centre has judged of ours.
  for (const [key, row] of draft.all("ops")) if (row.op.seq <= said.through) draft.del("ops", key);
  draft.setMeta({ through: said.through });
}

function takeEntry(draft: Draft, entry: Entry): void {
  if (entry.kind === "rejection") {
    const { device, epoch } = draft.meta;
    if (entry.device === device && entry.epoch === epoch) toShelf(draft, entry.seq, entry.code, entry.reason);
    return;
  }
  const key = entry.kind === "order" ? `order/${entry.order_id}` : `notice/${entry.notice_id}`;
  const known = draft.get("things", key);
  if (!known || entry.rev > known.rev) draft.put("things", key, entry);
}

/** Once; the operation itself is kept beside code and words, and is played no more. */
function toShelf(draft: Draft, seq: number, code: number, reason: string): void {
  const key = `${draft.meta.epoch}/${seq}`;
  if (draft.get("shelf", key)) return;
  const row = draft.get("ops", numbered(seq));
  if (row) draft.put("ops", numbered(seq), { ...row, receipted: 2 });
  draft.put("shelf", key, { key, n: nextN(draft), code, reason, op: row?.op ?? null, cleared: false });
}

function shelvePhoto(draft: Draft, sha256: string, code: number, reason: string): void {
  const key = `photo/${sha256}`;
  if (!draft.get("shelf", key)) draft.put("shelf", key, { key, n: nextN(draft), code, reason, op: null, cleared: false });
}

function nextN(draft: Draft): number {
  return Math.max(0, ...draft.all("shelf").map(([, row]) => row.n)) + 1;
}

function photoState(draft: Draft, said: PhotoState): void {
  const row = draft.get("photos", said.sha256);
  if (!row) return;
  if (said.done) {
    draft.put("photos", said.sha256, { ...row, done: 1, have_bytes: row.size_bytes });
    draft.del("blobs", said.sha256);
  } else if (said.code) {
    refused(draft, said);
  } else if (row.done === 0) {
    draft.put("photos", said.sha256, { ...row, have_bytes: said.have_bytes });
  }
}

/** From its first byte again; at the third time it lies on the shelf and is sent no more. */
function refused(draft: Draft, said: PhotoState): void {
  const row = draft.get("photos", said.sha256)!;
  const tries = row.tries + 1;
  const over = tries >= PHOTO_TRIES_MAX;
  draft.put("photos", said.sha256, { ...row, have_bytes: 0, tries, done: over ? -1 : row.done });
  const words = `photo ${said.sha256.slice(0, 12)} of ${row.order_id}: ${said.reason}`;
  if (over) shelvePhoto(draft, said.sha256, said.code, words);
}

/** Nothing is left but the answer to give. */
function wipe(draft: Draft, said: Wipe): void {
  if (draft.meta.wiped) return;
  const unsent = draft.all("ops").filter(([, row]) => !row.receipted).map(([, { op }]) => op);
  const heads = unsent.slice(-UNSENT_TOLD_MAX);
  const answer = {
    schema_version: SCHEMA_VERSION,
    device: draft.meta.device,
    wipe_id: said.wipe_id,
    unsent: unsent.length,
    photos: draft.all("photos").filter(([, row]) => row.done === 0).length,
    ops: heads.map((op) => ({ op_id: op.op_id, op_kind: op.kind, order_id: op.order_id, at: op.at })),
  };
  for (const [sha256] of draft.all("photos")) draft.del("blobs", sha256);
  for (const store of ["things", "ops", "photos", "shelf", "points"] as const) {
    for (const [key] of draft.all(store)) draft.del(store, key);
  }
  draft.setMeta({ cursor: "", through: 0, crew: "", shift: "", wiped: JSON.stringify(answer) });
}
