// The rows of Slider Mixer: added, removed and reordered by hand, each slider on its file's own range.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { element } from "./elements.js";

const TYPE = "SLIDER_ROWS"; // of the input
const PRESETS = "slider_mixer_presets"; // property of the node: rows by name
const NEW = { file: "", on: true, strength: 1, start: 0, end: 1, name: "" };
const WIDEST = 2; // to both sides, where a file's range is not known
const HEIGHT = { row: 68, details: 30, rest: 80 };
const WIDTH = 380;

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = new URL("slider_mixer.css", import.meta.url).href;
document.head.append(style);

app.registerExtension({
  name: "ConceptSliders.SliderMixer",

  getCustomWidgets() {
    return { [TYPE]: (node, name) => ({ widget: new Mixer(node, name).widget }) };
  },
});

class Mixer {
  constructor(node, name) {
    this.node = node;
    this.rows = [];
    this.open = new Set(); // rows whose details are shown
    this.list = element("div", { class: "rows" });
    this.presetName = element("input", { placeholder: "Preset", "aria-label": "Preset", value: "" });
    const add = button("Add slider", () => this.change(() => this.rows.push({ ...NEW, file: this.files[0] ?? "" })));
    add.classList.add("add");
    const presets = element(
      "div",
      { class: "line presets" },
      this.presetName,
      button("Load", () => this.loadPreset()),
      button("Save", () => this.savePreset()),
      button("Delete", () => this.deletePreset()),
    );
    this.names = element("datalist", { id: `slider_mixer_${++made}` });
    this.presetName.setAttribute("list", this.names.id);
    this.root = element("div", { class: "concept-sliders slider-mixer" }, this.list, add, presets, this.names);
    this.files = [];
    this.widget = node.addDOMWidget(name, TYPE, this.root, {
      getValue: () => this.rows.map((row) => ({ ...row })),
      setValue: (rows) => this.show(rows),
      getMinHeight: () => this.height(),
      hideOnZoom: false,
    });
    leaveKeysHere(this.root);
    this.presetName.addEventListener("focus", () => this.listPresets());
    this.render();
    this.readFiles();
  }

  height() {
    return HEIGHT.rest + this.rows.length * HEIGHT.row + this.open.size * HEIGHT.details;
  }

  /** Takes the rows of a workflow; what a row does not say is as in a new one. */
  show(rows) {
    this.rows = (Array.isArray(rows) ? rows : []).map((row) => ({ ...NEW, ...row }));
    this.open.clear();
    this.render();
  }

  change(edit) {
    edit();
    this.widget.callback?.(this.widget.value);
    this.render();
    app.extensionManager?.workflow?.activeWorkflow?.changeTracker?.checkState?.();
  }

  async readFiles() {
    const answer = await api.fetchApi("/models/loras");
    this.files = answer.ok ? await answer.json() : [];
    this.render();
  }

  render() {
    const focused = place(this.root.ownerDocument.activeElement, this.list);
    this.list.replaceChildren(...this.rows.map((row, index) => this.row(row, index)));
    if (focused) this.list.children[focused[0]]?.querySelectorAll("input, select, button")[focused[1]]?.focus();
    const [width, height] = this.node.computeSize();
    this.node.setSize([Math.max(this.node.size[0], width, WIDTH), this.widget ? height : this.node.size[1]]);
    this.node.graph?.setDirtyCanvas(true, true);
  }

  row(row, index) {
    const label = `Row ${index + 1}`;
    const set = (key, value) => this.change(() => (row[key] = value));
    const on = element("input", { type: "checkbox", checked: row.on, title: "On", "aria-label": `${label}: on` });
    on.addEventListener("change", () => set("on", on.checked));
    const file = element("select", { "aria-label": `${label}: file` }, ...this.options(row.file));
    file.addEventListener("change", () => set("file", file.value));
    file.addEventListener("pointerdown", () => this.readFilesOnce());
    const more = button("…", () => this.change(() => toggle(this.open, row)), "Start, end and name");
    more.setAttribute("aria-expanded", String(this.open.has(row)));
    const first = element("div", { class: "line" }, this.grip(index), on, file, more, this.remover(index));
    const parts = [first, this.strength(row, label, set)];
    if (this.open.has(row)) parts.push(details(row, label, set));
    return element("div", { class: row.on ? "row" : "row off", role: "group", "aria-label": label }, ...parts);
  }

  options(chosen) {
    const missing = chosen && !this.files.includes(chosen) ? [chosen] : [];
    return [...missing, ...this.files].map((file) =>
      element("option", { value: file, selected: file === chosen }, file.replace(/\.safetensors$/, "")),
    );
  }

  /** Files that have come since, asked for when a list is about to open. */
  async readFilesOnce() {
    const answer = await api.fetchApi("/models/loras");
    if (answer.ok) this.files = await answer.json();
  }

