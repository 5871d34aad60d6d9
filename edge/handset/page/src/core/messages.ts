// The handset's messages as they are on the wire: edge/wire/sync.py, told in docs/sync.md. Times are RFC 3339, UTC.

export const SCHEMA_VERSION = 1;
export const PIECE_BYTES_MAX = 256 * 1024;
export const PHOTO_BYTES_MAX = 40 * 1024 * 1024;
export const POINTS_MAX = 200;

export const ERROR = {
  NOT_PARSED: 100,
  UNKNOWN_REFERENCE: 106,
  FORBIDDEN_STATE: 107,
  EMPTY_PHOTO: 123,
  REASON_MISSING: 124,
} as const;

export type Step = "" | "accepted" | "arrived" | "disposed" | "returned";
export type OnOrder = "accepted" | "arrived" | "disposed" | "returned" | "extend" | "suspend" | "photo";
export type OpKind = OnOrder | "shift_on" | "shift_off" | "track" | "read";
export type PhotoKind = "before" | "after";

export interface Point {
  at: string;
  lat: number;
  lon: number;
  accuracy_m: number | null;
}

export interface EvidenceRef {
  sha256: string;
  media_type: "image/jpeg" | "image/png";
  size_bytes: number;
  kind: PhotoKind;
  redacted: boolean;
}

interface Versioned {
  schema_version: number;
}

export interface Op extends Versioned {
  device: string;
  epoch: string;
  seq: number;
  op_id: string;
  kind: OpKind;
  at: string;
  order_id: string;
  base_version: number;
  note: string;
  hours: number | null;
  notice_id: string;
  case_class: string | null;
  points: Point[];
  evidence: EvidenceRef[];
}

export interface Pull extends Versioned {
  device: string;
  epoch: string;
  cursor: string;
  through: number;
  ask: boolean;
  urgent: boolean;
  reason: "" | "start" | "shift" | "gap" | "timer";
}

export interface Order {
  kind: "order";
  rev: number;
  order_id: string;
  version: number;
  state: "dispatched" | "rework" | "recalled" | "closed";
  case_id: string;
  incident_id: string;
  case_class: string;
  class_code: string;
  lat: number;
  lon: number;
  deadline: string;
  attempt: number;
  note: string;
  urgent: boolean;
  step: Step;
  step_by: string;
  step_at: string | null;
  asked: "" | "extend" | "suspend";
  answer: "" | "granted" | "refused";
  answer_words: string;
  reminders: number;
  reminder: string;
  photos: string[];
}

export interface Notice {
  kind: "notice";
  rev: number;
  notice_id: string;
  title: string;
  text: string;
  at: string;
  expires: string;
  read_by: string[];
}

export interface Rejection {
  kind: "rejection";
  rev: number;
  op_id: string;
  device: string;
  epoch: string;
  seq: number;
  op_kind: string;
  order_id: string;
  at: string;
  code: number;
  reason: string;
  review: boolean;
}

export type Entry = Order | Notice | Rejection;

export interface Bulk {
  path: string;
  token: string;
  expires: string;
}

export interface Delta extends Versioned {
  crew: string;
  epoch: string;
  after: string;
  next: string;
  entries: Entry[];
  more: boolean;
  urgent: boolean;
  reset: boolean;
  through: number;
  defer_s: number;
  bulk: Bulk | null;
}

export interface Receipt extends Versioned {
  epoch: string;
  seqs: number[];
  refused: { seq: number; code: number; reason: string }[];
}

export interface Piece extends Versioned {
  device: string;
  sha256: string;
  size_bytes: number;
  media_type: "image/jpeg" | "image/png";
  kind: PhotoKind;
  offset: number;
  data: string;
}

export interface PhotoState extends Versioned {
  sha256: string;
  have_bytes: number;
  done: boolean;
  code: number;
  reason: string;
}

export interface Wipe extends Versioned {
  wipe_id: string;
  reason: string;
}

export interface Wiped extends Versioned {
  device: string;
  wipe_id: string;
  unsent: number;
  photos: number;
  ops: { op_id: string; op_kind: string; order_id: string; at: string }[];
}

export type Down =
  | { channel: "delta"; body: Delta }
  | { channel: "receipt"; body: Receipt }
  | { channel: "photostate"; body: PhotoState }
  | { channel: "wipe"; body: Wipe };

export type Up =
  | { channel: "op"; body: Op }
  | { channel: "sync"; body: Pull }
  | { channel: "photo"; body: Piece; read_bytes: number }
  | { channel: "wiped"; body: Wiped };
