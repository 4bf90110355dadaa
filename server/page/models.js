// Which languages and models the server has, as the page's first menu offers them.

/** @typedef {{ source: string, target: string, model?: string, wait?: number | "full", onDevice?: boolean }} Served */

/** What is offered while the list cannot be had: the server then chooses the model. @type {Served} */
const USUAL = { source: "en", target: "de" };

/**
 * The models the server lists, or the usual pair where it gives no list.
 * @param {URL} url of the list
 * @returns {Promise<Served[]>}
 */
export async function fetchModels(url) {
  try {
    const response = await fetch(url);
    const body = await response.json();
    const served = body.models.flatMap(readEntry);
    return served.length > 0 ? served : [USUAL];
  } catch {
    return [USUAL];
  }
}

/** One for each language that a model writes. @param {any} entry @returns {Served[]} */
function readEntry({ name, source, target, wait, onDevice }) {
  const targets = [target].flat().filter((one) => typeof source === "string" && typeof one === "string");
  return targets.map((one) => ({ source, target: one, model: name, wait: wait?.default, onDevice }));
}

/** The language's English name. @param {string} code */
export function languageName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/**
 * What the menu says: the languages, and the model's name where two models share them.
 * @param {Served} one
 * @param {Served[]} all
 */
export function labelOf(one, all) {
  const label = `${languageName(one.source)} to ${languageName(one.target)}`;
  const shared = all.filter((other) => other.source === one.source && other.target === one.target).length > 1;
  return shared && one.model !== undefined ? `${label} (${one.model})` : label;
}
