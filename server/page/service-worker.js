// Opens the live page while its server cannot be reached: from what the page has kept (offline.js). It keeps nothing itself.

/** How long a server may take before what was kept is shown. */
const SERVER_MS = 4_000;

/** The page's own paths, from the service worker's folder; all else goes to the server as it always has. */
const OF_PAGE = /^(|v1\/models|device\/(index\.json|worker\.js)|assets\/.*)$/u;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const root = new URL(self.registration.scope);
  if (request.method !== "GET" || origin !== root.origin || !pathname.startsWith(root.pathname)) return;
  if (OF_PAGE.test(pathname.slice(root.pathname.length))) event.respondWith(answer(request));
});

/** The server's answer, so that a new version shows at once; what was kept where there is none. @param {Request} request */
async function answer(request) {
  const kept = await caches.match(request, { ignoreSearch: true });
  if (kept === undefined) return fetch(request);
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(SERVER_MS) });
    // A proxy answers so while the server behind it is away.
    return response.status >= 500 ? kept : response;
  } catch {
    return kept;
  }
}
