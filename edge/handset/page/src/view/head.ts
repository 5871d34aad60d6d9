// The head of every screen: who we are, on shift or not, and, always, how far we are in step with the centre.

import * as read from "../core/read";
import type { App } from "./app";
import { h, icon, ICONS } from "./dom";
import { speaking, t } from "./words";

export type Sync = "offline" | "syncing" | "current";

/** In step: the log's end was seen, and nothing of ours waits for the centre. */
export function sync(app: App): { state: Sync; ops: number; photos: number } {
  const { book, session } = app.phone;
  const ops = read.pending(book).filter((row) => !row.receipted).length;
  const photos = read.photosWaiting(book).length;
  if (!session.online) return { state: "offline", ops, photos };
  return { state: session.current && !ops && !photos ? "current" : "syncing", ops, photos };
}

export function head(app: App): HTMLElement {
  const { device, crew } = app.phone.book.meta;
  return h(
    "header.head",
    {},
    h("div.who", {}, h("b", {}, device), h("small", {}, crew && crew !== device ? crew : t("title"))),
    chip(app),
    h("button.language", { type: "button", onclick: () => app.turnLanguage() }, speaking() === "zh" ? "EN" : "中"),
  );
}

function chip(app: App): HTMLElement {
  const { state, ops, photos } = sync(app);
  const left = [ops ? `${ops} ${t("waiting")}` : "", photos ? `${photos} ${t("photos")}` : ""].filter(Boolean).join(" · ");
  const look = { type: "button", "data-sync": state, title: app.phone.trouble || t("sync_now"), "aria-label": t("sync_now") };
  return h(
    `button.sync.${state}`,
    { ...look, onclick: () => void app.phone.syncNow() },
    icon(ICONS.sync),
    h("span", {}, h("b", {}, t(state)), left ? h("small", {}, left) : null),
  );
}
