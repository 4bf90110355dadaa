// Captions over a picture, as OBS and other mixers show pages: one output's screen, looks by the address.

/** Until the next screen where a line rolls: so that several that come at once can be followed. */
const ROLL_MS = 350;
/** Screens that may wait for that; past it the newest is shown. */
const WAITING_MAX = 12;
const DEFAULT_HOLD_S = 8;

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

function show(lines) {
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
  if (lines.length > 0 && hold > 0) clearing = setTimeout(() => show([]), hold * 1000);
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

function connect() {
  const output = parameters.get("output") ?? "";
  const query = new URLSearchParams();
  for (const name of ["target", "key"]) if (parameters.has(name)) query.set(name, parameters.get(name));
  const source = new EventSource(`/v1/captions/${encodeURIComponent(output)}/events?${query}`);
  source.addEventListener("screen", (event) => take(JSON.parse(event.data).lines));
}

look();
connect();
