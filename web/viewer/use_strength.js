// "Use this strength": sets the Apply Slider that shares the sweep's slider, or the one that is chosen.

import { element } from "../elements.js";
import { signed, words } from "../words.js";
import { applyNodes, setWidget, source, widget } from "./apply_nodes.js";

export class UseStrength {
  constructor(viewer) {
    this.viewer = viewer;
    this.button = element("button", { type: "button" }, words("use"));
    this.button.addEventListener("click", () => this.use());
    this.choice = element("select", { title: words("useIn"), "aria-label": words("useIn") });
    this.choice.addEventListener("pointerdown", () => this.list());
    this.choice.addEventListener("focus", () => this.list());
    this.choice.addEventListener("change", () => (this.chosen = this.choice.value));
    this.root = element("div", { class: "line" }, this.button, this.choice);
  }

  update(strength) {
    this.strength = strength;
    this.list();
  }

  list() {
    const nodes = applyNodes(this.viewer.node);
    const ids = nodes.map((node) => String(node.id)).join();
    if (ids !== this.listed) {
      this.listed = ids;
      this.choice.replaceChildren(...nodes.map((node) => element("option", { value: node.id }, title(node))));
      if (nodes.some((node) => String(node.id) === this.chosen)) this.choice.value = this.chosen;
    }
    this.choice.hidden = nodes.length < 2;
    this.button.disabled = !nodes.length;
    this.button.title = nodes.length ? "" : words("noApply");
  }

  use() {
    this.list();
    const node = applyNodes(this.viewer.node).find((node) => String(node.id) === this.choice.value);
    if (!node) return;
    const strength = this.strengthFor(node);
    setWidget(node, "strength", strength);
    this.viewer.note.textContent = words("used", { title: title(node), strength: signed(strength) });
  }

  /** A node that has the slider from the sweep itself goes by the response curve that the sweep has measured. */
  strengthFor(node) {
    const { strengths, with_slider: measured } = this.viewer.sweep;
    const byCurve = source(node) === this.viewer.node && widget(node, "response_curve")?.value !== false;
    return byCurve && measured ? measured.strengths[strengths.indexOf(this.strength)] : this.strength;
  }
}

function title(node) {
  return words("applyTitle", { title: node.title, id: node.id });
}
