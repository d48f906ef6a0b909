// The picture of the viewer: one strength, or two with a line between them; dragging over it is told to the viewer.

import { element } from "../elements.js";

export class Stage {
  /** `onDrag(part, down)` gets how far from the left and from the top the pointer is, 0 to 1. */
  constructor(onDrag) {
    this.right = element("div", { class: "layer" });
    this.left = element("div", { class: "layer left", hidden: true });
    this.line = element("div", { class: "wipe-line", hidden: true });
    this.frame = element("div", { class: "frame" }, this.right, this.left, this.line);
    this.root = element("div", { class: "picture", "data-least": 300 }, this.frame);
    this.root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      this.root.setPointerCapture(event.pointerId);
      onDrag(...this.parts(event));
    });
    // The default of a press would take the focus from the range, and with it the arrow keys.
    this.root.addEventListener("mousedown", (event) => {
      if (event.button === 0) event.preventDefault();
    });
    this.root.addEventListener("pointermove", (event) => {
      if (this.root.hasPointerCapture(event.pointerId)) onDrag(...this.parts(event));
    });
  }

  parts(event) {
    const box = this.frame.getBoundingClientRect();
    return [(event.clientX - box.left) / (box.width || 1), (event.clientY - box.top) / (box.height || 1)].map((part) =>
      Math.min(1, Math.max(0, part)),
    );
  }

  /** Shows a picture, and at the left of `part` another one where there is one. */
  show(picture, other, part) {
    put(this.right, picture);
    this.left.hidden = this.line.hidden = !other;
    if (!other) return;
    put(this.left, other);
    this.frame.style.setProperty("--wipe", `${100 * part}%`);
  }

  clear() {
    this.right.replaceChildren();
    this.left.hidden = this.line.hidden = true;
  }
}

/** An element can stand in one place only, and both sides may show the same picture. */
function put(layer, picture) {
  if (layer.firstChild?.src === picture.src) return;
  const shown = picture.cloneNode();
  layer.replaceChildren(shown);
}
