// The speaker's page of a room: starts it, says what is spoken, typed or played, and shows what its viewers see.
import { copy } from "./clipboard.js";
import { Composer } from "./composer.js";
import { button, element, html } from "./element.js";
import { Ledger } from "./ledger.js";
import { Link } from "./link.js";
import { fetchModels, languageName } from "./models.js";
import { Player } from "./player.js";
import { PlayerBar } from "./player-bar.js";
import { RoomLines } from "./room-lines.js";
import { RoomLink } from "./room-link.js";
import { RoomPane } from "./room-pane.js";
import { SpeechButton } from "./speech-button.js";

const STATE_TEXTS = {
  connecting: "Connecting",
  ready: "You are live",
  ending: "Stopping",
  waiting: "Reconnecting",
  asleep: "Not started",
  refused: "Not started",
};
/** The most languages of one stream. */
const TARGETS_MAX = 5;
const COUNT_EVERY_MS = 3_000;

const room = location.pathname.split("/").at(-1) ?? "";
const address = (/** @type {string} */ path) => new URL(`../${path}`, document.baseURI);
const source = element("source", HTMLSelectElement);
const shown = element("shown", HTMLSelectElement);
const key = element("key", HTMLInputElement);
const ledger = new Ledger();

// What viewers see, on a viewer's own connection.

const lines = new RoomLines();
const pane = new RoomPane({ lines: html("lines"), open: html("open"), scroll: html("scroll"), empty: html("empty") });
const roomAddress = address(`v1/rooms/${room}`);
const viewer = new RoomLink(roomAddress, {
  state: () => {},
  message: (message) => {
    const line = lines.take(message);
    if (line !== undefined) pane.add(line);
    pane.draw(lines);
  },
});

/** @param {string} target */
function watch(target) {
  lines.clear();
  pane.clear();
  pane.language = target;
  viewer.watch(target);
}

async function countViewers() {
  if (document.hidden) return;
  try {
    const headers = key.value === "" ? {} : { authorization: `Bearer ${key.value}` };
    const response = await fetch(roomAddress, { headers });
    if (!response.ok) return;
    // This page's own connection is no viewer.
    const viewers = Math.max(0, (await response.json()).viewers - 1);
    html("viewers").textContent = String(viewers);
    html("viewers-unit").textContent = viewers === 1 ? "viewer" : "viewers";
  } catch {
    // The connection is told of elsewhere; the count stays as it was.
  }
}

// Out: text goes into the ledger, and from there to the server as soon as it may.

const link = new Link(address("v1/stream"), {
  state: showState,
  message: receive,
  lost: () => {
    ledger.forgetSending();
    draw();
  },
  problem: showProblem,
});
const composer = new Composer(element("composer", HTMLInputElement), { say, commit, refused: () => {} });
const player = new Player({ say, commit, ready: () => link.state === "ready", changed: draw });
const playerBar = new PlayerBar(player, {
  starts: () => composer.finish(),
  failed: (reason) => showProblem({ text: reason, retry: false }),
  credential: () => key.value,
});
const speech = new SpeechButton({ say, commit, language: () => source.value, starts: () => composer.finish() });

/** @param {string} text */
function say(text) {
  if (text.trim() === "" && (ledger.text === "" || /\s$/u.test(ledger.text))) return;
  ledger.append(text);
  pump();
}

function commit() {
  ledger.commit();
  pump();
}

function pump() {
  draw();
  while (link.state === "ready") {
    const message = ledger.next(performance.now());
    if (message === undefined) return;
    link.send(message);
  }
}

/** @param {any} message */
function receive(message) {
  if (message.type === "final") {
    // Each target has its final; the first one tells what was said.
    if (message.target === targets()[0]) {
      const paragraph = document.createElement("p");
      paragraph.textContent = message.source;
      html("said").append(paragraph);
      ledger.settle(message.source);
    }
  } else if (message.type === "done") ledger.dropSent();
  else if (message.type === "ready") html("state-text").textContent = STATE_TEXTS.ready;
  pump();
}

