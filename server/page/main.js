// The live page: wires what is typed or played to the stream, and what comes back to the panes and the figures.
import { copy } from "./clipboard.js";
import { Composer } from "./composer.js";
import { button, element, html } from "./element.js";
import { listenToKeys } from "./keys.js";
import { Ledger } from "./ledger.js";
import { LinkSwitch } from "./link-switch.js";
import { Meters } from "./meters.js";
import { fetchModels, labelOf, languageName } from "./models.js";
import { Player } from "./player.js";
import { PlayerBar } from "./player-bar.js";
import { SpeechButton } from "./speech-button.js";
import { Transcript } from "./transcript.js";
import { endOfWord } from "./words.js";

const STATE_TEXTS = {
  connecting: "Connecting",
  ready: "Connected",
  ending: "Changing over",
  waiting: "Reconnecting",
  asleep: "Resting until you type",
  refused: "Not connected",
};

const pair = element("pair", HTMLSelectElement);
const waits = Array.from(html("wait").querySelectorAll("input"));

/** @type {import("./models.js").Served[]} */
let served = [];
/** New settings wait for the end of the sentence that a talk is in. */
let settingsPending = false;
let drawing = false;

const ledger = new Ledger();
const transcript = new Transcript({
  source: { settled: html("source-settled"), scroll: html("source-scroll") },
  target: { settled: html("target-settled"), scroll: html("target-scroll") },
  sourceText: html("source-text"),
  sourceAhead: html("source-ahead"),
  sourceGap: html("source-gap"),
  sourceOpen: html("source-open"),
  targetOpen: html("target-open"),
});
const meters = new Meters({
  lag: html("lag"),
  lagUnit: html("lag-unit"),
  lagNote: html("lag-note"),
  latency: html("latency"),
  latencyNote: html("latency-note"),
  spread: html("latency-spread"),
  chart: element("sparkline", SVGElement),
});
const link = new LinkSwitch(new URL(".", document.baseURI), element("on-device", HTMLInputElement), {
  state: showState,
  message: receive,
  lost: forgetStream,
  problem: showProblem,
  progress: showProgress,
});
const composer = new Composer(element("composer", HTMLInputElement), { say, commit, refused: pointAtHint });
const player = new Player({ say, commit, ready: () => link.state === "ready", changed: playerChanged });
const starts = () => {
  composer.finish();
  link.wake();
};
const playerBar = new PlayerBar(player, {
  starts,
  failed: (reason) => showProblem({ text: reason, retry: false }),
  credential: () => "",
});
const speech = new SpeechButton({ say, commit, starts, language: () => settings().source });

// Out: text goes into the ledger, and from there to the server as soon as it may.

/** @param {string} text */
function say(text) {
  // White space that follows white space, or nothing, says nothing.
  if (text.trim() === "" && (ledger.text === "" || /\s$/u.test(ledger.text))) return;
  ledger.append(text);
  pump();
  if (settingsPending && /[.!?]\s*$/u.test(text)) applySettings();
}

function commit() {
  ledger.commit();
  pump();
}

function pump() {
  draw();
  if (link.state === "asleep" && ledger.text.trim() !== "") link.wake();
  while (link.state === "ready") {
    const message = ledger.next(performance.now());
    if (message === undefined) return;
    link.send(message);
  }
}

// In: what the server says.

/** @param {any} message */
function receive(message) {
  const arrived = performance.now();
  if (message.type === "delta") {
    const allowed = ledger.allowedAt(message.read, arrived, message.latency);
    if (allowed !== undefined) meters.addLatency({ total: arrived - allowed, server: message.latency });
    transcript.grow(message.segment, message.text);
  } else if (message.type === "final") {
    transcript.settle(message.segment, message.source, message.text);
    ledger.settle(message.source);
    if (message.averageLagging !== undefined) meters.addLagging(message.averageLagging);
  } else if (message.type === "done") {
    ledger.dropSent();
  } else if (message.type === "ready") {
    showStream(message);
  }
  pump();
}

/** @param {{ model: string, wait: number | "full" }} stream */
function showStream({ model, wait }) {
  const behind = wait === "full" ? "a whole sentence" : wait === 1 ? "1 token" : `${wait} tokens`;
  const place = link.onDevice ? " on this device" : "";
  meters.place = link.onDevice ? "in the model" : "in the server";
  html("stream-note").textContent = `Model ${model}${place}, ${behind} behind.`;
  if (!settingsPending) {
    for (const choice of waits) choice.checked = choice.value === String(wait);
  }
}

/** The stream is gone: what it had not settled is sent again to the next one, and grows again. */
function forgetStream() {
  ledger.forgetSending();
  transcript.dropOpen();
  draw();
}

