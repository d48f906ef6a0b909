// Rows of Slider Mixer by name, saved with its node in the workflow.

import { element } from "../elements.js";
import { words } from "../words.js";
import { button } from "./controls.js";

const PROPERTY = "slider_mixer_presets"; // of the node

let made = 0;

export class Presets {
  /** `rows()` gives those that are shown, `change(edit)` edits and tells ComfyUI of it, `show(rows)` shows others. */
  constructor(node, { rows, change, show }) {
    Object.assign(this, { node, rows, change, showRows: show });
    this.names = element("datalist", { id: `slider_mixer_${++made}` });
    this.name = element("input", { placeholder: words("preset"), "aria-label": words("preset"), value: "" });
    this.name.setAttribute("list", this.names.id);
    this.name.addEventListener("focus", () => this.list());
    const buttons = [
      button(words("load"), () => this.load()),
      button(words("keep"), () => this.save()),
      button(words("delete"), () => this.delete()),
    ];
    this.root = element("div", { class: "line presets" }, this.name, ...buttons, this.names);
  }

  get all() {
    return (this.node.properties[PROPERTY] ??= {});
  }

  get chosen() {
    return this.name.value.trim();
  }

  list() {
    this.names.replaceChildren(...Object.keys(this.all).map((name) => element("option", { value: name })));
  }

  save() {
    if (this.chosen) this.change(() => (this.all[this.chosen] = this.rows()));
    this.list();
  }

  load() {
    const rows = this.all[this.chosen];
    if (rows) this.change(() => this.showRows(structuredClone(rows)));
  }

  delete() {
    this.change(() => delete this.all[this.chosen]);
    this.name.value = "";
    this.list();
  }
}
