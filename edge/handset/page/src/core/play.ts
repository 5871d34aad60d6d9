// The centre's state with the crew's own pending operations played over it (edge/handset/play.py). Pure.

import type { Op, Order, Step } from "./messages";

const RANK: Record<Step, number> = { "": 0, accepted: 1, arrived: 2, disposed: 3, returned: 3 };
const PHOTOS_MAX = 64;

export interface Pending {
  op: Op;
  attempt: number;
}

export function isOpen(order: Order): boolean {
  return order.state === "dispatched" || order.state === "rework";
}

export function isFinal(step: Step): boolean {
  return step === "disposed" || step === "returned";
}

/** Whether the crew still has something to do. */
export function todo(order: Order): boolean {
  return isOpen(order) && !isFinal(order.step);
}

/** What the centre will not take any more is not played: its newer word is shown. */
export function played(order: Order, pending: readonly Pending[]): Order {
  return pending.reduce((seen, { op, attempt }) => one(seen, op, attempt), order);
}

function one(order: Order, op: Op, attempt: number): Order {
  const photos = [...new Set([...order.photos, ...op.evidence.map((r) => r.sha256)])].slice(0, PHOTOS_MAX);
  if (op.kind === "photo") return { ...order, photos };
  if (!isOpen(order) || attempt < order.attempt) return order;
  if (op.kind === "extend" || op.kind === "suspend") {
    return isFinal(order.step) ? order : { ...order, asked: op.kind, answer: "", answer_words: "", photos };
  }
  if (!isStep(op.kind)) return order;
  if (order.step === op.kind && isFinal(op.kind)) return { ...order, photos };
  if (RANK[op.kind] <= RANK[order.step]) return order;
  return { ...order, step: op.kind, step_by: op.device, step_at: op.at, photos };
}

function isStep(kind: string): kind is Exclude<Step, ""> {
  return kind in RANK && kind !== "";
}
