// The viewer's page of a room: one language as it is said, in the size and colours that suit the reader.
import { copy } from "./clipboard.js";
import { button, element, html } from "./element.js";
import { languageName } from "./models.js";
import { RoomLines } from "./room-lines.js";
import { RoomLink } from "./room-link.js";
import { RoomPane } from "./room-pane.js";
import { Taste } from "./taste.js";
import { webVtt } from "./vtt.js";

const STATE_TEXTS = { connecting: "Connecting", ready: "Live", waiting: "Reconnecting", refused: "Not connected" };

const room = location.pathname.split("/").at(-1) ?? "";
const parameters = new URLSearchParams(location.search);
const select = element("target", HTMLSelectElement);
const taste = new Taste();
const lines = new RoomLines();
const pane = new RoomPane({
  lines: html("lines"),
  open: html("open"),
  scroll: html("scroll"),
  empty: html("empty"),
  latest: html("latest"),
});

let target = parameters.get("target") ?? "";
let live = false;
/** @type {import("./room-link.js").RoomLinkState} */
let connection = "connecting";

const address = new URL(`../v1/rooms/${room}`, document.baseURI);
const token = parameters.get("token");
if (token !== null) address.searchParams.set("token", token);
const link = new RoomLink(address, { state: showState, message: receive });

/** @param {any} message */
function receive(message) {
  if (message.type === "room") showRoom(message);
  const line = lines.take(message);
  if (line !== undefined) pane.add(line);
  pane.draw(lines);
}

/** @param {{ live: boolean, targets: string[], epoch: string }} state */
function showRoom(state) {
  live = state.live;
  if (state.targets.length > 0) offer(state.targets);
  showState(connection, "");
}

/** The languages; the reader's own choice, then the browser's, then the first. @param {string[]} targets */
function offer(targets) {
  const known = [...select.options].map(({ value }) => value).join();
  if (known !== targets.join()) select.replaceChildren(...targets.map((one) => new Option(languageName(one), one)));
  if (targets.includes(target)) select.value = target;
  else choose(firstOf(targets));
}

/** @param {string[]} targets */
function firstOf(targets) {
  const wanted = [taste.target, ...navigator.languages];
  const base = (/** @type {string} */ code) => code.split("-")[0];
  const found = wanted.map(
    (one) => targets.find((code) => code === one) ?? targets.find((code) => base(code) === base(one)),
  );
  return found.find((one) => one !== undefined) ?? targets[0];
}

/** @param {string} chosen */
function choose(chosen) {
  target = chosen;
  select.value = chosen;
  lines.clear();
  pane.clear();
  pane.language = chosen;
  link.watch(chosen);
}

/** @param {import("./room-link.js").RoomLinkState} state @param {string} text */
function showState(state, text) {
  connection = state;
  const waiting = state === "ready" && !live;
  html("state").dataset.state = waiting ? "asleep" : state;
  const shown = waiting ? "Waiting for the speaker" : STATE_TEXTS[state];
  if (html("state-text").textContent !== shown) html("state-text").textContent = shown;
  html("notice").hidden = text === "";
  html("notice-text").textContent = text;
  button("retry").hidden = state === "refused";
  pane.reason =
    state === "ready" && live
      ? "The words appear here as they are said."
      : "The words appear here when somebody speaks.";
}

/** Says something in passing. @param {string} text */
function tell(text) {
  html("told").textContent = "";
  requestAnimationFrame(() => {
    html("told").textContent = text;
  });
}

function download() {
  if (lines.lines.length === 0) return tell("Nothing yet.");
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([webVtt(lines.lines)], { type: "text/vtt" }));
  anchor.download = `${room}.${target}.vtt`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 1_000);
  tell("Downloaded.");
}

const copyAll = () => copy(button("copy"), lines.text, tell);

html("room").textContent = room;
document.title = `${room}: live captions`;
select.addEventListener("change", () => {
  taste.target = select.value;
  choose(select.value);
});
button("copy").addEventListener("click", copyAll);
button("download").addEventListener("click", download);
button("retry").addEventListener("click", () => link.wake());
window.addEventListener("online", () => link.wake());
// By the key's place or its sign: both have their keyboards.
const keys = new Map([
  ["KeyL", () => select.focus()],
  ["KeyC", copyAll],
  ["KeyD", download],
  ["End", () => pane.showLatest()],
  ["Minus", () => taste.step(-1)],
  ["NumpadSubtract", () => taste.step(-1)],
  ["Equal", () => taste.step(1)],
  ["NumpadAdd", () => taste.step(1)],
]);
document.addEventListener("keydown", (event) => {
  const action = event.altKey && !event.ctrlKey && !event.metaKey ? keys.get(event.code) : undefined;
  if (action === undefined) return;
  event.preventDefault();
  action();
});
showState("connecting", "");
if (target !== "") pane.language = target;
link.watch(target);
