// What nodes have given last: shown, and kept with the node in its workflow, open or not.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

export const PACK = new URL(import.meta.url).pathname.split("/").at(-2); // the name of its folder
const PROPERTY = "concept_sliders"; // of a node
const KEPT = ["text", "slider_sweep", "usable_range", "training", "slider_previews"];
const MODULE = `custom_nodes.${PACK}`;

const shows = [];
const jobs = new Map(); // id of a job → promise of its workflow's id

/** Calls `show(node, result)` for our nodes when they have a new result, and when a workflow with one is loaded. */
export function onResult(show) {
  shows.push(show);
}

export function resultOf(node) {
  return node.properties?.[PROPERTY] ?? {};
}

export function isOurs(type) {
  return globalThis.LiteGraph.registered_node_types[type]?.nodeData?.python_module === MODULE;
}

/** The node of an execution: its id, after those of the subgraphs around it. */
export function nodeAt(id) {
  const path = String(id).split(":");
  const inner = path.slice(0, -1).reduce((graph, step) => graph?.getNodeById(step)?.subgraph, app.rootGraph);
  return inner?.getNodeById(path.at(-1));
}

/** Whether the workflow of this id is the one on the screen. */
export function isOpen(workflow) {
  return workflow === app.rootGraph.id;
}

/** The id of the workflow that a job was queued from; undefined for jobs of scripts. */
export function workflowOf(job) {
  if (!jobs.has(job)) jobs.set(job, askFor(job));
  return jobs.get(job);
}

async function askFor(job) {
  const answer = await api.fetchApi(`/jobs/${job}`);
  return answer.ok ? (await answer.json()).workflow_id : undefined;
}

/** Keeps more of a result of a node, in the workflow that it belongs to, and shows it if that is open. */
export function keep(workflow, id, more) {
  const node = isOpen(workflow) && nodeAt(id);
  if (node && isOurs(node.type)) node.properties[PROPERTY] = merged(resultOf(node), more);
  keepInStates(workflow, id, more);
  if (node && isOurs(node.type)) for (const show of shows) show(node, more);
}

function merged(before, more) {
  return JSON.parse(JSON.stringify({ ...before, ...more }));
}

/**
 * ComfyUI holds a workflow as states to go back and forth in. A result stands in all of them: it is nothing to undo,
 * and it is there when the workflow is shown again.
 */
function keepInStates(workflow, id, more) {
  const { openWorkflows, activeWorkflow } = app.extensionManager.workflow;
  const open = isOpen(workflow) ? activeWorkflow : openWorkflows.find((other) => other.activeState?.id === workflow);
  for (const state of statesOf(open)) {
    const saved = savedNode(state, id);
    if (saved && isOurs(saved.type)) {
      saved.properties = { ...saved.properties, [PROPERTY]: merged(saved.properties?.[PROPERTY], more) };
    }
  }
  if (open === activeWorkflow) open?.changeTracker?.updateModified?.();
}

/** All states that ComfyUI can show a workflow in. */
export function statesOf(open) {
  const { activeState, undoQueue = [], redoQueue = [] } = open?.changeTracker ?? {};
  return [activeState, ...undoQueue, ...redoQueue].filter(Boolean);
}

function savedNode(state, id) {
  const path = String(id).split(":");
  let nodes = state.nodes;
  for (const step of path.slice(0, -1)) {
    const type = nodes?.find((node) => String(node.id) === step)?.type;
    nodes = state.definitions?.subgraphs?.find((subgraph) => subgraph.id === type)?.nodes;
  }
  return nodes?.find((node) => String(node.id) === path.at(-1));
}

/** What is kept of a node's output. */
export function picked(output) {
  return Object.fromEntries(KEPT.filter((name) => output?.[name]).map((name) => [name, output[name]]));
}

api.addEventListener("execution_start", ({ detail }) => workflowOf(detail.prompt_id));

api.addEventListener("executed", async ({ detail }) => {
  const result = picked(detail.output);
  if (!Object.keys(result).length) return;
  const id = detail.display_node ?? detail.node;
  const workflow = await workflowOf(detail.prompt_id);
  keep(workflow, id, { ...result, job: detail.prompt_id });
  if (!isOpen(workflow)) takeBack(id, detail.output);
});

/** ComfyUI gives results to the node of that number in whatever workflow is open; ours go back. */
function takeBack(id, output) {
  if (app.nodeOutputs[id] !== output) return;
  const node = nodeAt(id);
  if (node && isOurs(node.type)) app.nodeOutputs[id] = resultOf(node);
}

app.registerExtension({
  name: "ConceptSliders.Results",

  nodeCreated(node) {
    const before = node.onConfigure;
    node.onConfigure = function () {
      before?.apply(this, arguments);
      if (isOurs(this.type)) for (const show of shows) show(this, resultOf(this));
    };
  },

  // ComfyUI may give the results of a job to a workflow that it opens.
  onNodeOutputsUpdated(outputs) {
    for (const [place, output] of Object.entries(outputs)) {
      const id = app.extensionManager.workflow.nodeLocatorIdToNodeExecutionId(place) ?? place;
      const result = picked(output);
      const node = nodeAt(id);
      if (node && isOurs(node.type) && !has(resultOf(node), result)) keep(app.rootGraph.id, id, result);
    }
  },
});

function has(kept, result) {
  return Object.entries(result).every(([name, value]) => JSON.stringify(kept[name]) === JSON.stringify(value));
}
