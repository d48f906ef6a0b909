// Puts the nodes of an example in columns, and makes blocks. Run in ComfyUI's page by example_workflows.py.

const WIDTH = 380;
const TOP = 100; // of the first node of each stack
const GAP = { node: 70, column: 70, group: 20, title: 90 };
const MORE = { SliderPromptLibrary: 120 }; // than ComfyUI's own height
const PREVIEWS = { SaveImage: 340, PreviewImage: 340 }; // height of nodes that show pictures

const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const nodeOf = (id) => app.graph.getNodeById(id) ?? app.graph.getNodeById(Number(id));

async function loaded(api, name) {
  await app.loadApiJson(api, `${name}.json`);
  await rest(500);
  for (const node of app.graph.nodes) {
    const height = PREVIEWS[node.comfyClass] ?? node.computeSize()[1] + (MORE[node.comfyClass] ?? 0);
    node.setSize([Math.max(WIDTH, node.computeSize()[0]), Math.max(height, node.computeSize()[1])]);
    for (const widget of node.widgets ?? []) if (widget.name === "control_after_generate") widget.value = "fixed";
  }
}

function noteWith(text) {
  const note = LiteGraph.createNode("MarkdownNote");
  note.title = "Note";
  app.graph.add(note);
  note.widgets[0].value = text;
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil((line.length + 1) / 62)), 0);
  note.setSize([WIDTH, 50 + 15 * lines]);
  return note;
}

/**
 * Groups with their headings, of one or more stacks of nodes each. Notes come first. Each node has the room that it takes
 * now, or that it takes in the other renderer: `heights` by id.
 */
function inColumns(columns, notes, heights) {
  for (const group of [...app.graph.groups]) app.graph.remove(group);
  let left = 40;
  let lowest = 0;
  for (const [heading, stacks] of Object.entries(columns)) {
    const start = left;
    let bottom = 0;
    for (const [index, ids] of stacks.entries()) {
      const nodes = [...(index === 0 && notes[heading] ? [notes[heading]] : []), ...ids.map(nodeOf)];
      const end = stacked(nodes, left, heights);
      bottom = Math.max(bottom, end.bottom);
      left = end.right + GAP.column;
    }
    const group = new LiteGraph.LGraphGroup(heading);
    group.pos = [start - GAP.group, TOP - GAP.title];
    group.size = [left - GAP.column - start + 2 * GAP.group, bottom - TOP + GAP.title + GAP.group];
    app.graph.add(group);
    lowest = Math.max(lowest, bottom);
  }
  return [left, lowest];
}

/** What is seen of the canvas: all of these right and lower ends, or the beginning, where the notes can be read. */
function look(ends) {
  const scale = ends ? Math.min(0.9, 2060 / ends[0], 1080 / ends[1]) : 0.8;
  app.canvas.ds.scale = scale;
  app.canvas.ds.offset = [90 / scale, 90 / scale];
  app.canvas.setDirty(true, true);
}

function stacked(nodes, left, heights) {
  let top = TOP;
  for (const node of nodes) {
    node.pos = [left, top];
    top += Math.max(node.size[1], heights[node.id] ?? 0) + GAP.node;
  }
  return { right: left + Math.max(...nodes.map((node) => node.size[0])), bottom: top - GAP.node };
}

/** Changes widgets; gives what undoes it. */
function changeWidgets(values) {
  const before = {};
  for (const [id, inputs] of Object.entries(values)) {
    before[id] = {};
    for (const [name, value] of Object.entries(inputs)) {
      const widget = nodeOf(id).widgets.find((widget) => widget.name === name);
      before[id][name] = widget.value;
      widget.value = value;
    }
  }
  return before;
}

async function run(values) {
  const before = changeWidgets(values);
  const ended = new Promise((done) => {
    for (const end of ["execution_success", "execution_error", "execution_interrupted"])
      app.api.addEventListener(end, (event) => done([end, event.detail.exception_message]), { once: true });
  });
  const taken = await app.queuePrompt(0);
  const end = taken ? await ended : ["refused", JSON.stringify(app.lastNodeErrors)];
  await rest(3000); // pictures come, nodes grow
  changeWidgets(before);
  return end;
}

/** The workflow as the page saves it, without what it has shown. */
function saved(models) {
  for (const [id, model] of Object.entries(models)) nodeOf(id).properties.models = [model];
  const data = app.graph.serialize();
  data.id = "00000000-0000-0000-0000-000000000000";
  for (const node of data.nodes) for (const name of ["concept_sliders", "ver", "cnr_id"]) delete node.properties?.[name];
  return data;
}

/** In a page of the Vue renderer: the height of each node of a workflow, by id. */
async function heightsOf(data) {
  await app.loadGraphData(data);
  app.canvas.ds.scale = 0.25;
  app.canvas.ds.offset = [200, 200];
  app.canvas.setDirty(true, true);
  await rest(4000);
  const made = [...document.querySelectorAll("[data-node-id]")];
  const high = (element) => element.getBoundingClientRect().height / app.canvas.ds.scale - LiteGraph.NODE_TITLE_HEIGHT;
  return Object.fromEntries(made.map((element) => [element.dataset.nodeId, high(element)]));
}

/** One node with all others in it. `inputs` and `outputs` name places inside. */
async function block(name, inputs, outputs, columns) {
  let left = 0;
  for (const ids of columns) {
    let top = 0;
    for (const node of ids.map(nodeOf)) {
      node.pos = [left, top];
      top += node.size[1] + GAP.node;
    }
    left += WIDTH + GAP.column;
  }
  const inside = new Map([...app.graph.nodes].map((node) => [String(node.id), node]));
  const { subgraph, node: made } = app.graph.convertToSubgraph(new Set(app.graph.nodes));
  subgraph.name = made.title = name;
  for (const input of [...subgraph.inputs]) subgraph.removeInput(input); // those that ComfyUI guesses
  const find = (id) => subgraph.nodes.find((node) => node.title === inside.get(id).title && node.type === inside.get(id).type);
  for (const [label, places] of Object.entries(inputs)) {
    const slots = places.map(([id, input]) => [find(id), find(id).inputs.find((slot) => slot.name === input)]);
    const input = subgraph.addInput(label, String(slots[0][1].type));
    for (const [node, slot] of slots) input.connect(slot, node);
  }
  for (const [label, [id, output]] of Object.entries(outputs)) {
    const node = find(id);
    const slot = node.outputs.find((slot) => slot.name === output);
    subgraph.addOutput(label, String(slot.type)).connect(slot, node);
  }
  await rest(300);
  made.pos = [0, 0];
  made.setSize([WIDTH, made.computeSize()[1]]);
  return app.graph.serialize();
}

Object.assign(window, { layOut: { loaded, noteWith, inColumns, look, run, saved, block, heightsOf, rest, nodeOf } });
