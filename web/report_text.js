// Shows on our nodes the text that their execution gives (`ui.text`): reports, plans, what was trained.

import { app } from "../../scripts/app.js";
import { addToNode, element, makeRoom } from "./elements.mjs";

const NODES = new Set([
  "BucketLoader",
  "CycleSampler",
  "SliderApply",
  "SliderDataset",
  "SliderLoad",
  "SliderNumbers",
  "SliderPairs",
  "SliderPromptLibrary",
  "SliderSave",
  "SliderSweep",
  "SliderTargets",
  "SliderTrainer",
]);
const LINE = 16; // pixels
const MOST = 14; // lines; more are scrolled to

app.registerExtension({
  name: "ConceptSliders.ReportText",

  nodeCreated(node) {
    if (!NODES.has(node.comfyClass)) return;
    const before = node.onExecuted;
    node.onExecuted = function (output) {
      before?.apply(this, arguments);
      show(node, output);
    };
  },

  loadedGraphNode(node) {
    if (NODES.has(node.comfyClass)) show(node, app.nodeOutputs?.[String(node.id)]);
  },
});

const texts = new WeakMap();

function show(node, output) {
  const text = [output?.text ?? []].flat().join("\n");
  if (!text) return;
  if (!texts.has(node)) texts.set(node, add(node));
  const shown = texts.get(node);
  shown.textContent = text;
  shown.lines = Math.min(MOST, text.split("\n").length);
  makeRoom(node);
}

function add(node) {
  const text = element("pre", { tabIndex: 0, "aria-label": "Report" });
  const root = element("div", { class: "concept-sliders" }, text);
  addToNode(node, "report_text", root, () => (text.lines ?? 1) * LINE + 20);
  return text;
}
