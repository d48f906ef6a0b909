// The panel on Train Slider: losses per sign, step, rate and time left, while it trains and after it.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { Curve } from "./curve.js";
import { addToNode, element, fit } from "./elements.js";
import { isOpen, keep, nodeAt, onResult } from "./results.js";
import { EVENT, latestTraining } from "./training.js";
import { TrainingPreviews } from "./training_previews.js";
import { words } from "./words.js";

const NODE = "SliderTrainer";
const KEPT = 100; // points of a curve in a saved workflow

const panels = new WeakMap();

// Before the page connects to the server: events come with the connection.
api.addEventListener(EVENT, ({ detail }) => {
  const panel = isOpen(detail.workflow_id) && panels.get(nodeAt(detail.node_id));
  if (!panel) return;
  if (detail.previews) panel.picture(detail.previews);
  else panel.add(detail);
  if (detail.ended) keep(detail.workflow_id, detail.node_id, panel.kept());
});

onResult((node, { training, slider_previews: previews }) => {
  if (training) panels.get(node)?.restore(training);
  if (previews?.length) panels.get(node)?.picture(previews);
});

app.registerExtension({
  name: "ConceptSliders.TrainingPanel",

  nodeCreated(node) {
    if (node.comfyClass === NODE) panels.set(node, new TrainingPanel(node));
  },

  // The workflow may be the one of a training that runs, or ran while another was open.
  afterConfigureGraph() {
    if (app.rootGraph.nodes.some((node) => panels.has(node))) lookUp();
  },
});

async function lookUp() {
  const training = await latestTraining();
  if (isOpen(training.workflow_id)) panels.get(nodeAt(training.node_id))?.restore(training);
}

class TrainingPanel {
  constructor(node) {
    this.node = node;
    this.status = element("div", { role: "status" });
    this.curve = new Curve();
    this.previews = new TrainingPreviews();
    const parts = [this.status, this.curve.frame, this.curve.legend, ...this.previews.parts];
    this.root = element("div", { hidden: true }, ...parts);
    addToNode(node, "training_panel", this.root);
    this.points = [];
    this.last = {};
  }

  /** Takes a whole training: its last event and its curve. */
  restore({ curve, previews, ...last }) {
    if (previews) this.picture(previews);
    if (!curve?.length) return;
    this.points = curve;
    this.last = last;
    this.show();
  }

  /** Takes one event of a running training. */
  add(event) {
    if (event.step <= this.last.step && !event.ended) this.points = [];
    if (!this.points.length) this.picture([]);
    if (!event.ended && event.loss) this.points.push([event.step, event.loss]);
    this.last = event;
    if (this.points.length) this.show();
  }

  picture(entries) {
    this.previews.show(entries);
    fit(this.node, this.root);
  }

  show() {
    const { step, steps, ended, rate, seconds_per_step: seconds } = this.last;
    const parts = [words("step", { step, steps })];
    if (ended) parts.push(words(ended));
    else if (Number.isFinite(seconds)) {
      parts.push(words("perStep", { seconds: seconds.toFixed(2) }), words("left", { time: time((steps - step) * seconds) }));
    }
    if (!ended && Number.isFinite(rate)) parts.push(words("rate", { rate: rate.toExponential(1).replace("-", "−") }));
    this.status.textContent = parts.join(" · ");
    this.curve.draw(this.points, steps);
    this.root.hidden = false;
    fit(this.node, this.root);
  }

  /** What a saved workflow has of it. */
  kept() {
    const every = Math.ceil(this.points.length / KEPT);
    const { step, steps, ended } = this.last;
    const curve = this.points.filter((_, index) => (this.points.length - 1 - index) % every === 0);
    return { training: { step, steps, ended, curve }, slider_previews: this.previews.entries };
  }
}

function time(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return words("seconds", { seconds: whole });
  if (whole < 3600) return words("minutes", { minutes: `${Math.floor(whole / 60)}:${two(whole % 60)}` });
  return words("hours", { hours: `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}` });
}
