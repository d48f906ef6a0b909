// Small pieces that the viewer and the panel share.

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = new URL("concept_sliders.css", import.meta.url).href;
document.head.append(style);

/** An element with properties (`class` and `data-`/`aria-` names as attributes) and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class" || name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Adds `root` to a node as a widget that neither workflows nor prompts contain. */
export function addToNode(node, name, root, height) {
  const widget = node.addDOMWidget(name, "concept_sliders", root, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: height,
  });
  widget.serialize = false;
  return widget;
}

/** Makes room on the node for a widget that has grown, and at least `wide` pixels of width. */
export function makeRoom(node, wide = 0) {
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width, wide), Math.max(node.size[1], height)]);
  node.graph?.setDirtyCanvas(true, true);
}
