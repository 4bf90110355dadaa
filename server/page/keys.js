// The keyboard: shortcuts with Alt, typing that begins anywhere, and the list of all keys.
import { button, element } from "./element.js";

/**
 * @param {{ composer: import("./composer.js").Composer, speak: () => void, play: () => void, stop: () => void, copy: () => void,
 *   clear: () => void, wait: (place: number) => void }} actions `wait`: the choice at this place, from 0
 */
export function listenToKeys({ composer, speak, play, stop, copy, clear, wait }) {
  const dialog = element("keys", HTMLDialogElement);
  const open = () => dialog.showModal();
  button("keys-open").addEventListener("click", open);
  button("keys-close").addEventListener("click", () => dialog.close());

  // By the key's place: Alt changes the letter on some keyboards.
  const shortcuts = new Map([
    ["KeyT", () => composer.focus()],
    ["KeyM", speak],
    ["KeyP", play],
    ["KeyS", stop],
    ["KeyC", copy],
    ["KeyX", clear],
    ["KeyK", open],
    ...Array.from({ length: 6 }, (_, place) => /** @type {const} */ ([`Digit${place + 1}`, () => wait(place)])),
  ]);

  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") !== null || event.ctrlKey || event.metaKey) return;
    const action = event.altKey ? shortcuts.get(event.code) : undefined;
    if (action !== undefined) {
      event.preventDefault();
      action();
    } else if (!event.altKey && nowhere(event.target) && event.key.length === 1 && event.key !== " ") {
      composer.focus();
    }
  });
  document.addEventListener("paste", (event) => {
    if (!dialog.open && nowhere(event.target)) composer.paste(event);
  });
}

/** Whether nothing on the page has the focus that could want the key itself. @param {EventTarget | null} target */
function nowhere(target) {
  return target === document.body;
}
