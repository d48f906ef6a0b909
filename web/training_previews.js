// The previews of a training, by step: the newest is shown, and the others are a drag or an arrow key away.

import { api } from "../../scripts/api.js";
import { element } from "./elements.js";
import { Track } from "./track.js";
import { words } from "./words.js";

export class TrainingPreviews {
  constructor() {
    this.entries = [];
    this.picture = element("img", { draggable: false });
    this.link = element("a", { class: "preview", target: "_blank", rel: "noopener", "data-least": 110 }, this.picture);
    this.track = new Track(words("previews"), () => this.update());
    this.step = element("output", {});
    this.line = element("div", { class: "line" }, this.track.root, this.step);
    this.parts = [this.link, this.line];
    this.show([]);
  }

  /** Files as ComfyUI tells of them, each with its `step`. The newest is looked at, unless an older one was. */
  show(entries) {
    const older = this.track.value < this.entries.length - 1 ? this.entries[this.track.value]?.step : undefined;
    const place = entries.findIndex(({ step }) => step === older);
    this.entries = entries;
    this.track.span(0, Math.max(entries.length - 1, 0), 1, []);
    this.track.set(place < 0 ? entries.length - 1 : place, "");
    this.link.hidden = !entries.length;
    this.line.hidden = entries.length < 2;
    this.update();
  }

  update() {
    const entry = this.entries[this.track.value];
    if (!entry) return;
    const { filename, subfolder, type, step } = entry;
    const text = words("previewAt", { step });
    const address = api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
    if (this.link.href !== new URL(address, document.baseURI).href) this.link.href = this.picture.src = address;
    this.picture.alt = this.link.title = text;
    this.track.set(this.track.value, text);
    this.step.value = step;
  }
}
