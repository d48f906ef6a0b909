// Results that the server still knows, for a workflow that comes without them: a job opened from the queue as a
// workflow, or a run that ended while no page was open. And an id for each workflow, by which its jobs are known.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { isOpen, isOurs, keep, nodeAt, picked, resultOf, statesOf } from "./results.js";

const NO_ID = "00000000-0000-0000-0000-000000000000"; // of workflows that were never on a page

app.registerExtension({
  name: "ConceptSliders.History",

  afterConfigureGraph() {
    if (app.rootGraph.nodes.some((node) => isOurs(node.type))) lookUp(app.rootGraph.id);
  },
});

async function lookUp(workflow) {
  const open = await shownWorkflow();
  const job = openedJob(open) ?? (await latestJob(workflow));
  if (!job) return;
  const { outputs = {} } = await asked(`/jobs/${job.id}`);
  if (!isOpen(workflow)) return;
  for (const [id, output] of Object.entries(outputs)) show(id, picked(output), job.id);
}

/** The page takes a workflow for the active one a moment after it has its graph. */
async function shownWorkflow() {
  for (let tries = 0; tries < 40; tries++) {
    const { activeWorkflow } = app.extensionManager.workflow;
    if (isOpen(activeWorkflow?.activeState?.id)) return activeWorkflow;
    await new Promise((done) => setTimeout(done, 50));
  }
  return undefined;
}

/** ComfyUI calls the workflow of a job after it. */
function openedJob(open) {
  const [, id] = open?.filename?.match(/^Job ([0-9a-f-]{36})/) ?? [];
  return id && { id };
}

async function latestJob(workflow) {
  if (workflow === NO_ID) return undefined;
  const query = new URLSearchParams({ workflow_id: workflow, limit: 1, status: "completed,failed,cancelled" });
  return (await asked(`/jobs?${query}`)).jobs?.[0];
}

/** What the server answers; {} if it does not. */
export async function asked(route) {
  const answer = await api.fetchApi(route);
  return answer.ok ? answer.json() : {};
}

function show(id, result, job) {
  const node = nodeAt(id);
  const isNew = node && isOurs(node.type) && Object.keys(result).length && resultOf(node).job !== job;
  if (isNew) keep(app.rootGraph.id, id, { ...result, job });
}

// Two open workflows with one id (a template opened twice, a job beside its workflow) would share their results.
api.addEventListener("promptQueueing", () => {
  const { openWorkflows, activeWorkflow } = app.extensionManager.workflow;
  const taken = openWorkflows.some((open) => open !== activeWorkflow && open.activeState?.id === app.rootGraph.id);
  if (!taken && app.rootGraph.id !== NO_ID) return;
  app.rootGraph.id = LiteGraph.uuidv4();
  for (const state of statesOf(activeWorkflow)) state.id = app.rootGraph.id;
});
