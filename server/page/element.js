// The page's elements by id and kind: a wrong name or kind fails at once, not at the first click.

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id ${id}`);
  return found;
}

/** Any element of HTML. @param {string} id */
export const html = (id) => element(id, HTMLElement);

/** @param {string} id */
export const button = (id) => element(id, HTMLButtonElement);