function draw() {
  const text = ledger.text.trimStart();
  if (html("source-text").textContent !== text) html("source-text").textContent = text;
  playerBar.draw();
  const alone = text === "" && html("said").childElementCount === 0;
  composer.place({ hidden: player.state !== "stopped", alone, startsSentence: text === "" });
  const scroll = html("source-scroll");
  scroll.scrollTop = scroll.scrollHeight;
}

// The room.

/** Languages that are ticked. */
function targets() {
  return [...html("targets").querySelectorAll("input")].filter(({ checked }) => checked).map(({ value }) => value);
}

function offerTargets() {
  const offered = [...new Set(served.filter((one) => one.source === source.value).map(({ target }) => target))];
  const ticks = offered.map((target, index) => {
    const label = document.createElement("label");
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.value = target;
    tick.checked = index < TARGETS_MAX;
    label.append(tick, languageName(target));
    return label;
  });
  html("targets").replaceChildren(...ticks);
  for (const id of ["said", "source-text"]) html(id).lang = source.value;
  composer.placeholder = `Type or paste ${languageName(source.value)}`;
  offerShown();
  draw();
}

function offerShown() {
  const before = shown.value;
  shown.replaceChildren(...targets().map((target) => new Option(languageName(target), target)));
  if (targets().includes(before)) shown.value = before;
  if (shown.value !== before) watch(shown.value);
}

/** Whether the speaker wants to be live: the connection may be away. */
let started = false;

function startOrStop() {
  if (started) {
    player.stop();
    speech.stop();
    composer.finish();
    return link.close();
  }
  const chosen = targets();
  if (chosen.length === 0 || chosen.length > TARGETS_MAX) {
    return showProblem({ text: `Choose 1 to ${TARGETS_MAX} languages for the viewers.`, retry: false });
  }
  showProblem(undefined);
  link.open({ source: source.value, target: chosen, room, ...(key.value === "" ? {} : { key: key.value }) });
  composer.focus();
}

/** @param {import("./link.js").LinkState} state */
function showState(state) {
  started = state !== "asleep" && state !== "refused";
  html("state").dataset.state = state;
  html("state-text").textContent = STATE_TEXTS[state];
  button("start").textContent = started ? "Stop" : "Start";
  for (const field of [source, key, ...html("targets").querySelectorAll("input")]) field.disabled = started;
  if (state === "ready") void countViewers();
}

/** @param {import("./link.js").Problem | undefined} problem */
function showProblem(problem) {
  html("notice").hidden = problem === undefined;
  html("notice-text").textContent = problem?.text ?? "";
  html("notice-retry").hidden = problem?.retry !== true;
}

/** @param {string} text */
function tell(text) {
  html("told").textContent = text;
}

const share = element("share", HTMLAnchorElement);
share.href = address(`live/${room}`).href;
share.textContent = share.href.replace(/^https?:\/\//u, "");
html("room").textContent = room;
document.title = `Speak in ${room}: Souffleur`;
key.value = new URLSearchParams(location.search).get("token") ?? "";
if (key.value !== "") roomAddress.searchParams.set("token", key.value);
element("setup", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  startOrStop();
});
button("copy-share").addEventListener("click", () => copy(button("copy-share"), share.href, tell));
button("notice-retry").addEventListener("click", () => link.wake());
button("notice-close").addEventListener("click", () => showProblem(undefined));
source.addEventListener("change", offerTargets);
html("targets").addEventListener("change", offerShown);
shown.addEventListener("change", () => watch(shown.value));
window.addEventListener("online", () => {
  viewer.wake();
  if (link.state === "waiting") link.wake();
});

const served = await fetchModels(address("v1/models"));
source.replaceChildren(
  ...[...new Set(served.map((one) => one.source))].map((one) => new Option(languageName(one), one)),
);
offerTargets();
showState("asleep");
setInterval(() => void countViewers(), COUNT_EVERY_MS);
