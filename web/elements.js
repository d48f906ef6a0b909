// Elements on nodes: made, measured, and sharing the mouse and the keyboard with the canvas.

import { app } from "../../scripts/app.js";

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = new URL("concept_sliders.css", import.meta.url).href;
document.head.append(style);

const GAP = 6; // pixels between children, as in the style sheet
const PADDING = 6;
const MARGIN = 10; // ComfyUI's, around a widget

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

/** A button with one of ComfyUI's icons; its words are what it does. */
export function iconButton(icon, title, onClick, tag = "button") {
  const made = element(tag, { class: "icon", title, "aria-label": title }, element("i", { class: `pi ${icon}` }));
  if (tag === "button") made.type = "button";
  if (onClick) made.addEventListener("click", onClick);
  return made;
}

const onNodes = new WeakMap(); // node → its roots

/**
 * Adds `root` to a node as a widget that neither workflows nor prompts contain.
 * It is as high as its children; those with `data-least` take the room that is left, and at least so much.
 */
export function addToNode(node, name, root) {
  root.classList.add("concept-sliders");
  Object.assign(root, { height: 0, added: 0 });
  const widget = node.addDOMWidget(name, "concept_sliders", root, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => root.height,
  });
  widget.serialize = false;
  asWideAsNode(widget);
  if (!onNodes.has(node)) onNodes.set(node, watched(node));
  onNodes.get(node).push(root);
  shareEvents(root);
  const observer = new ResizeObserver(() => fit(node, root));
  for (const child of root.children) observer.observe(child);
  observer.observe(root);
  return widget;
}

/** ComfyUI's side panel gives widgets its own width, and they would be drawn so on the node, too. */
export function asWideAsNode(widget) {
  Object.defineProperty(widget, "width", { get: () => undefined, set() {} });
}

/** The room that these elements take is not saved: they take it again when a workflow is loaded. */
function watched(node) {
  const roots = [];
  const { onSerialize, onConfigure } = node;
  node.onSerialize = function (saved) {
    onSerialize?.apply(this, arguments);
    const added = roots.reduce((sum, root) => sum + root.added, 0);
    saved.size = [saved.size[0], Math.max(saved.size[1] - added, 0)];
  };
  node.onConfigure = function (saved) {
    onConfigure?.apply(this, arguments);
    if (!saved.size) return;
    this.setSize([...saved.size]);
    for (const root of roots) Object.assign(root, { height: 0, added: 0 });
    for (const root of roots) fit(this, root);
  };
  return roots;
}

/** Makes the node as much higher or lower as what `root` shows has become. */
export function fit(node, root) {
  if (root.closest("dialog")) return;
  const [width, before] = node.size;
  const height = measured(root, width - 2 * MARGIN);
  const more = height - root.height;
  if (Math.abs(more) < 1) return;
  root.height = height;
  root.style.setProperty("--height", `${height}px`);
  node.setSize([width, Math.max(node.computeSize()[1], before + more)]);
  root.added += node.size[1] - before;
  node.graph?.setDirtyCanvas(true, true);
}

/** The height of what `root` shows, in pixels at zoom 1; measured aside where it is not on the screen. */
function measured(root, width) {
  if (root.hidden) return 0;
  if (root.isConnected && root.clientWidth) return sum(root);
  const copy = root.cloneNode(true);
  const aside = element("div", { class: "concept-sliders-aside" }, copy);
  aside.style.width = `${width}px`;
  document.body.append(aside);
  const height = sum(copy);
  aside.remove();
  return height;
}

function sum(root) {
  const heights = [...root.children]
    .filter((child) => !child.hidden)
    .map((child) => Number(child.dataset.least ?? child.offsetHeight));
  return heights.reduce((total, height) => total + height + GAP, 2 * PADDING - GAP);
}

/** The canvas gets the wheel and the middle button, and not the keys that are meant for an element here. */
function shareEvents(root) {
  root.addEventListener("wheel", (event) => {
    if (root.closest("dialog")) return event.stopPropagation();
    if (inVueNode(root)) return;
    app.canvas.processMouseWheel(event);
  });
  for (const [name, handler] of Object.entries({
    pointerdown: "processMouseDown",
    pointermove: "processMouseMove",
    pointerup: "processMouseUp",
  })) {
    root.addEventListener(name, (event) => {
      if (!inVueNode(root) && (event.button === 1 || event.buttons & 4)) app.canvas[handler](event);
    });
  }
  root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && event.key !== "Escape") event.stopPropagation();
  });
}

export function inVueNode(root) {
  return !!root.closest("[data-node-id]");
}
