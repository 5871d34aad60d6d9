// The service worker: keeps the shell, so that the page opens in a tunnel. Data are IndexedDB's and MQTT's business.

export {};
declare const self: ServiceWorkerGlobalScope;
declare const VERSION: string;

const CACHE = `zhuomu-phone-${VERSION}`;
const SHELL = ["./", "page.js", "page.css", "manifest.webmanifest", "icon-192.png", "icon-512.png"];
const NETWORK_MS = 3000;

self.addEventListener("install", (event) => {
  event.waitUntil(fill().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(sweep().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const mine = url.origin === location.origin && url.pathname.startsWith(new URL("./", location.href).pathname);
  if (!mine || event.request.method !== "GET") return;
  // What the centre may change is asked for first; the shell changes with the worker alone.
  const fresh = event.request.mode === "navigate" || url.pathname.endsWith(".json");
  event.respondWith(fresh ? networkFirst(event.request) : cacheFirst(event.request));
});

async function fill(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(SHELL.map((path) => new Request(path, { cache: "reload" })));
}

async function sweep(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("zhuomu-phone-") && name !== CACHE).map((name) => caches.delete(name)));
}

async function cacheFirst(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

async function networkFirst(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const key = request.mode === "navigate" ? "./" : request;
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(NETWORK_MS) });
    if (answer.ok) await cache.put(key, answer.clone());
    return answer;
  } catch {
    return (await cache.match(key)) ?? Response.error();
  }
}
