// Words from the centre that have not expired.

import type { Notice } from "../core/messages";
import * as read from "../core/read";
import { wasRead, type App } from "./app";
import { h } from "./dom";
import { clock, t } from "./words";

export function news(app: App): HTMLElement {
  const notices = read.notices(app.phone.book, Date.now());
  return h("main", {}, ...(notices.length ? notices.map((n) => one(app, n)) : [h("div.empty", {}, h("b", {}, t("no_news")))]));
}

function one(app: App, notice: Notice): HTMLElement {
  const done = wasRead(app, notice.notice_id, notice.read_by, app.phone.book.meta.device);
  const act = (): void => void app.attempt(() => app.phone.act({ kind: "read", notice_id: notice.notice_id }));
  const button = h("button.plain", { type: "button", "data-do": "read", onclick: act }, t("read"));
  return h(
    done ? "article.card" : "article.card.hot",
    { "data-notice": notice.notice_id },
    h("div.line", {}, h("b", {}, notice.title), h("span.soft", {}, clock(notice.at))),
    notice.text ? h("p", {}, notice.text) : null,
    done ? h("small.soft", {}, t("was_read")) : button,
  );
}
