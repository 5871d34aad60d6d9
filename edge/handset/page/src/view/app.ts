// The page as a whole: which screen is shown, the head with the state of sync, the bar at the thumb.

import * as read from "../core/read";
import { Refused } from "../core/work";
import { NotAPicture } from "../shell/camera";
import type { Phone } from "../shell/phone";
import type { Place } from "../shell/place";
import { StoreUnusable } from "../shell/store";
import { h, icon, ICONS, type Child } from "./dom";
import { detail } from "./detail";
import { head } from "./head";
import { list } from "./list";
import { MapView } from "./map";
import { news } from "./news";
import { shelf } from "./shelf";
import { speak, speaking, t, type Word } from "./words";

const TOAST_MS = 3500;
const TABS = ["list", "map", "news", "shelf"] as const;
const REFUSED: Record<Refused["word"], Word> = {
  wiped: "wiped",
  unknown: "is_unknown",
  over: "is_over",
  reason: "need_reason",
  hours: "need_hours",
  photo: "bad_photo",
};

export class App {
  readonly map: MapView;
  private wanted = false;
  private pressed = false;
  private toastTimer = 0;
  private readonly toastBox = h("div.toast", { role: "status", "aria-live": "polite" });
  private readonly root = h("div.app");

  constructor(
    readonly phone: Phone,
    readonly place: Place,
    areas: unknown,
  ) {
    this.map = new MapView(this, areas);
    document.body.replaceChildren(this.root, this.toastBox);
    self.addEventListener("hashchange", () => this.draw());
    document.addEventListener("visibilitychange", () => this.refresh());
    self.addEventListener("pointerdown", () => (this.pressed = true), true);
    for (const name of ["pointerup", "pointercancel"]) self.addEventListener(name, () => this.released(), true);
    self.setInterval(() => this.refresh(), 30_000);
    speak(speaking());
    this.draw();
  }

  /** Draw when the browser has time; many changes become one drawing, and none happens under a finger. */
  refresh(): void {
    if (this.wanted) return;
    this.wanted = true;
    if (!this.pressed) requestAnimationFrame(() => this.due());
  }

  go(to: string): void {
    location.hash = `#/${to}`;
  }

  turnLanguage(): void {
    speak(speaking() === "zh" ? "en" : "zh");
    this.draw();
  }

  /** Do something of the crew's and say how it went; false when it was not done. */
  async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.say(this.phone.session.online ? "kept" : "kept_offline");
      return true;
    } catch (error) {
      if (error instanceof Refused) this.say(REFUSED[error.word], true);
      else if (error instanceof StoreUnusable) this.say("unusable", true);
      else if (error instanceof NotAPicture) this.say("bad_photo", true);
      else throw error;
      return false;
    }
  }

  say(word: Word, bad = false): void {
    clearTimeout(this.toastTimer);
    this.toastBox.textContent = t(word);
    // Over an open sheet, which stays open when something is wrong.
    ((bad && document.querySelector("dialog[open]")) || document.body).append(this.toastBox);
    this.toastBox.className = `toast shown${bad ? " bad" : ""}`;
    this.toastTimer = self.setTimeout(() => (this.toastBox.className = "toast"), TOAST_MS);
  }

  /** After the click that follows. */
  private released(): void {
    this.pressed = false;
    setTimeout(() => this.due(), 0);
  }

  private due(): void {
    if (this.wanted && !this.pressed) this.draw();
  }

  private draw(): void {
    this.wanted = false;
    const { wiped } = this.phone.book.meta;
    const top = this.root.querySelector("main")?.scrollTop ?? 0;
    const route = this.route();
    const same = this.root.dataset["route"] === route;
    this.root.dataset["route"] = route;
    this.root.replaceChildren(...(wiped ? [h("main.alone", {}, h("p", {}, t("wiped")))] : this.screen(route)));
    document.title = t("title");
    const main = this.root.querySelector("main");
    if (same && main) main.scrollTop = top;
  }

  private screen(route: string): Node[] {
    const [name, id] = route.split("/");
    const order = name === "order" && id ? read.order(this.phone.book, decodeURIComponent(id)) : null;
    if (order) return [head(this), ...detail(this, order)];
    const shown: Record<string, () => HTMLElement> = {
      map: () => this.map.draw(),
      news: () => news(this),
      shelf: () => shelf(this),
    };
    return [head(this), (shown[name ?? ""] ?? (() => list(this)))(), this.bar(name ?? "")];
  }

  private bar(now: string): HTMLElement {
    const { book } = this.phone;
    const mine = book.meta.device;
    const unread = read.notices(book, Date.now()).filter((n) => !wasRead(this, n.notice_id, n.read_by, mine)).length;
    const counts = { list: read.orders(book).length, map: 0, news: unread, shelf: read.shelf(book).length };
    return h("nav.bar", {}, ...TABS.map((tab) => this.tab(tab, tab === now, counts[tab])));
  }

  private tab(name: (typeof TABS)[number], now: boolean, count: number): Child {
    const badge = count ? h(name === "list" ? "b.badge.calm" : "b.badge", {}, String(count)) : null;
    const props = { href: `#/${name}`, "aria-current": now ? "page" : null, "data-tab": name };
    return h("a.tab", props, icon(ICONS[name]), h("span", {}, t(name)), badge);
  }

  private route(): string {
    const text = location.hash.replace(/^#\/?/, "");
    return text || "list";
  }
}

/** Whether this phone has read a notice, its own pending word included. */
export function wasRead(app: App, notice_id: string, read_by: readonly string[], mine: string): boolean {
  const own = read.pending(app.phone.book).some(({ op }) => op.kind === "read" && op.notice_id === notice_id);
  return own || read_by.includes(mine);
}
