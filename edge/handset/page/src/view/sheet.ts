// The sheet that comes up from below: what else can be done with an order, and the forms for it.

import type { OnOrder, Order, PhotoKind } from "../core/messages";
import { todo } from "../core/play";
import type { Photo } from "../core/work";
import { photo } from "../shell/camera";
import type { App } from "./app";
import { thumb } from "./detail";
import { h, icon, ICONS, type Child } from "./dom";
import { ofKind, t } from "./words";

export type Ask = OnOrder | "more";
const PHOTOS_MAX = 8;
const SLOTS: Record<OnOrder, readonly PhotoKind[]> = {
  accepted: [],
  arrived: ["before"],
  disposed: ["before", "after"],
  returned: ["before"],
  extend: [],
  suspend: [],
  photo: ["before", "after"],
};
const REASON: readonly OnOrder[] = ["returned", "extend", "suspend"];

/** Open it; it closes itself. */
export function sheet(app: App, order: Order, ask: Ask): void {
  const dialog = document.createElement("dialog");
  dialog.className = "sheet";
  const parts = ask === "more" ? choices(app, order, dialog) : new Form(app, order, ask, dialog).parts();
  dialog.append(h("div", {}, ...parts));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

function choices(app: App, order: Order, dialog: HTMLDialogElement): Child[] {
  const possible: OnOrder[] = todo(order) ? ["photo", "extend", "suspend", "returned"] : ["photo"];
  const direct: OnOrder[] = todo(order) && order.step !== "arrived" ? ["disposed"] : [];
  const open = (kind: OnOrder) => (): void => {
    dialog.close();
    sheet(app, order, kind);
  };
  const buttons = [...direct, ...possible].map((kind) =>
    h("button.choice", { type: "button", "data-do": kind, onclick: open(kind) }, ofKind(kind)),
  );
  return [...buttons, h("button.choice.soft", { type: "button", onclick: () => dialog.close() }, t("cancel"))];
}

class Form {
  private readonly photos: Photo[] = [];
  private readonly note: HTMLTextAreaElement;
  private readonly hours = h("input", { type: "number", min: "0.5", max: "720", step: "0.5", value: "2", name: "hours", inputmode: "decimal" });
  private readonly submit: HTMLButtonElement;
  private working = 0;

  constructor(
    private readonly app: App,
    private readonly order: Order,
    private readonly kind: OnOrder,
    private readonly dialog: HTMLDialogElement,
  ) {
    const words = REASON.includes(kind) ? t("reason") : t("note");
    this.note = h("textarea", { name: "note", rows: 2, maxlength: 2000, placeholder: words }) as HTMLTextAreaElement;
    this.submit = h("button.main", { type: "button", "data-do": "submit", onclick: () => void this.send() }, t("send")) as HTMLButtonElement;
  }

  parts(): Child[] {
    const slots = SLOTS[this.kind].map((which) => this.slot(which));
    return [
      h("h2", {}, ofKind(this.kind)),
      slots.length ? h("div.slots", {}, ...slots) : null,
      this.kind === "extend" ? h("label.field", {}, t("hours"), this.hours) : null,
      this.kind === "photo" || this.kind === "arrived" ? null : this.note,
      h("div.ends", {}, h("button.plain", { type: "button", onclick: () => this.dialog.close() }, t("cancel")), this.submit),
    ];
  }

  private slot(which: PhotoKind): HTMLElement {
    const shown = h("div.shots", {});
    const input = h("input", { type: "file", accept: "image/*", capture: "environment", name: which }) as HTMLInputElement;
    input.addEventListener("change", () => void this.take(input, which, shown));
    return h("label.slot", {}, icon(ICONS.camera), h("b", {}, t(which)), h("small", {}, t("take")), input, shown);
  }

  private async take(input: HTMLInputElement, which: PhotoKind, shown: HTMLElement): Promise<void> {
    const file = input.files?.[0];
    input.value = "";
    if (!file || this.photos.length + this.working >= PHOTOS_MAX) return;
    this.busy(1);
    try {
      const taken = await photo(file, which);
      this.photos.push(taken);
      shown.append(thumb(new Blob([taken.data], { type: "image/jpeg" })));
    } catch {
      this.app.say("bad_photo", true);
    } finally {
      this.busy(-1);
    }
  }

  private busy(by: number): void {
    this.working += by;
    this.submit.disabled = this.working > 0;
  }

  private async send(): Promise<void> {
    if ((this.kind === "disposed" && !this.photos.some((p) => p.kind === "after")) || (this.kind === "photo" && !this.photos.length)) {
      this.app.say("need_after", true);
      return;
    }
    this.busy(1);
    const here = this.app.place.now;
    const hours = this.kind === "extend" ? Number((this.hours as HTMLInputElement).value) : null;
    const wish = { kind: this.kind, order_id: this.order.order_id, note: this.note.value.trim(), hours };
    const done = await this.app.attempt(() => this.app.phone.act({ ...wish, points: here ? [here] : [], photos: this.photos }));
    this.busy(-1);
    if (done) this.dialog.close();
  }
}
