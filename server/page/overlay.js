// Captions over a picture, as OBS and other mixers show pages: an output's screen or a room's lines, looks by the address.
import { RoomLines } from "./room-lines.js";
import { RoomLink } from "./room-link.js";

/** Until the next screen where a line rolls: so that several that come at once can be followed. */
const ROLL_MS = 350;
/** Screens that may wait for that; past it the newest is shown. */
const WAITING_MAX = 12;
const DEFAULT_HOLD_S = 8;
const ROOM_ROWS = 2;

const parameters = new URLSearchParams(location.search);
const captions = document.getElementById("captions");

function look() {
  const number = (name) => {
    const value = Number(parameters.get(name));
    return parameters.has(name) && Number.isFinite(value) ? value : undefined;
  };
  const set = (name, value) => {
    if (value !== undefined) document.documentElement.style.setProperty(`--${name}`, value);
  };
  // A `#` would begin the address's fragment: colours may come without.
  const color = (name) => {
    const text = parameters.get(name);
    if (text === null) return undefined;
    return [text, `#${text}`].find((one) => CSS.supports("color", one));
  };
  set("size", number("size") === undefined ? undefined : `${number("size")}px`);
  set("safe", number("safe") === undefined ? undefined : `${number("safe")}%`);
  set("width", number("width") === undefined ? undefined : `${number("width")}%`);
  set("color", color("color"));
  set("background", color("background"));
  const font = parameters.get("font");
  if (font !== null && CSS.supports("font-family", font)) set("font", font);
  const align = parameters.get("align");
  if (align === "left" || align === "right") {
    set("align", align);
    captions.classList.add(align);
  }
  if (parameters.get("position") === "top") captions.classList.add("top");
}

let shown = [];
let waiting = [];
let rolling;
let clearing;

function show(lines, cleared = () => {}) {
  const rows = Number(parameters.get("rows")) || lines.length;
  const visible = lines.slice(-rows);
  while (captions.children.length > visible.length) captions.lastElementChild.remove();
  for (const [index, text] of visible.entries()) {
    let line = captions.children[index];
    if (line === undefined) {
      line = document.createElement("div");
      line.className = "line";
      line.dir = "auto";
      captions.append(line);
    }
    if (line.textContent !== text) line.textContent = text;
  }
  shown = lines;
  clearTimeout(clearing);
  const hold = parameters.has("hold") ? Number(parameters.get("hold")) : DEFAULT_HOLD_S;
  if (lines.length > 0 && hold > 0) {
    clearing = setTimeout(() => {
      cleared();
      show([]);
    }, hold * 1000);
  }
}

function take(lines) {
  waiting.push(lines);
  if (waiting.length > WAITING_MAX) waiting = waiting.slice(-1);
  if (rolling === undefined) next();
}

function next() {
  rolling = undefined;
  const lines = waiting.shift();
  if (lines === undefined) return;
  // A line that only grows is shown at once.
  const rolls = shown.length > 0 && lines[0] !== shown[0] && !lines[0].startsWith(shown[0]);
  show(lines);
  rolling = setTimeout(next, rolls ? ROLL_MS : 0);
}

/** The last segments of a room, which roll up as the browser breaks them into rows. */
function connectRoom(room) {
  const lines = new RoomLines();
  const rows = Number(parameters.get("rows")) || ROOM_ROWS;
  captions.classList.add("room");
  document.documentElement.style.setProperty("--rows", String(rows));
  const url = new URL(`/v1/rooms/${encodeURIComponent(room)}`, location.href);
  for (const name of ["token", "key"]) if (parameters.has(name)) url.searchParams.set(name, parameters.get(name));
  let gone = 0;
  const link = new RoomLink(url, {
    state: () => {},
    message: (message) => {
      if (
        message.type === "room" &&
        !parameters.has("target") &&
        message.target === undefined &&
        message.targets.length > 0
      ) {
        link.watch(message.targets[0]);
        return;
      }
      lines.take(message);
      if (message.type === "room") return;
      // What has gone from the screen does not come back with the next word.
      const kept = lines.lines.filter(({ segment }) => segment >= gone).slice(-rows);
      const texts = [...kept.map(({ text }) => text), ...lines.open.values()].filter((text) => text.trim() !== "");
      show(texts.slice(-rows), () => {
        gone = message.segment + 1;
      });
    },
  });
  link.watch(parameters.get("target") ?? "");
}

function connect() {
  const output = parameters.get("output") ?? "";
  const query = new URLSearchParams();
  for (const name of ["target", "key"]) if (parameters.has(name)) query.set(name, parameters.get(name));
  const source = new EventSource(`/v1/captions/${encodeURIComponent(output)}/events?${query}`);
  source.addEventListener("screen", (event) => take(JSON.parse(event.data).lines));
}

look();
if (parameters.has("room")) connectRoom(parameters.get("room"));
else connect();
