// What the crew sees: the replica with its own steps played over it (the reading half of edge/handset/replica.py). Pure.

import type { Book, OpRow, PhotoRow, ShelfRow } from "./book";
import type { Notice, Order } from "./messages";
import { played, todo } from "./play";

/** What is still to do: urgent ones first, then by deadline, newest first. */
export function orders(book: Book): Order[] {
  return shown(book).filter(todo).sort(before);
}

/** Everything that the log holds on orders, ended ones too. */
export function shown(book: Book): Order[] {
  return book.all("things").flatMap(([, thing]) => (thing.kind === "order" ? [withOwn(book, thing)] : []));
}

export function order(book: Book, order_id: string): Order | null {
  const found = book.get("things", `order/${order_id}`);
  return found?.kind === "order" ? withOwn(book, found) : null;
}

/** What has not expired, newest first. */
export function notices(book: Book, now_ms: number): Notice[] {
  const found = book.all("things").flatMap(([, thing]) => (thing.kind === "notice" ? [thing] : []));
  return found.filter((n) => Date.parse(n.expires) > now_ms).sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

/** What was rejected and not yet cleared, oldest first. */
export function shelf(book: Book): ShelfRow[] {
  const rows = book.all("shelf").map(([, row]) => row);
  return rows.filter((row) => !row.cleared).sort((a, b) => a.n - b.n);
}

/** Everything behind the checkpoint. */
export function pending(book: Book): OpRow[] {
  return book.all("ops").map(([, row]) => row);
}

/** Photos that are not proven at the centre, in the order in which they were taken. */
export function photosWaiting(book: Book): PhotoRow[] {
  const rows = book.all("photos").map(([, row]) => row);
  return rows.filter((row) => row.done === 0).sort((a, b) => a.n - b.n);
}

function withOwn(book: Book, found: Order): Order {
  const own = pending(book).filter((row) => row.op.order_id === found.order_id && row.receipted < 2);
  return played(found, own);
}

function before(a: Order, b: Order): number {
  return Number(b.urgent) - Number(a.urgent) || Date.parse(a.deadline) - Date.parse(b.deadline) || b.rev - a.rev;
}
