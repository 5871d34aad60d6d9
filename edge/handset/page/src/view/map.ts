// The day's orders on a map of our own: no tiles, nothing is asked of anybody. Drag it, pinch it, touch an order.

import type { Order } from "../core/messages";
import * as read from "../core/read";
import { rings, type Ring } from "./areas";
import type { App } from "./app";
import { h, svg } from "./dom";
import { distance, fit, moved, scale, toPx, zoomed, type LatLon, type Part } from "./projection";
import { ofClass, t } from "./words";

const TOUCH_PX = 48;
const MARGIN_PX = 56;
const SCALE_PX = 110;
const ZOOM = 1.6;
const DRAG_PX = 6;
// Further away than that from every order, the own place does not make the whole map small.
const NEAR_M = 3000;

export class MapView {
  private part: Part | null = null;
  private readonly areas: Ring[];
  private readonly fingers = new Map<number, [number, number]>();
  private dragged = false;

  constructor(
    private readonly app: App,
    areas: unknown,
  ) {
    this.areas = rings(areas);
  }

  draw(): HTMLElement {
    const [width, height] = [innerWidth, Math.max(200, innerHeight - 64 - 72)];
    const orders = read.orders(this.app.phone.book);
    const me = this.app.place.now;
    const near = me !== null && (!orders.length || orders.some((order) => distance(order, me) < NEAR_M));
    const all: LatLon[] = [...orders, ...(near ? [me] : [])];
    const part = this.part ?? fit(all.length ? all : this.areas.flatMap((ring) => ring.points), width, height, MARGIN_PX);
    const picture = svg("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, width, height });
    if (part) picture.append(...this.layers(part, width, height, orders, me));
    if (part) this.listen(picture, part);
    return h("main.mapped", {}, picture as unknown as HTMLElement, this.buttons(part));
  }

  /** One order and where we are, for its own page. */
  small(order: Order): HTMLElement {
    const [width, height] = [Math.min(innerWidth, 720) - 32, 150];
    const me = this.app.place.now;
    const part = fit(me ? [order, me] : [order], width, height, 36)!;
    const picture = svg("svg", { class: "map small", viewBox: `0 0 ${width} ${height}`, width, height });
    picture.append(...this.layers(part, width, height, [order], me));
    return picture as unknown as HTMLElement;
  }

  private layers(part: Part, width: number, height: number, orders: readonly Order[], me: LatLon | null): Node[] {
    const px = (place: LatLon): [number, number] => toPx(place, part, width, height);
    return [
      ...grid(part, width, height),
      ...this.areas.map((ring) => outline(ring, px)),
      ...[...orders].reverse().map((order, i) => marker(order, orders.length > 1 ? String(orders.length - i) : "", px(order))),
      ...(me ? [own(px(me))] : []),
      scaleBar(part, height),
    ];
  }

  private buttons(part: Part | null): HTMLElement {
    const set = (next: Part | null) => (): void => {
      this.part = next;
      this.app.refresh();
    };
    const me = this.app.place.now;
    const button = (name: string, words: string, next: Part | null): HTMLElement =>
      h("button.round", { type: "button", "data-do": name, "aria-label": words, onclick: set(next) }, words);
    return h(
      "div.mapbar",
      {},
      button("whole", t("whole"), null),
      part && me ? button("me", t("me"), { ...part, lat: me.lat, lon: me.lon }) : null,
      part ? button("out", "−", zoomed(part, 1 / ZOOM)) : null,
      part ? button("in", "+", zoomed(part, ZOOM)) : null,
    );
  }

  /** One finger drags, two pinch. */
  private listen(picture: SVGElement, part: Part): void {
    this.fingers.clear();
    let now = part;
    picture.addEventListener("pointerdown", (event) => {
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      this.dragged = false;
    });
    picture.addEventListener("pointermove", (event) => {
      const next = this.follow(now, event);
      if (!next) return;
      now = next;
      this.part = next;
      this.redraw(picture, next);
    });
    for (const name of ["pointerup", "pointercancel", "pointerleave"] as const) {
      picture.addEventListener(name, (event) => this.fingers.delete(event.pointerId));
    }
    picture.addEventListener("click", (event) => this.dragged && event.preventDefault(), true);
  }

  private follow(part: Part, event: PointerEvent): Part | null {
    const old = this.fingers.get(event.pointerId);
    if (!old) return null;
    const [dx, dy] = [event.clientX - old[0], event.clientY - old[1]];
    if (!this.dragged && Math.hypot(dx, dy) < DRAG_PX) return null;
    this.dragged = true;
    const before = this.spread();
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const after = this.spread();
    return before && after ? zoomed(part, after / before) : moved(part, dx, dy);
  }

  private spread(): number | null {
    const [a, b] = [...this.fingers.values()];
    return a && b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : null;
  }

  private redraw(picture: SVGElement, part: Part): void {
    const [width, height] = [Number(picture.getAttribute("width")), Number(picture.getAttribute("height"))];
    const orders = read.orders(this.app.phone.book);
    picture.replaceChildren(...this.layers(part, width, height, orders, this.app.place.now));
  }
}

function marker(order: Order, name: string, [x, y]: [number, number]): SVGElement {
  const hot = order.urgent || order.reminders > 0;
  const late = Date.parse(order.deadline) < Date.now();
  const look = late ? "late" : hot ? "hot" : order.step || "new";
  return svg(
    "a",
    { href: `#/order/${encodeURIComponent(order.order_id)}`, class: `marker ${look}`, "data-order": order.order_id, "aria-label": ofClass(order.case_class) },
    svg("circle", { cx: x, cy: y, r: TOUCH_PX / 2, class: "touch" }),
    svg("circle", { cx: x, cy: y, r: 15, class: "dot" }),
    svg("text", { x, y: y + 5, "text-anchor": "middle" }, name),
  );
}

function own([x, y]: [number, number]): SVGElement {
  return svg("g", { class: "own" }, svg("circle", { cx: x, cy: y, r: 18, class: "halo" }), svg("circle", { cx: x, cy: y, r: 7 }));
}

function outline(ring: Ring, px: (place: LatLon) => [number, number]): SVGElement {
  const points = ring.points.map((p) => px(p).map((n) => n.toFixed(1)).join(",")).join(" ");
  return svg("polygon", { points, class: "area" }, svg("title", {}, ring.name));
}

/** Lines at the scale bar's distance, so that an empty map shows how large it is. */
function grid(part: Part, width: number, height: number): SVGElement[] {
  const { px } = scale(part, SCALE_PX);
  const lines: SVGElement[] = [];
  for (let x = (width / 2) % px; x < width; x += px) lines.push(svg("line", { x1: x, x2: x, y1: 0, y2: height, class: "grid" }));
  for (let y = (height / 2) % px; y < height; y += px) lines.push(svg("line", { x1: 0, x2: width, y1: y, y2: y, class: "grid" }));
  return lines;
}

function scaleBar(part: Part, height: number): SVGElement {
  const { metres, px } = scale(part, SCALE_PX);
  const words = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
  const y = height - 14;
  return svg(
    "g",
    { class: "scale" },
    svg("path", { d: `M16 ${y - 6}V${y}H${16 + px}V${y - 6}` }),
    svg("text", { x: 20, y: y - 9 }, `${words} · N ↑`),
  );
}
