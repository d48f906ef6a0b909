// A range to drag a strength on, with marks at 0 and at the ends of the usable range.

import { element } from "./elements.js";

export class Track {
  constructor(label, onInput) {
    this.input = element("input", { type: "range", "aria-label": label });
    this.marks = element("div", { class: "marks", "aria-hidden": "true" });
    this.root = element("div", { class: "track" }, this.marks, this.input);
    this.input.addEventListener("input", () => onInput(Number(this.input.value)));
  }

  /** Sets the ends, the step, and the marks: [place, class] each. */
  span(lowest, highest, step, marks) {
    Object.assign(this.input, { min: lowest, max: highest, step });
    const width = highest - lowest || 1;
    this.marks.replaceChildren(...marks.map(([place, kind]) => mark((place - lowest) / width, kind)));
  }

  get value() {
    return Number(this.input.value);
  }

  /** Also how the value is read out. */
  set(value, text) {
    this.input.value = value;
    this.input.setAttribute("aria-valuetext", text);
  }
}

function mark(part, kind) {
  const made = element("span", { class: kind });
  made.style.setProperty("--part", Math.min(1, Math.max(0, part)));
  return made;
}
