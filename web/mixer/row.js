// One row of Slider Mixer: on or off, file, strength on the file's own range, and start, end and name behind a button.

import { element } from "../elements.js";
import { Track } from "../track.js";
import { signed, words } from "../words.js";
import { button, numberInput } from "./controls.js";
import { rangeOf } from "./lora_files.js";

const WIDEST = 2; // to both sides, where a file's range is not known
const STRONGEST = 100; // that can be typed
const STEPS = 40; // of the track to each side

/** The element of row `index` of a mixer. */
export function rowElement(mixer, row, index) {
  const number = index + 1;
  const set = (key, value) => mixer.change(() => (row[key] = value));
  const name = (of) => words("ofRow", { number, of });
  const parts = [firstLine(mixer, row, index, name, set), strengthLine(row, name, set)];
  if (mixer.open.has(row)) parts.push(details(row, name, set));
  return element("div", { class: row.on ? "row" : "row off", role: "group", "aria-label": words("row", { number }) }, ...parts);
}

function firstLine(mixer, row, index, name, set) {
  const on = element("input", { type: "checkbox", checked: row.on, title: words("on"), "aria-label": name(words("on")) });
  on.addEventListener("change", () => set("on", on.checked));
  const file = element("select", { "aria-label": name(words("file")) }, ...options(mixer.files, row.file));
  file.addEventListener("change", () => set("file", file.value));
  file.addEventListener("pointerdown", () => mixer.askForFiles());
  const more = button("…", () => mixer.toggle(row), words("details"));
  more.setAttribute("aria-expanded", String(mixer.open.has(row)));
  const remove = button("✕", () => mixer.remove(index), words("removeRow"));
  return element("div", { class: "line" }, grip(mixer, index), on, file, more, remove);
}

function options(files, chosen) {
  const missing = chosen && !files.includes(chosen) ? [chosen] : [];
  return [...missing, ...files].map((file) =>
    element("option", { value: file, selected: file === chosen }, file.replace(/\.safetensors$/, "")),
  );
}

/** Moves its row: by dragging, or with the arrow keys. */
function grip(mixer, index) {
  const made = button("⠿", () => {}, words("reorder"));
  made.classList.add("grip");
  made.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (by) mixer.move(index, index + by);
  });
  made.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    made.setPointerCapture(event.pointerId);
  });
  made.addEventListener("pointerup", (event) => mixer.move(index, mixer.placeAt(event.clientY, index)));
  return made;
}

function strengthLine(row, name, set) {
  const number = numberInput(row.strength, name(words("strength")), -STRONGEST, STRONGEST, (value) => set("strength", value));
  const track = new Track(name(words("strength")), (value) => {
    row.strength = number.value = value;
  });
  track.input.addEventListener("change", () => set("strength", track.value));
  const span = (most, marks) => {
    track.span(-most, most, most / STEPS, [[0, "zero"], ...marks]);
    track.set(row.strength, signed(row.strength));
  };
  span(WIDEST, []);
  rangeOf(row.file).then((range) => {
    if (!range) return;
    const [low, high] = range;
    span(Math.max(...range.map(Math.abs)), [[low, "end"], [high, "end"]]);
    track.input.title = words("fileRange", { low: signed(low), high: signed(high) });
    number.classList.toggle("outside", row.strength < low || row.strength > high);
  });
  return element("div", { class: "line strength" }, track.root, number);
}

function details(row, name, set) {
  const called = element("input", { value: row.name, placeholder: words("name"), "aria-label": name(words("name")) });
  called.addEventListener("change", () => set("name", called.value));
  const start = numberInput(row.start, name(words("start")), 0, 1, (value) => set("start", value));
  const end = numberInput(row.end, name(words("end")), 0, 1, (value) => set("end", value));
  return element("div", { class: "line details" }, words("start"), start, words("end"), end, called);
}