/** @param {import("./link.js").LinkState} state */
function showState(state) {
  html("state").dataset.state = state;
  html("state-text").textContent = state === "ready" && link.onDevice ? "On this device" : STATE_TEXTS[state];
}

/** @param {number} share of the model that is here, 0 to 1 */
function showProgress(share) {
  html("state-text").textContent = share < 1 ? `Fetching the model: ${Math.floor(share * 100)} %` : "Opening the model";
}

/** @param {import("./link.js").Problem | undefined} problem */
function showProblem(problem) {
  html("notice").hidden = problem === undefined;
  html("notice-text").textContent = problem?.text ?? "";
  html("notice-retry").hidden = problem?.retry !== true;
}

// Settings hold for a whole stream, so new ones mean a new stream.

/** @returns {import("./link.js").Settings} */
function settings() {
  const { source, target, model } = served[Math.max(0, pair.selectedIndex)];
  const wait = waits.find((choice) => choice.checked)?.value ?? "3";
  return { source, target, model, wait: wait === "full" ? "full" : Number(wait) };
}

/** A talk goes on to the end of its sentence first; a typed sentence ends here. */
function changeSettings() {
  settingsPending = player.state !== "stopped" && ledger.text.trim() !== "";
  if (settingsPending) tell("From the next sentence on.");
  else applySettings();
}

function applySettings() {
  settingsPending = false;
  showLanguages();
  commit();
  link.open(settings());
}

function showLanguages() {
  const { source, target } = settings();
  html("source-title").textContent = languageName(source);
  html("target-title").textContent = languageName(target);
  for (const id of ["source-settled", "source-open"]) html(id).lang = source;
  for (const id of ["target-settled", "target-open"]) html(id).lang = target;
  composer.placeholder = `Type or paste ${languageName(source)}`;
  draw();
}

// The screen.

/** Draws once a frame, however much has come. */
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const read = ledger.wordsSent;
    const covered = Math.min(read, transcript.wordsCovered);
    const cut = endOfWord(ledger.text, covered);
    transcript.showSource(ledger.text.slice(0, cut), ledger.text.slice(cut));
    meters.show(read - covered);
    const blank = ledger.text.trim() === "";
    html("target-empty").hidden = !(transcript.empty && blank);
    playerBar.draw();
    html("speaking").hidden = player.state !== "playing";
    composer.place({ hidden: player.state !== "stopped", alone: transcript.empty && blank, startsSentence: blank });
    transcript.layOut();
  });
}

function playerChanged() {
  if (player.state === "stopped" && settingsPending) applySettings();
  draw();
}

/** Says something in passing. @param {string} text */
function tell(text) {
  html("told").textContent = "";
  requestAnimationFrame(() => {
    html("told").textContent = text;
  });
}

function pointAtHint() {
  tell("Words that were sent stay.");
  const hint = html("composer-hint");
  hint.classList.remove("called");
  requestAnimationFrame(() => hint.classList.add("called"));
}

// Buttons.

function clear() {
  player.stop();
  speech.stop();
  const open = ledger.text.trim() !== "";
  ledger.clear();
  transcript.clear();
  meters.clear();
  composer.clear();
  // Translations of what is gone must not come any more: only a new stream is sure of that.
  if (open && link.state !== "waiting" && link.state !== "refused") link.restart();
  draw();
  composer.focus();
}

const copyTarget = () => copy(button("copy-target"), transcript.targetText, tell);
button("copy-target").addEventListener("click", copyTarget);
button("copy-source").addEventListener("click", () => copy(button("copy-source"), transcript.sourceText, tell));
button("clear").addEventListener("click", clear);
button("notice-retry").addEventListener("click", () => link.wake());
button("notice-close").addEventListener("click", () => showProblem(undefined));
for (const choice of waits) choice.addEventListener("change", changeSettings);
pair.addEventListener("change", changeSettings);
window.addEventListener("online", () => link.wake());
html("source-scroll").addEventListener("click", () => {
  if (getSelection()?.isCollapsed !== false) composer.focus();
});
listenToKeys({
  composer,
  speak: () => speech.press(),
  play: () => playerBar.playOrPause(),
  stop: () => player.stop(),
  copy: copyTarget,
  clear,
  wait: (place) => waits[place].click(),
});

served = await fetchModels(new URL("v1/models", document.baseURI));
html("pair-label").classList.toggle("single", served.length === 1);
pair.replaceChildren(...served.map((one) => new Option(labelOf(one, served))));
for (const choice of waits) choice.checked = choice.value === String(served[0].wait ?? 3);
showLanguages();
link.offer(served.some(({ onDevice }) => onDevice === true));
link.open(settings());
