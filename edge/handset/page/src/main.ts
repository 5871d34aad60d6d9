// The page's start: one page at a time, who we are, where the centre is, then the phone and its screens.

import { Identity } from "./shell/identity";
import { Phone } from "./shell/phone";
import { Place } from "./shell/place";
import { StoreUnusable } from "./shell/store";
import { App } from "./view/app";
import { alone, setup } from "./view/setup";
import { t } from "./view/words";

declare const VERSION: string;
const LOCK = "zhuomu-phone";

async function start(): Promise<void> {
  if ("serviceWorker" in navigator) void navigator.serviceWorker.register("worker.js");
  // Two pages would give two operations one sequence number.
  await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
    if (!lock) alone(t("twice"));
  });
  await navigator.locks.request(LOCK, run);
}

async function run(): Promise<void> {
  let identity: Identity;
  try {
    identity = await Identity.open();
  } catch (error) {
    alone(`${t("unusable")} (${String(error)})`);
    return;
  }
  void navigator.storage?.persist?.();
  const [enrolled, url] = [await enrol(identity), await linked()];
  if (!enrolled || !url) {
    alone(t("no_link"));
    self.addEventListener("online", () => location.reload());
    return;
  }
  await show(identity, url);
  // The lock is held as long as the page lives.
  await new Promise(() => undefined);
}

/** Ask who this phone is until it is known, and claim it; false: the centre cannot be reached. */
async function enrol(identity: Identity): Promise<boolean> {
  for (let words = ""; ; words = t("bad_code")) {
    if (!identity.me) await identity.begin(await setup(words));
    if (/^#(device|code)=/.test(location.hash)) location.hash = "";
    const said = await identity.claim();
    if (said === "good") return true;
    if (said !== "refused") return false;
    await identity.forget();
  }
}

async function show(identity: Identity, url: string): Promise<void> {
  let app: App | null = null;
  const { device, password } = identity.me ?? { device: "", password: "" };
  try {
    const broker = { url, device, password, software: `zhuomu phone ${VERSION}` };
    const phone = await Phone.open(broker, identity, () => app?.refresh());
    const place = new Place((point) => void phone.moved(point));
    app = new App(phone, place, await fetched("areas.json"));
    if (phone.book.meta.shift === "shift_on") place.start();
    phone.start();
    self.addEventListener("pagehide", (event) => event.persisted || phone.end());
  } catch (error) {
    if (!(error instanceof StoreUnusable)) throw error;
    alone(`${t("unusable")} (${error.message})`);
  }
}

/** The broker's address as the gateway says it, or as it said it last. */
async function linked(): Promise<string> {
  const found = (await fetched("link.json")) as { mqtt?: unknown } | null;
  if (typeof found?.mqtt === "string") localStorage.setItem("mqtt", found.mqtt);
  return localStorage.getItem("mqtt") ?? "";
}

async function fetched(path: string): Promise<unknown> {
  try {
    const answer = await fetch(path);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

void start();
