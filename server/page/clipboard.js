// Copying text, also where the page is not served securely and has no clipboard of its own.

/**
 * Copies the text and shows on the button whether that went well.
 * @param {HTMLButtonElement} button
 * @param {string} text
 * @param {(text: string) => void} tell
 */
export async function copy(button, text, tell) {
  const done = text !== "" && (await write(text));
  const said = text === "" ? "Nothing yet" : done ? "Copied" : "Not allowed";
  tell(`${said}.`);
  button.textContent = said;
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1_500);
}

/** @param {string} text */
async function write(text) {
  try {
    if (navigator.clipboard !== undefined) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // The permission may be missing where a selection can still be copied.
  }
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "visually-hidden";
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  return done;
}
