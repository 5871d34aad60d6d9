// The page's start: one page at a time, who we are, where the centre is, then the phone and its screens.

import { Phone } from "./shell/phone";
import { Place } from "./shell/place";
import { StoreUnusable } from "./shell/store";
import { App } from "./view/app";
import { alone, setup, type Identity } from "./view/setup";
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
  const identity = kept("identity") ?? (await setup());
  localStorage.setItem("identity", JSON.stringify(identity));
  if (location.hash.startsWith("#device=")) location.hash = "";
  void navigator.storage?.persist?.();
  const url = await linked();
  if (!url) {
    alone(t("no_link"));
    self.addEventListener("online", () => location.reload());
    return;
  }
  await show(identity, url);
  // The lock is held as long as the page lives.
  await new Promise(() => undefined);
}

async function show(identity: Identity, url: string): Promise<void> {
  let app: App | null = null;
  try {
    const broker = { url, ...identity, software: `zhuomu phone ${VERSION}` };
    const phone = await Phone.open(broker, () => app?.refresh());
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

function kept(name: string): Identity | null {
  const text = localStorage.getItem(name);
  return text ? (JSON.parse(text) as Identity) : null;
}

void start();
