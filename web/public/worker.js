/**
 * The service worker of the people's app: it keeps the app's own files, so that the app opens without a network.
 *
 * Nothing that anybody has written passes through it: messages come by a WebSocket, and are kept by the page.
 */

const FILES = "parley-files";

/** Files of the app whose names change with their content. */
const isAsset = (url) => url.pathname.includes("/assets/");

/** Keep the page, and the files that it names; forget those of builds of before. */
async function keep(cache, page) {
  const text = await page.clone().text();
  const named = [...text.matchAll(/(?:src|href)="([^"]*assets\/[^"]+)"/g)];
  const wanted = named.map(([, name]) => new URL(name, registration.scope).href);
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  await cache.addAll(wanted.filter((url) => !kept.has(url)));
  await cache.put(registration.scope, page);
  for (const url of kept) {
    if (isAsset(new URL(url)) && !wanted.includes(url)) await cache.delete(url);
  }
}

async function update() {
  const page = await fetch(registration.scope, { cache: "no-cache" });
  if (page.ok) await keep(await caches.open(FILES), page);
}

/** The newest page, or without a network the one that was kept. */
async function givePage(request) {
  const cache = await caches.open(FILES);
  try {
    const page = await fetch(request);
    if (page.ok) await keep(cache, page.clone()).catch(() => {});
    return page;
  } catch (error) {
    const kept = await cache.match(registration.scope);
    if (kept) return kept;
    throw error;
  }
}

async function giveAsset(request) {
  const cache = await caches.open(FILES);
  return (await cache.match(request)) ?? fetch(request);
}

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(update());
});

addEventListener("activate", (event) => {
  event.waitUntil(clients.claim());
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(registration.scope)) return;
  if (request.mode === "navigate") event.respondWith(givePage(request));
  else if (isAsset(url)) event.respondWith(giveAsset(request));
});
