// Where a crew went, thinned on the phone (edge/handset/track.py): Douglas-Peucker in metres, and a point every few minutes.

import type { Point } from "./messages";

export const TOLERANCE_M = 10;
export const GAP_S_MAX = 300;
export const ACCURACY_M_MAX = 100;
const METRES_PER_DEG = 111_320;
type Xy = readonly [number, number];

/** Source: Douglas and Peucker, Cartographica 1973. Points that the receiver calls worse than 100 m are dropped. */
export function thinned(points: readonly Point[]): Point[] {
  const good = points.filter((p) => p.accuracy_m === null || p.accuracy_m <= ACCURACY_M_MAX);
  good.sort((a, b) => seconds(a) - seconds(b));
  if (good.length <= 2) return good;
  const keep = new Set([0, good.length - 1]);
  const plane = flat(good);
  const stack: [number, number][] = [[0, good.length - 1]];
  for (let span = stack.pop(); span; span = stack.pop()) {
    const [first, last] = span;
    const split = worst(plane, first, last) ?? middle(good, first, last);
    if (split === null) continue;
    keep.add(split);
    stack.push([first, split], [split, last]);
  }
  return good.filter((_, i) => keep.has(i));
}

function seconds(point: Point): number {
  return Date.parse(point.at) / 1000;
}

function middle(points: readonly Point[], first: number, last: number): number | null {
  const gap_s = seconds(points[last]!) - seconds(points[first]!);
  return gap_s > GAP_S_MAX && last - first > 1 ? Math.floor((first + last) / 2) : null;
}

function flat(points: readonly Point[]): Xy[] {
  const origin = points[0]!;
  const east = METRES_PER_DEG * Math.cos((origin.lat * Math.PI) / 180);
  return points.map((p) => [(p.lon - origin.lon) * east, (p.lat - origin.lat) * METRES_PER_DEG] as const);
}

function worst(plane: readonly Xy[], first: number, last: number): number | null {
  let limit_m = TOLERANCE_M;
  let at: number | null = null;
  for (let i = first + 1; i < last; i++) {
    const off_m = off(plane[i]!, plane[first]!, plane[last]!);
    if (off_m > limit_m) [limit_m, at] = [off_m, i];
  }
  return at;
}

/** Metres from a point to a stretch of line. */
function off(p: Xy, a: Xy, b: Xy): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length;
  const share = Math.max(0, Math.min(1, along));
  return Math.hypot(p[0] - a[0] - share * dx, p[1] - a[1] - share * dy);
}
