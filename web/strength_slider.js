// The slider on Apply Slider: its strength, over the range that was measured for the file. Typed values go further.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addToNode, element, fit } from "./elements.js";
import { onResult, resultOf } from "./results.js";
import { Track } from "./track.js";
import { setWidget, shares, source, widget } from "./viewer/apply_nodes.js";
import { signed, words } from "./words.js";

const NODE = "SliderApply";
const WIDEST = 2; // to both sides, where no range is known
const STEPS = 80; // of the track

const sliders = new WeakMap();

// Results of other nodes too: a sweep measures the range.
onResult((node) => {
  for (const other of node.graph?.nodes ?? []) sliders.get(other)?.refresh();
});

app.registerExtension({
  name: "ConceptSliders.StrengthSlider",

  nodeCreated(node) {
    if (node.comfyClass === NODE) sliders.set(node, new StrengthSlider(node));
  },

  // Links are there only when the whole workflow is.
  afterConfigureGraph() {
    for (const node of app.rootGraph.nodes) sliders.get(node)?.refresh();
  },
});

class StrengthSlider {
  constructor(node) {
    this.node = node;
    this.track = new Track(words("strength"), (value) => setWidget(node, "strength", value));
    this.strength = element("output", {});
    this.note = element("div", { class: "note" });
    const line = element("div", { class: "line" }, this.track.root, this.strength);
    this.root = element("div", {}, line, this.note);
    addToNode(node, "strength_slider", this.root);
    this.after(widget(node, "strength"), () => this.follow());
    for (const name of ["slider_file", "response_curve"]) this.after(widget(node, name), () => this.refresh());
    const before = node.onConnectionsChange;
    node.onConnectionsChange = (...args) => {
      before?.apply(node, args);
      this.refresh();
    };
    this.mark(null);
    this.refresh();
  }

  after(widget, then) {
    const before = widget.callback;
    widget.callback = function () {
      const result = before?.apply(this, arguments);
      then();
      return result;
    };
  }

  /** Finds the range anew, and shows the strength that the node has. */
  async refresh() {
    const wanted = (this.wanted = {});
    const range = await this.range();
    if (wanted === this.wanted) this.mark(range);
  }

  /** As a sweep of the same slider in this workflow has measured it, else as the slider or its file says; of strengths as the node takes them. */
  async range() {
    const sweep = this.node.graph?.nodes.find(
      (other) => other.comfyClass === "SliderSweep" && resultOf(other).slider_sweep && shares(this.node, other),
    );
    const from = source(this.node);
    const byCurve = widget(this.node, "response_curve")?.value !== false;
    if (sweep) {
      const { usable_range: swept, with_slider: measured } = resultOf(sweep).slider_sweep[0];
      return (from === sweep && byCurve && measured?.usable_range) || swept;
    }
    if (from && from.comfyClass !== "SliderLoad") return resultOf(this.node).usable_range?.[0];
    const file = widget(from ?? this.node, "slider_file")?.value;
    const answer = await api.fetchApi(`/concept_sliders/range?${new URLSearchParams({ file })}`);
    return answer.ok ? (await answer.json())[byCurve ? "curve_range" : "usable_range"] : null;
  }

  mark(range) {
    const known = range && range[0] < range[1];
    const most = known ? Math.max(...range.map(Math.abs)) : WIDEST;
    const marks = known ? range.map((end) => [end, "end"]) : [];
    this.track.span(-most, most, (2 * most) / STEPS, [[0, "zero"], ...marks]);
    this.note.textContent = known
      ? words("fileRange", { low: signed(range[0]), high: signed(range[1]) })
      : words("noFileRange");
    this.known = known ? range : null;
    this.follow();
    fit(this.node, this.root);
  }

  follow() {
    const strength = widget(this.node, "strength").value;
    this.track.set(strength, signed(strength));
    this.strength.value = signed(strength);
    const outside = this.known && (strength < this.known[0] || strength > this.known[1]);
    this.strength.classList.toggle("outside", !!outside);
  }
}
