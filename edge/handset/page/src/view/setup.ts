// The first screen on a new phone: which one it is. A link of the centre's (#device=phone-1) fills it in.

import { h } from "./dom";
import { speak, speaking, t } from "./words";

const DEVICE = /^[a-z0-9][a-z0-9-]{0,62}$/;

export interface Identity {
  device: string;
  password: string;
}

/** Who this phone is, asked for once. */
export function setup(): Promise<Identity> {
  return new Promise((resolve) => {
    const given = new URLSearchParams(location.hash.slice(1)).get("device") ?? "";
    const device = h("input", { name: "device", value: given, autocapitalize: "none", autocomplete: "off", spellcheck: "false", placeholder: "phone-1" }) as HTMLInputElement;
    const password = h("input", { name: "password", type: "password", autocomplete: "off" }) as HTMLInputElement;
    const wrong = h("p.wrong", { role: "alert" });
    const begin = (): void => {
      const name = device.value.trim().toLowerCase();
      if (DEVICE.test(name)) resolve({ device: name, password: password.value });
      else wrong.textContent = t("bad_device");
    };
    const turn = (): void => {
      speak(speaking() === "zh" ? "en" : "zh");
      void setup().then(resolve);
    };
    speak(speaking());
    document.body.replaceChildren(
      h(
        "div.app.setup",
        {},
        h("main.alone", {}, h("img.logo", { src: "icon-192.png", alt: "", width: 88, height: 88 }), h("h1", {}, t("title")), h("p", {}, t("setup"))),
        h("label.field", {}, t("device"), device, h("small", {}, t("device_help"))),
        h("label.field", {}, t("password"), password),
        wrong,
        h("div.ends", {}, h("button.plain", { type: "button", onclick: turn }, speaking() === "zh" ? "EN" : "中"), h("button.main", { type: "button", "data-do": "begin", onclick: begin }, t("begin"))),
      ),
    );
  });
}

/** A screen with words alone. */
export function alone(words: string): void {
  speak(speaking());
  document.body.replaceChildren(h("div.app", {}, h("main.alone", {}, h("p", {}, words))));
}
