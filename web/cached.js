// Nodes that ComfyUI does not run again, since an earlier run had the same inputs, tell nothing: what they told then is
// shown.

import { api } from "../../scripts/api.js";
import { asked } from "./history.js";
import { isOurs, keep, picked } from "./results.js";

const KNOWN = 50; // jobs that are looked through
const cached = new Map(); // job that runs → its nodes that do not run again
const shown = new Map(); // workflow and node → how that was made what the node shows

api.addEventListener("execution_cached", ({ detail }) => cached.set(detail.prompt_id, detail.nodes));

api.addEventListener("executing", ({ detail }) => {
  if (detail) return; // a node; without one, a job has ended and is in the history
  for (const [job, nodes] of cached) lookBack(job, nodes);
  cached.clear();
});

async function lookBack(job, nodes) {
  const { workflow_id: id, workflow, outputs } = await asked(`/jobs/${job}`);
  if (!workflow || !id) return;
  const { prompt } = workflow;
  const ours = Object.keys(prompt).filter((node) => isOurs(prompt[node].class_type));
  const isNew = (node) => shown.get(`${id} ${node}`) !== recipe(prompt, node);
  const silent = ours.filter((node) => nodes.includes(node) && !outputs[node] && isNew(node));
  const earlier = silent.length ? Object.values(await asked(`/history?max_items=${KNOWN}`)).reverse() : [];
  for (const node of silent) {
    const output = outputOf(recipe(prompt, node), earlier);
    if (output) keep(id, node, { ...picked(output), job });
  }
  for (const node of ours) shown.set(`${id} ${node}`, recipe(prompt, node));
}

/** What the newest of these jobs has told of a node that is made so. */
function outputOf(wanted, jobs) {
  for (const { prompt: [, , prompt], outputs } of jobs) {
    const node = Object.keys(outputs).find((id) => prompt[id] && recipe(prompt, id) === wanted);
    if (node) return outputs[node];
  }
  return undefined;
}

/** A node's class and inputs, with those of all nodes before it: the same text for the same work, whatever the numbers. */
function recipe(prompt, node) {
  const met = new Map();
  const visit = (id) => {
    if (met.has(id)) return met.get(id).place;
    const entry = { place: met.size };
    met.set(id, entry);
    const { class_type: kind, inputs } = prompt[id];
    const value = (input) => (Array.isArray(input) && prompt[input[0]] ? [visit(input[0]), input[1]] : input);
    entry.made = [kind, Object.keys(inputs).sort().map((name) => [name, value(inputs[name])])];
    return entry.place;
  };
  visit(node);
  return JSON.stringify([...met.values()].map(({ made }) => made));
}
