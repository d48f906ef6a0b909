// Shows on our nodes the text that their execution gives (`ui.text`), and what went wrong with them.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addToNode, element, fit } from "./elements.js";
import { isOpen, isOurs, nodeAt, onResult, workflowOf } from "./results.js";
import { words } from "./words.js";

const PROGRESS = "$$node-text-preview"; // ComfyUI's widget

const reports = new WeakMap(); // node → its elements

onResult((node, { text }) => {
  if (!text) return;
  endProgress(node);
  show(node, [text].flat().join("\n"), "");
});

/** What was said while the node ran is in the report, too. */
function endProgress(node) {
  const line = node.widgets?.find((widget) => widget.name === PROGRESS);
  if (!line) return;
  const [width, height] = node.size;
  node.removeWidget(line);
  node.setSize([width, Math.max(node.computeSize()[1], height - (line.computedHeight ?? 0))]);
}

api.addEventListener("execution_error", async ({ detail }) => {
  if (!isOpen(await workflowOf(detail.prompt_id))) return;
  showError(detail.node_id, detail.exception_message.trim(), failed);
});

api.addEventListener("execution_start", () => clearErrors(failed));

app.registerExtension({
  name: "ConceptSliders.ReportText",

  // What the server has against a workflow comes as the answer to queueing it; no event tells of it.
  setup() {
    const queue = api.queuePrompt;
    api.queuePrompt = async function () {
      for (const wrong of [refused, failed]) clearErrors(wrong);
      try {
        const answer = await queue.apply(this, arguments);
        showRefused(answer.node_errors);
        return answer;
      } catch (error) {
        showRefused(error.response?.node_errors);
        throw error;
      }
    };
  },
});

function showRefused(byNode) {
  for (const [id, { errors }] of Object.entries(byNode ?? {})) {
    showError(id, errors.map(({ message, details }) => sentence(message, details)).join("\n"), refused);
  }
}

/** ComfyUI puts the input's name before what a node's own check says. */
function sentence(message, details) {
  return message.startsWith("Custom validation failed") ? details.replace(" - ", ": ") : `${message} ${details}`.trim();
}

// Nodes with an error on them. The rest of a workflow may run where the server has refused a part of it.
const refused = new Set();
const failed = new Set();

function showError(id, text, wrong) {
  const node = nodeAt(id);
  if (!node || !isOurs(node.type)) return;
  wrong.add(node);
  show(node, null, text);
}

function clearErrors(wrong) {
  for (const node of wrong) show(node, null, "");
  wrong.clear();
}

/** `text` null leaves the report as it is. */
function show(node, text, error) {
  if (!reports.has(node)) {
    if (!text && !error) return;
    reports.set(node, add(node));
  }
  const { root, report, problem } = reports.get(node);
  if (text !== null) report.textContent = text;
  report.hidden = !report.textContent;
  problem.textContent = error;
  problem.hidden = !error;
  root.hidden = report.hidden && problem.hidden;
  fit(node, root);
}

function add(node) {
  const report = element("pre", { tabIndex: 0, role: "region", "aria-label": words("report"), hidden: true });
  const problem = element("pre", { class: "error", tabIndex: 0, role: "alert", hidden: true });
  const root = element("div", {}, problem, report);
  addToNode(node, "report_text", root);
  return { root, report, problem };
}
