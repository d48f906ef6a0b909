// The rows of Slider Mixer: added, removed and reordered by hand, each slider on its file's own range.

import { app } from "../../scripts/app.js";
import { asWideAsNode, element } from "./elements.js";
import { button } from "./mixer/controls.js";
import { loraFiles } from "./mixer/lora_files.js";
import { Presets } from "./mixer/presets.js";
import { rowElement } from "./mixer/row.js";
import { words } from "./words.js";

const TYPE = "SLIDER_ROWS"; // of the input
const NEW = { file: "", on: true, strength: 1, start: 0, end: 1, name: "" };
const HEIGHT = { row: 68, details: 30, rest: 88 };
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
    this.files = [];
    this.open = new Set(); // rows whose details are shown
    this.list = element("div", { class: "rows" });
    const add = button(words("addSlider"), () => this.change(() => this.rows.push({ ...NEW, file: this.files[0] ?? "" })));
    add.classList.add("add");
    const presets = new Presets(node, {
      rows: () => this.widget.value,
      change: (edit) => this.change(edit),
      show: (rows) => this.show(rows),
    });
    this.root = element("div", { class: "concept-sliders slider-mixer" }, this.list, add, presets.root);
    this.widget = node.addDOMWidget(name, TYPE, this.root, {
      getValue: () => this.rows.map((row) => ({ ...row })),
      setValue: (rows) => this.show(rows),
      getMinHeight: () => this.height(),
      hideOnZoom: false,
    });
    asWideAsNode(this.widget);
    leaveKeysHere(this.root);
    this.render();
    this.askForFiles().then(() => this.render());
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

  /** Also for files that have come since, when a list is about to open. */
  async askForFiles() {
    this.files = await loraFiles();
  }

  render() {
    const focused = place(this.root.ownerDocument.activeElement, this.list);
    this.list.replaceChildren(...this.rows.map((row, index) => rowElement(this, row, index)));
    if (focused) this.list.children[focused[0]]?.querySelectorAll("input, select, button")[focused[1]]?.focus();
    const [width, height] = this.node.computeSize();
    this.node.setSize([Math.max(this.node.size[0], width, WIDTH), this.widget ? height : this.node.size[1]]);
    this.node.graph?.setDirtyCanvas(true, true);
  }

  toggle(row) {
    this.change(() => this.open.delete(row) || this.open.add(row));
  }

  remove(index) {
    this.change(() => this.open.delete(this.rows.splice(index, 1)[0]));
  }

  move(from, to) {
    if (to === from || to < 0 || to >= this.rows.length) return;
    this.change(() => this.rows.splice(to, 0, ...this.rows.splice(from, 1)));
    this.list.children[to].querySelector("button").focus();
  }

  /** Where the row `from` goes that is let fall at this height of the page. */
  placeAt(y, from) {
    const boxes = [...this.list.children].map((row) => row.getBoundingClientRect());
    const to = boxes.filter((box) => box.top + box.height / 2 < y).length;
    return to > from ? to - 1 : to;
  }
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