  strength(row, label, set) {
    const track = element("input", { type: "range", min: -WIDEST, max: WIDEST, step: 0.05, "aria-label": `${label}: strength` });
    const number = numberInput(row.strength, `${label}: strength, typed`, -100, 100, (value) => set("strength", value));
    const note = element("span", { class: "note" });
    track.value = row.strength;
    track.addEventListener("input", () => {
      row.strength = Number(track.value);
      number.value = row.strength;
    });
    track.addEventListener("change", () => set("strength", Number(track.value)));
    rangeOf(row.file).then((range) => {
      if (!range) return;
      const most = Math.max(...range.map(Math.abs));
      Object.assign(track, { min: -most, max: most, step: most / 40 });
      track.value = row.strength;
      track.title = `Usable from ${range[0]} to ${range[1]}, as measured by a sweep.`;
      number.classList.toggle("outside", row.strength < range[0] || row.strength > range[1]);
    });
    return element("div", { class: "line strength" }, track, number, note);
  }

  /** Moves its row: by dragging, or with the arrow keys. */
  grip(index) {
    const grip = button("⠿", () => {}, "Drag, or press ↑ or ↓, to reorder");
    grip.classList.add("grip");
    grip.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (by) this.move(index, index + by);
    });
    grip.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      grip.setPointerCapture(event.pointerId);
    });
    grip.addEventListener("pointerup", (event) => {
      const rows = [...this.list.children].map((row) => row.getBoundingClientRect());
      const to = rows.filter((box) => box.top + box.height / 2 < event.clientY).length;
      this.move(index, to > index ? to - 1 : to);
    });
    return grip;
  }

  move(from, to) {
    if (to === from || to < 0 || to >= this.rows.length) return;
    this.change(() => this.rows.splice(to, 0, ...this.rows.splice(from, 1)));
    this.list.children[to].querySelector("button").focus();
  }

  remover(index) {
    return button("✕", () => this.change(() => this.open.delete(this.rows.splice(index, 1)[0])), "Remove this slider");
  }

  get presets() {
    return (this.node.properties[PRESETS] ??= {});
  }

  listPresets() {
    this.names.replaceChildren(...Object.keys(this.presets).map((name) => element("option", { value: name })));
  }

  savePreset() {
    const name = this.presetName.value.trim();
    if (name) this.change(() => (this.presets[name] = this.widget.value));
    this.listPresets();
  }

  loadPreset() {
    const rows = this.presets[this.presetName.value.trim()];
    if (rows) this.change(() => this.show(structuredClone(rows)));
  }

  deletePreset() {
    this.change(() => delete this.presets[this.presetName.value.trim()]);
    this.presetName.value = "";
    this.listPresets();
  }
}

let made = 0;
const ranges = new Map(); // file → promise of its usable range, or of null

/** The range that a file says it is usable in. */
function rangeOf(file) {
  if (!ranges.has(file)) ranges.set(file, askForRange(file));
  return ranges.get(file);
}

async function askForRange(file) {
  if (!file) return null;
  const answer = await api.fetchApi(`/concept_sliders/range?${new URLSearchParams({ file })}`);
  const range = answer.ok ? (await answer.json()).curve_range : null;
  return range && range[0] < range[1] ? range : null;
}

function details(row, label, set) {
  const name = element("input", { value: row.name, placeholder: "name", "aria-label": `${label}: name` });
  name.addEventListener("change", () => set("name", name.value));
  const start = numberInput(row.start, `${label}: start`, 0, 1, (value) => set("start", value));
  const end = numberInput(row.end, `${label}: end`, 0, 1, (value) => set("end", value));
  return element("div", { class: "line details" }, "from", start, "to", end, name);
}

/** A number that may be typed with a decimal comma or the minus of typographers; what is no number is taken back. */
function numberInput(value, label, lowest, highest, onChange) {
  const made = element("input", { class: "number", value, inputMode: "decimal", "aria-label": label });
  made.addEventListener("change", () => {
    const typed = Number(made.value.replace(",", ".").replace("−", "-").trim() || NaN);
    if (typed >= lowest && typed <= highest) onChange(typed);
    else made.value = value;
  });
  return made;
}

function button(text, onClick, title = text) {
  const made = element("button", { type: "button", title, "aria-label": title }, text);
  made.addEventListener("click", onClick);
  return made;
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}

/** Which row and which control of it has the focus. */
function place(control, list) {
  const row = control?.closest?.(".slider-mixer .row");
  if (!row || row.parentElement !== list) return null;
  return [[...list.children].indexOf(row), [...row.querySelectorAll("input, select, button")].indexOf(control)];
}

/** Keys that are meant for a control here are not the canvas's; the wheel is. */
function leaveKeysHere(root) {
  root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && event.key !== "Escape") event.stopPropagation();
  });
  root.addEventListener("wheel", (event) => {
    if (!root.closest("[data-node-id]")) app.canvas.processMouseWheel(event);
  });
}
