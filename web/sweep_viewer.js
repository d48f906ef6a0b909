// The viewer on Slider Sweep: drag through the strengths of each prompt and seed.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addToNode, element, makeRoom } from "./elements.mjs";

const NODE = "SliderSweep";
const RESULT = "slider_sweep";
const HINT = "Run this node to drag through its strengths here.";
const HEIGHT = { empty: 36, filled: 420 };
const WIDTH = 340;

app.registerExtension({
  name: "ConceptSliders.SweepViewer",

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    const viewer = new SweepViewer(node);
    node.conceptSlidersViewer = viewer;
    const before = node.onExecuted;
    node.onExecuted = function (output) {
      before?.apply(this, arguments);
      if (output?.[RESULT]) viewer.show(output[RESULT][0]);
    };
  },

  // A workflow that is opened again in the same session still has its results.
  loadedGraphNode(node) {
    const output = app.nodeOutputs?.[String(node.id)];
    if (node.comfyClass === NODE && output?.[RESULT]) node.conceptSlidersViewer.show(output[RESULT][0]);
  },
});

class SweepViewer {
  constructor(node) {
    this.node = node;
    this.rows = element("select", { title: "Prompt and seed", "aria-label": "Prompt and seed" });
    this.range = element("input", { type: "range", min: 0, step: 1, "aria-label": "Strength" });
    this.strength = element("output", {});
    this.picture = element("div", { class: "picture" });
    this.note = element("div", { class: "note" });
    this.rows.addEventListener("change", () => this.update());
    this.range.addEventListener("input", () => this.update());
    this.picture.addEventListener("pointerdown", (event) => this.startDrag(event));
    this.picture.addEventListener("pointermove", (event) => this.drag(event));
    this.root = element("div", { class: "concept-sliders" }, HINT);
    addToNode(node, "sweep_viewer", this.root, () => (this.sweep ? HEIGHT.filled : HEIGHT.empty));
  }

  /** Shows a sweep as the node's execution gives it. */
  show(sweep) {
    this.sweep = sweep;
    this.images = sweep.frames.map((row) => row.map(image));
    this.rows.replaceChildren(...sweep.rows.map((row, index) => option(row, index)));
    this.range.max = sweep.strengths.length - 1;
    this.range.value = sweep.strengths.indexOf(0);
    this.root.replaceChildren(
      element("div", { class: "line" }, this.rows),
      this.picture,
      element("div", { class: "line" }, this.range, this.strength),
      this.note,
    );
    this.update();
    makeRoom(this.node, WIDTH);
  }

  update() {
    const { strengths, rows, usable_range: usable } = this.sweep;
    const row = Number(this.rows.value || 0);
    const strength = strengths[Number(this.range.value)];
    const shown = signed(strength);
    const picture = this.images[row][Number(this.range.value)];
    picture.alt = `${rows[row].prompt}, ${rows[row].seed}, strength ${shown}`;
    this.picture.replaceChildren(picture);
    this.strength.value = shown;
    this.range.setAttribute("aria-valuetext", shown);
    const [lowest, highest] = usable;
    const outside = strength < lowest || strength > highest;
    this.strength.classList.toggle("outside", outside);
    this.note.textContent =
      lowest === highest
        ? "No usable range was found; see the report."
        : `Usable range ${signed(lowest)} to ${signed(highest)}${outside ? ", this is outside" : ""}`;
  }

  startDrag(event) {
    event.stopPropagation();
    this.picture.setPointerCapture(event.pointerId);
    this.range.focus();
    this.drag(event);
  }

  drag(event) {
    if (!this.picture.hasPointerCapture(event.pointerId)) return;
    const box = this.picture.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    this.range.value = Math.round(part * (this.sweep.strengths.length - 1));
    this.update();
  }
}

function image(file) {
  const query = new URLSearchParams({ filename: file.filename, subfolder: file.subfolder, type: file.type });
  return element("img", { src: api.apiURL(`/view?${query}`), draggable: false });
}

function option(row, index) {
  const words = row.prompt.length > 70 ? `${row.prompt.slice(0, 69)}…` : row.prompt;
  return element("option", { value: index }, `${words} (${row.seed})`);
}

function signed(strength) {
  const rounded = Number(strength.toFixed(3));
  return rounded > 0 ? `+${rounded}` : String(rounded).replace("-", "−");
}
