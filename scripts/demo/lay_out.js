// Puts the nodes of an example in columns, and makes blocks. Run in ComfyUI's page by example_workflows.py.

const WIDTH = 380;
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
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil((line.length + 1) / 50)), 0);
  note.setSize([WIDTH, 60 + 18 * lines]);
  return note;
}

/** Nodes in columns under their headings, each as high as it is now. */
function inColumns(columns, notes) {
  for (const group of [...app.graph.groups]) app.graph.remove(group);
  let left = 40;
  for (const [heading, ids] of Object.entries(columns)) {
    const nodes = [...(notes[heading] ? [notes[heading]] : []), ...ids.map(nodeOf)];
    let top = 100;
    let width = 0;
    for (const node of nodes) {
      node.pos = [left, top];
      top += node.size[1] + GAP.node;
      width = Math.max(width, node.size[0]);
    }
    const group = new LiteGraph.LGraphGroup(heading);
    group.pos = [left - GAP.group, 100 - GAP.title];
    group.size = [width + 2 * GAP.group, top - 40];
    app.graph.add(group);
    left += width + GAP.column;
  }
  app.canvas.ds.scale = Math.min(0.9, 2100 / left);
  app.canvas.ds.offset = [60, 100];
  app.canvas.setDirty(true, true);
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

/** One node with all others in it. `inputs` and `outputs` name places inside, `shown` more widgets. */
async function block(name, inputs, outputs, columns, shown) {
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
  window.madeBlock = { subgraph, made, find };
  return app.graph.serialize();
}

Object.assign(window, { layOut: { loaded, noteWith, inColumns, run, saved, block, rest, nodeOf } });
