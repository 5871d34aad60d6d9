// The day's orders, most urgent first, and attendance.

import * as read from "../core/read";
import type { Order } from "../core/messages";
import type { App } from "./app";
import { h, type Child } from "./dom";
import { distance, length, type LatLon } from "./projection";
import { answered, asked, clock, ofClass, span, state, step, t } from "./words";

export function list(app: App): HTMLElement {
  const orders = read.orders(app.phone.book);
  const empty = h("div.empty", {}, h("b", {}, t("nothing")), h("p", {}, t("nothing_more")));
  const cards = orders.length ? orders.map((order) => card(order, app.place.now)) : [empty];
  const on = app.phone.book.meta.shift === "shift_on";
  return h("main", {}, ...(on ? [...cards, shift(app)] : [shift(app), ...cards]));
}

export function tags(order: Order): Child[] {
  return [
    order.urgent && h("span.tag.red", {}, t("urgent")),
    order.reminders > 0 && h("span.tag.red", {}, `${t("urged")} ${order.reminders}`),
    order.state === "rework" && h("span.tag.amber", {}, state("rework")),
    order.asked !== "" && h("span.tag.amber", {}, asked(order.asked)),
    order.answer && h(order.answer === "granted" ? "span.tag" : "span.tag.red", {}, answered(order.answer)),
    h(`span.tag.step-${order.step || "new"}`, {}, step(order.step)),
  ];
}

/** "2 h left", and whether it is late. */
export function due(order: Order): HTMLElement {
  const left_ms = Date.parse(order.deadline) - Date.now();
  const words = left_ms < 0 ? `${t("overdue")} ${span(left_ms)}` : `${span(left_ms)} ${t("left")}`;
  const chinese = left_ms < 0 ? words : `${t("left")} ${span(left_ms)}`;
  const shown = document.documentElement.lang === "en" ? words : chinese;
  return h(left_ms < 0 ? "span.due.late" : "span.due", {}, shown);
}

function card(order: Order, me: LatLon | null): HTMLElement {
  const far = me ? ` · ${length(distance(order, me))}` : "";
  return h(
    `a.card${order.urgent || order.reminders ? ".hot" : ""}`,
    { href: `#/order/${encodeURIComponent(order.order_id)}`, "data-order": order.order_id },
    h("div.line", {}, h("b.class", {}, ofClass(order.case_class)), due(order)),
    h("div.line.soft", {}, h("span", {}, (order.note || order.class_code) + far), h("span", {}, clock(order.deadline))),
    h("div.tags", {}, ...tags(order)),
  );
}

function shift(app: App): HTMLElement {
  const on = app.phone.book.meta.shift === "shift_on";
  const kind = on ? "shift_off" : "shift_on";
  const act = async (): Promise<void> => {
    const here = app.place.now;
    await app.attempt(() => app.phone.act({ kind, points: here ? [here] : [] }));
    if (kind === "shift_on") app.place.start();
    else app.place.stop();
  };
  const button = h("button.plain", { type: "button", "data-do": kind, onclick: () => void act() }, t(on ? "off_shift" : "on_shift"));
  return h("section.shift", {}, h(on ? "span.on" : "span", {}, t(on ? "is_on" : "is_off")), button);
}
