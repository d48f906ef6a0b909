// The panel on Train Slider: losses per sign, step, rate and time left, while it trains.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addToNode, element, makeRoom } from "./elements.mjs";

const NODE = "SliderTrainer";
const EVENT = "concept_sliders.progress";
const HEIGHT = { empty: 0, filled: 150 };
const WIDTH = 300; // of the chart, in its own units; the height is 100
const SERIES = ["positive", "negative", "neutral", "loss"];
const SVG = "http://www.w3.org/2000/svg";

const panels = new Set();

app.registerExtension({
  name: "ConceptSliders.TrainingPanel",

  setup() {
    api.addEventListener(EVENT, ({ detail }) => {
      for (const panel of panels) if (panel.isFor(detail.node_id)) panel.add(detail);
    });
  },

  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    const panel = new TrainingPanel(node);
    panels.add(panel);
    const before = node.onRemoved;
    node.onRemoved = function () {
      before?.apply(this, arguments);
      panels.delete(panel);
    };
  },
});

class TrainingPanel {
  constructor(node) {
    this.node = node;
    this.status = element("div", { role: "status" });
    this.chart = document.createElementNS(SVG, "svg");
    this.chart.setAttribute("viewBox", `0 0 ${WIDTH} 100`);
    this.chart.setAttribute("preserveAspectRatio", "none");
    this.chart.setAttribute("role", "img");
    this.legend = element("div", { class: "legend" });
    this.root = element("div", { class: "concept-sliders", hidden: true }, this.status, this.chart, this.legend);
    addToNode(node, "training_panel", this.root, () => (this.root.hidden ? HEIGHT.empty : HEIGHT.filled));
    this.clear();
  }

  /** Node ids are strings; inside a subgraph they carry the ids of the nodes around them. */
  isFor(id) {
    return String(id).split(":").at(-1) === String(this.node.id);
  }

  clear() {
    this.step = 0;
    this.losses = {};
  }

  /** Takes one event of a running training. */
  add({ step, steps, loss = {}, rate, seconds_per_step: seconds }) {
    if (step <= this.step) this.clear();
    this.step = step;
    for (const [name, value] of Object.entries(loss)) {
      if (Number.isFinite(value)) (this.losses[name] ??= []).push([step, value]);
    }
    const parts = [`step ${step} of ${steps}`];
    if (Number.isFinite(seconds)) parts.push(`${seconds.toFixed(2)} s a step`, `${time((steps - step) * seconds)} left`);
    if (Number.isFinite(rate)) parts.push(`rate ${rate.toExponential(1)}`);
    this.status.textContent = parts.join(" · ");
    this.draw(steps);
    if (this.root.hidden) {
      this.root.hidden = false;
      makeRoom(this.node);
    }
  }

  /** The signs are drawn where there are any, else the loss as a whole. */
  draw(steps) {
    const signs = SERIES.filter((name) => name !== "loss" && this.losses[name]);
    const names = signs.length ? signs : SERIES.filter((name) => this.losses[name]);
    const means = names.map((name) => smoothed(this.losses[name]));
    const values = means.flat().map(([, value]) => value);
    const lowest = Math.min(...values);
    const span = Math.max(...values) - lowest || 1;
    const place = ([step, value]) => `${(WIDTH * step) / steps},${92 - (84 * (value - lowest)) / span}`;
    this.chart.replaceChildren(...names.map((name, i) => line(name, means[i].map(place).join(" "))));
    this.chart.setAttribute("aria-label", `Loss over ${this.step} steps`);
    this.legend.replaceChildren(...names.map((name, i) => key(name, means[i].at(-1)[1])));
  }
}

function line(name, points) {
  const made = document.createElementNS(SVG, "polyline");
  made.setAttribute("points", points);
  made.style.stroke = `var(--${name})`;
  return made;
}

function key(name, value) {
  const made = element("span", {}, `${name} ${value.toPrecision(3)}`);
  made.style.color = `var(--${name})`;
  return made;
}

/** The running mean over about a sixth of the steps: noise makes most of a single step's loss. At most 100 points. */
function smoothed(points) {
  const keep = 1 - 1 / Math.max(1, points.length / 6);
  let mean = 0;
  let weight = 0;
  const means = points.map(([step, value]) => {
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return [step, mean / weight];
  });
  const every = Math.ceil(means.length / 100);
  return means.filter((_, index) => (means.length - 1 - index) % every === 0);
}

function time(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
  return `${Math.floor(whole / 3600)}:${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} h`;
}
