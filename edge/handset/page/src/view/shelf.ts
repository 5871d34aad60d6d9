// What the centre did not take, with code and words, until a person has seen it.

import type { ShelfRow } from "../core/book";
import * as read from "../core/read";
import type { App } from "./app";
import { h } from "./dom";
import { clock, ofKind, t } from "./words";

export function shelf(app: App): HTMLElement {
  const rows = read.shelf(app.phone.book);
  const empty = h("div.empty", {}, h("b", {}, t("no_shelf")));
  return h("main", {}, ...(rows.length ? [h("p.soft", {}, t("shelf_why")), ...rows.map((row) => one(app, row))] : [empty]));
}

function one(app: App, row: ShelfRow): HTMLElement {
  const photo = row.key.startsWith("photo/");
  const what = row.op ? ofKind(row.op.kind) : photo ? t("photo") : t("unknown_op");
  return h(
    "article.card.bad",
    { "data-shelf": row.key, "data-code": row.code },
    h("div.line", {}, h("b", {}, what), h("span.tag.red", {}, `${t("code")} ${row.code}`)),
    h("p", {}, row.reason),
    row.op ? h("div.line.soft", {}, h("span", {}, row.op.order_id), h("span", {}, clock(row.op.at))) : null,
    h("button.plain", { type: "button", "data-do": "clear", onclick: () => void app.attempt(() => app.phone.clear(row.key)) }, t("read")),
  );
}
