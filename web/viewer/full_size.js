// The whole viewer over the page, as large as the window.

import { element, fit } from "../elements.js";
import { words } from "../words.js";

export class FullSize {
  constructor(viewer, button) {
    this.viewer = viewer;
    this.button = button;
    this.dialog = null;
  }

  toggle() {
    if (this.dialog) this.dialog.close();
    else this.open();
  }

  open() {
    const { root } = this.viewer;
    this.place = document.createComment("viewer");
    root.replaceWith(this.place);
    this.dialog = element("dialog", { class: "concept-sliders-full", "aria-label": words("full") }, root);
    this.dialog.addEventListener("close", () => this.putBack());
    // ComfyUI has a use of its own for the key, and would keep it from the dialog.
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.dialog.close();
    });
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.name("close");
    this.viewer.track.input.focus();
  }

  putBack() {
    this.place.replaceWith(this.viewer.root);
    this.dialog.remove();
    this.dialog = null;
    this.name("full");
    this.button.focus({ preventScroll: true });
    fit(this.viewer.node, this.viewer.root);
  }

  name(key) {
    this.button.firstChild.className = `pi pi-window-${key === "close" ? "minimize" : "maximize"}`;
    this.button.title = words(key);
    this.button.setAttribute("aria-label", words(key));
  }
}
