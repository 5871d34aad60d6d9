// The first screen on a new phone: which one it is. A link of the centre's (#device=phone-1) fills it in.

import { h } from "./dom";
import { speak, speaking, t } from "./words";

const DEVICE = /^[a-z0-9][a-z0-9-]{0,62}$/;

export interface Given {
  device: string;
  password: string;
  code: string;
}

/** Who this phone is, asked for once. `words`: what was wrong with the last answer. */
export function setup(words = ""): Promise<Given> {
  return new Promise((resolve) => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const given = asked.get("device") ?? "";
    const device = h("input", { name: "device", value: given, autocapitalize: "none", autocomplete: "off", spellcheck: "false", placeholder: "phone-1" }) as HTMLInputElement;
    const code = h("input", { name: "code", value: asked.get("code") ?? "", autocapitalize: "none", autocomplete: "off", spellcheck: "false" }) as HTMLInputElement;
    const password = h("input", { name: "password", type: "password", autocomplete: "off" }) as HTMLInputElement;
    const wrong = h("p.wrong", { role: "alert" }, words);
    const begin = (): void => {
      const once = code.value.trim();
      const name = device.value.trim().toLowerCase() || (once.split(":")[0] ?? "");
      if (DEVICE.test(name)) resolve({ device: name, password: password.value, code: once });
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
        h("label.field", {}, t("code_once"), code, h("small", {}, t("code_help"))),
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
