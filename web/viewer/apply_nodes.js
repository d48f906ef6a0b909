// The Apply Slider nodes that a strength found in the viewer can be set on.

import { app } from "../../../scripts/app.js";

const SLIDER = "slider";

/** Those of the sweep's graph: first the ones with the same slider. */
export function applyNodes(sweep) {
  const all = (sweep.graph?.nodes ?? []).filter((node) => node.comfyClass === "SliderApply");
  const same = all.filter((node) => shares(node, sweep));
  return [...same, ...all.filter((node) => !same.includes(node))];
}

/** Whether both have the same slider, as far as the links and files tell. */
export function shares(apply, sweep) {
  const [from, wanted] = [source(apply), source(sweep)];
  if (from) return from === sweep || from === wanted;
  return !wanted && widget(apply, "slider_file")?.value === widget(sweep, "slider_file")?.value;
}

/** The node that gives a node its slider. */
export function source(node) {
  const slot = node.findInputSlot(SLIDER);
  return slot < 0 ? null : node.getInputNode(slot);
}

export function widget(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}

export function setWidget(node, name, value) {
  const found = widget(node, name);
  found.value = value;
  found.callback?.(value, app.canvas, node);
  node.graph?.setDirtyCanvas(true, true);
}
