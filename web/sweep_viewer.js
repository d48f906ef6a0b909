// The viewer on Slider Sweep: drag through the strengths of each prompt and seed.

import { app } from "../../scripts/app.js";
import { addToNode, element, fit } from "./elements.js";
import { onResult } from "./results.js";
import { Track } from "./track.js";
import { Controls } from "./viewer/controls.js";
import { Pictures } from "./viewer/pictures.js";
import { Stage } from "./viewer/stage.js";
import { UseStrength } from "./viewer/use_strength.js";
import { placeOf } from "./viewer/places.js";
import { signed, words } from "./words.js";

const NODE = "SliderSweep";
const RESULT = "slider_sweep";
const WIDTH = 340; // of a new node, for the picture

const viewers = new WeakMap();

onResult((node, result) => {
  if (result[RESULT]) viewers.get(node)?.show(result[RESULT][0]);
});

app.registerExtension({
  name: "ConceptSliders.SweepViewer",

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    viewers.set(node, new SweepViewer(node));
    node.setSize([Math.max(node.size[0], WIDTH), node.size[1]]);
  },
});

class SweepViewer {
  constructor(node) {
    this.node = node;
    this.hint = element("div", { class: "note" }, words("hint"));
    this.rows = element("select", { title: words("promptAndSeed"), "aria-label": words("promptAndSeed") });
    this.rows.addEventListener("change", () => this.goToRow(this.row));
    this.prompt = element("div", {});
    this.stage = new Stage((part, down) => this.dragTo(part, down));
    this.track = new Track(words("strength"), () => this.update());
    this.strength = element("output", {});
    this.note = element("div", { class: "note", role: "status" });
    this.controls = new Controls(this);
    this.use = new UseStrength(this);
    const line = element("div", { class: "line" }, this.track.root, this.strength);
    this.filled = [this.rows, this.prompt, this.stage.root, line, this.controls.root, this.use.root, this.note];
    this.root = element("div", { class: "viewer" }, this.hint, ...this.filled);
    for (const part of this.filled) part.hidden = true;
    addToNode(node, "sweep_viewer", this.root);
    fit(node, this.root);
  }

  /** Shows a sweep as the node's execution gives it. */
  show(sweep) {
    this.sweep = sweep;
    this.pictures = new Pictures(sweep.frames);
    this.rows.replaceChildren(...sweep.rows.map(option));
    this.mark();
    this.track.set(this.zero, "0");
    this.controls.reset();
    this.hint.hidden = true;
    for (const part of this.filled) part.hidden = false;
    this.update();
    fit(this.node, this.root);
  }

  get zero() {
    return this.sweep.strengths.indexOf(0);
  }

  get row() {
    return Number(this.rows.value || 0);
  }

  /** The column that is looked at: at the hold of a key or button, strength 0. */
  get column() {
    return this.controls.held ? this.zero : this.track.value;
  }

  /** The ends of the usable range on the track. */
  mark() {
    const { strengths } = this.sweep;
    const marks = this.usable.map((end) => [placeOf(end, strengths), "end"]);
    this.track.span(0, strengths.length - 1, 1, [[this.zero, "zero"], ...(this.isUsable() ? marks : [])]);
  }

  /** The usable range of the row: each place of the second axis has its own. */
  get usable() {
    const { rows, second_axis: second, usable_range: only } = this.sweep;
    return second?.usable_ranges[rows[this.row].second] ?? only;
  }

  /** The rows that differ from the one that is looked at in their place on the second axis alone. */
  get besides() {
    const { rows } = this.sweep;
    const own = rows[this.row];
    const alike = (row) => row.prompt === own.prompt && row.name === own.name && row.start === own.start;
    return this.sweep.second_axis ? [...rows.keys()].filter((index) => alike(rows[index])) : [this.row];
  }

  isUsable() {
    const [lowest, highest] = this.usable;
    return lowest !== highest;
  }

  goTo(column) {
    this.track.set(column, signed(this.sweep.strengths[column]));
    this.update();
  }

  goToRow(row) {
    this.rows.value = row;
    const column = this.track.value;
    this.mark();
    this.goTo(column);
  }

  async update() {
    const strength = this.sweep.strengths[this.column];
    const shown = signed(strength);
    this.track.set(this.track.value, signed(this.sweep.strengths[this.track.value]));
    this.strength.value = shown;
    const { name, prompt } = this.sweep.rows[this.row];
    this.prompt.textContent = prompt;
    this.prompt.hidden = prompt === name; // it stands above already
    this.say(strength);
    this.controls.update();
    this.use.update(this.sweep.strengths[this.track.value]);
    await this.picture(shown);
  }

  say(strength) {
    const [lowest, highest] = this.usable;
    const outside = strength < lowest || strength > highest;
    const range = { low: signed(lowest), high: signed(highest) };
    this.note.textContent = this.isUsable() ? words(outside ? "outside" : "usable", range) : words("noRange");
    this.strength.classList.toggle("outside", this.isUsable() && outside);
  }

  /** Shows the picture of now once it is there, unless another is wanted by then. */
  async picture(shown) {
    const { row, column, pictures } = this;
    const { left, part } = this.controls.wiped;
    const wanted = (this.wanted = {});
    try {
      const [picture, other] = await Promise.all([
        pictures.at(row, column),
        left === null ? null : pictures.at(row, left),
      ]);
      if (wanted !== this.wanted) return;
      const { prompt, seed } = this.sweep.rows[row];
      picture.alt = words("picture", { prompt, seed, strength: shown });
      this.stage.show(picture, other, part);
      pictures.around(row, column);
    } catch {
      if (wanted !== this.wanted) return;
      this.stage.clear();
      this.note.textContent = words("gone");
    }
  }

  /** Across through the strengths, and down through the second axis where there is one. */
  dragTo(part, down) {
    if (this.controls.wiped.left === null) {
      this.track.input.focus({ preventScroll: true });
      const rows = this.besides;
      if (rows.length > 1) this.goToRow(rows[Math.round(down * (rows.length - 1))]);
      this.goTo(Math.round(part * (this.sweep.strengths.length - 1)));
    } else {
      this.controls.line.focus({ preventScroll: true });
      this.controls.wipeAt(part);
    }
  }
}

function option({ name, seed }, index) {
  return element("option", { value: index }, [name, seed].filter(Boolean).join(" · "));
}
