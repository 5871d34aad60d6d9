// One order: everything known of it, and the actions at the thumb.

import * as read from "../core/read";
import type { Order } from "../core/messages";
import { todo } from "../core/play";
import type { App } from "./app";
import { h, icon, ICONS, type Child } from "./dom";
import { due, tags } from "./list";
import { sheet, type Ask } from "./sheet";
import { answered, clock, ofClass, state, step, t } from "./words";

const MAIN: Record<string, Ask> = { "": "accepted", accepted: "arrived", arrived: "disposed" };

/** The screen and its bar. */
export function detail(app: App, order: Order): HTMLElement[] {
  return [h("main.order", { "data-order": order.order_id }, ...facts(app, order)), bar(app, order)];
}

function facts(app: App, order: Order): Child[] {
  const rows: [string, Child][] = [
    [t("deadline"), clock(order.deadline)],
    [t("step"), [state(order.state), step(order.step), order.step_by].filter(Boolean).join(" · ")],
    [t("place"), `${order.lat.toFixed(6)}, ${order.lon.toFixed(6)}`],
    [t("class"), order.class_code],
    [t("case"), order.case_id],
    [t("attempt"), String(order.attempt)],
  ];
  return [
    h("div.title", {}, h("h1", {}, ofClass(order.case_class)), due(order)),
    h("div.tags", {}, ...tags(order)),
    order.note ? h("p.note", {}, order.note) : null,
    order.reminders ? h("p.reminder", {}, h("b", {}, `${t("urged")} ${order.reminders}`), ` ${order.reminder}`) : null,
    order.answer ? h("p.note.answer", {}, h("b", {}, answered(order.answer)), ` ${order.answer_words}`) : null,
    app.map.small(order),
    h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    pictures(app, order),
  ];
}

/** What lies on this phone still, as pictures; of the rest the number. */
function pictures(app: App, order: Order): HTMLElement | null {
  if (!order.photos.length) return null;
  const box = h("div.thumbs", {});
  const waiting = read.photosWaiting(app.phone.book).filter((row) => order.photos.includes(row.sha256));
  for (const row of waiting) {
    const share = Math.round((100 * row.have_bytes) / row.size_bytes);
    const figure = h("figure", {}, h("figcaption", {}, `${t(row.kind)} ${share}%`));
    box.append(figure);
    void app.phone.picture(row.sha256).then((blob) => blob && figure.prepend(thumb(blob)));
  }
  return h("section.photos", {}, h("small", {}, `${order.photos.length} ${t("at_centre")}`), box);
}

/** A picture that frees its memory once it is shown. */
export function thumb(blob: Blob): HTMLElement {
  const url = URL.createObjectURL(blob);
  return h("img", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) });
}

function bar(app: App, order: Order): HTMLElement {
  const back = h("a.side", { href: "#/list", "aria-label": t("back"), "data-do": "back" }, icon(ICONS.back), h("span", {}, t("back")));
  const next = todo(order) ? MAIN[order.step] : undefined;
  const more = h("button.side", { type: "button", "data-do": "more", onclick: () => sheet(app, order, "more") }, icon(ICONS.more), h("span", {}, t("more")));
  return h("nav.bar.act", {}, back, next ? main(app, order, next) : h("span.main.over", {}, step(order.step)), more);
}

function main(app: App, order: Order, kind: Ask): HTMLElement {
  const words = { accepted: "accept", arrived: "arrive", disposed: "dispose" } as const;
  const here = app.place.now;
  const points = here ? [here] : [];
  const act = (): void => {
    if (kind === "accepted") void app.attempt(() => app.phone.act({ kind, order_id: order.order_id, points }));
    else sheet(app, order, kind);
  };
  return h("button.main", { type: "button", "data-do": kind, onclick: act }, t(words[kind as keyof typeof words]));
}
