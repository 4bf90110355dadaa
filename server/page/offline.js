// What the page keeps to open without its server: its own files, one set for each version of them.

const PREFIX = "souffleur-page-";

/**
 * Keeps the page's files, where they are not kept already, and lets the service worker serve them.
 * @param {URL} root of the server
 * @param {{ revision: string, page: string[] }} index
 */
export async function keepPage(root, { revision, page }) {
  await navigator.serviceWorker.register(new URL("service-worker.js", root));
  const name = `${PREFIX}${revision}`;
  const names = await caches.keys();
  if (!names.includes(name)) {
    try {
      const cache = await caches.open(name);
      // All or none.
      await cache.addAll(page.map((path) => new URL(path, root)));
    } catch (error) {
      await caches.delete(name);
      throw error;
    }
  }
  const old = names.filter((other) => other.startsWith(PREFIX) && other !== name);
  await Promise.all(old.map((other) => caches.delete(other)));
}
