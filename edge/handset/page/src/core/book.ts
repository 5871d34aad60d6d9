// The phone's state in memory, and a draft of changes to it: a draft is committed to IndexedDB first, then it holds.

import type { Entry, Op, PhotoKind, Point } from "./messages";

export interface Meta {
  device: string;
  epoch: string;
  next_seq: number;
  cursor: string;
  through: number;
  crew: string;
  shift: "" | "shift_on" | "shift_off";
  wiped: string;
}

/** `receipted`: 1 the centre has it on disk, 2 it was rejected. */
export interface OpRow {
  op: Op;
  attempt: number;
  receipted: 0 | 1 | 2;
}

/** `done`: 1 proven at the centre, -1 given up and on the shelf. */
export interface PhotoRow {
  sha256: string;
  size_bytes: number;
  media_type: "image/jpeg" | "image/png";
  kind: PhotoKind;
  order_id: string;
  have_bytes: number;
  done: -1 | 0 | 1;
  tries: number;
  n: number;
}

/** `cleared`: a person has seen it; the row stays, so that the same rejection does not lie there again. */
export interface ShelfRow {
  key: string;
  n: number;
  code: number;
  reason: string;
  op: Op | null;
  cleared: boolean;
}

export interface Tables {
  meta: Meta;
  things: Entry;
  ops: OpRow;
  photos: PhotoRow;
  shelf: ShelfRow;
  points: Point;
  blobs: ArrayBuffer;
}

export type Name = keyof Tables;
export type Row = { [N in Name]: { store: N; key: string; value: Tables[N] } }[Name];
export type Change = { store: Name; key: string; value: Tables[Name] | null };

export const NAMES: readonly Name[] = ["meta", "things", "ops", "photos", "shelf", "points", "blobs"];
const IN_MEMORY = NAMES.filter((name) => name !== "blobs");

/** A new database: nothing known yet. */
export function blank(device: string, epoch: string): Meta {
  return { device, epoch, next_seq: 1, cursor: "", through: 0, crew: "", shift: "", wiped: "" };
}

/** Everything but the photos' bytes. Keys of operations and points are numbers in ten digits, so that they sort. */
export class Book {
  private readonly tables = new Map<Name, Map<string, unknown>>(IN_MEMORY.map((name) => [name, new Map()]));

  constructor(rows: Iterable<Change>) {
    this.apply([...rows]);
  }

  get meta(): Meta {
    const meta = this.get("meta", "meta");
    if (!meta) throw new Error("the phone has no database yet: set it up first");
    return meta;
  }

  get<N extends Name>(store: N, key: string): Tables[N] | undefined {
    return this.tables.get(store)?.get(key) as Tables[N] | undefined;
  }

  /** In the order of their keys. */
  all<N extends Name>(store: N): [string, Tables[N]][] {
    const found = [...(this.tables.get(store) ?? [])] as [string, Tables[N]][];
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** What was committed. */
  apply(changes: readonly Change[]): void {
    for (const { store, key, value } of changes) {
      const table = this.tables.get(store);
      if (value === null) table?.delete(key);
      else table?.set(key, value);
    }
  }
}

/** Reads see the draft's own writes. */
export class Draft {
  private readonly written = new Map<string, Change>();

  constructor(private readonly book: Book) {}

  get changes(): Change[] {
    return [...this.written.values()];
  }

  get meta(): Meta {
    return this.get("meta", "meta") ?? this.book.meta;
  }

  get<N extends Name>(store: N, key: string): Tables[N] | undefined {
    const mine = this.written.get(`${store}/${key}`);
    if (mine) return (mine.value ?? undefined) as Tables[N] | undefined;
    return this.book.get(store, key);
  }

  put<N extends Name>(store: N, key: string, value: Tables[N]): void {
    this.written.set(`${store}/${key}`, { store, key, value });
  }

  del(store: Name, key: string): void {
    this.written.set(`${store}/${key}`, { store, key, value: null });
  }

  setMeta(values: Partial<Meta>): void {
    this.put("meta", "meta", { ...this.meta, ...values });
  }

  /** All rows that the book and this draft hold together. */
  all<N extends Name>(store: N): [string, Tables[N]][] {
    const rows = new Map(this.book.all(store));
    for (const { store: where, key, value } of this.written.values()) {
      if (where !== store) continue;
      if (value === null) rows.delete(key);
      else rows.set(key, value as Tables[N]);
    }
    return [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** A number as a key that sorts. */
export function numbered(n: number): string {
  return String(n).padStart(10, "0");
}
