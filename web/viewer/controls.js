// The buttons under the picture: strength 0 while held, wipe, play, full size, save and open.

import { element, iconButton } from "../elements.js";
import { signed, words } from "../words.js";
import { FullSize } from "./full_size.js";

const PACE = { usual: 250, reduced: 1200 }; // milliseconds a picture

export class Controls {
  constructor(viewer) {
    this.viewer = viewer;
    this.held = false;
    this.part = 0.5;
    this.zero = element("button", { type: "button", class: "icon", title: words("hold"), "aria-label": words("hold") }, "0");
    this.wipe = iconButton("pi-arrows-h", words("wipe"), () => this.toggleWipe());
    this.play = iconButton("pi-play", words("play"), () => (this.playing ? this.stop() : this.start()));
    this.full = iconButton("pi-window-maximize", words("full"), () => this.fullSize.toggle());
    this.save = iconButton("pi-download", words("save"), null, "a");
    this.open = iconButton("pi-external-link", words("open"), null, "a");
    Object.assign(this.open, { target: "_blank", rel: "noopener" });
    this.fullSize = new FullSize(viewer, this.full);
    const buttons = [this.zero, this.wipe, this.play, this.full, this.save, this.open];
    this.left = element("select", { title: words("wipeLeft"), "aria-label": words("wipeLeft") });
    this.left.addEventListener("change", () => viewer.update());
    this.line = element("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": words("wipeLine") });
    this.line.addEventListener("input", () => this.wipeAt(this.line.value / 100));
    this.wiping = element("div", { class: "line", hidden: true }, this.left, this.line);
    this.root = element("div", { class: "controls" }, element("div", { class: "line" }, ...buttons), this.wiping);
    this.holdWhile();
  }

  reset() {
    this.stop();
    const { strengths } = this.viewer.sweep;
    this.left.replaceChildren(...strengths.map((value, index) => element("option", { value: index }, signed(value))));
    this.left.value = this.viewer.zero;
  }

  update() {
    const { viewer } = this;
    const { name, seed } = viewer.sweep.rows[viewer.row];
    const address = viewer.pictures.address(viewer.row, viewer.column);
    this.save.href = this.open.href = address;
    this.save.download = `${[name, seed, signed(viewer.sweep.strengths[viewer.column])].filter(Boolean).join(" ")}.png`;
  }

  /** The column at the left of the wipe, or null, and the place of the line. */
  get wiped() {
    return { left: this.wiping.hidden ? null : Number(this.left.value), part: this.part };
  }

  wipeAt(part) {
    this.part = part;
    this.line.value = Math.round(100 * part);
    this.viewer.update();
  }

  toggleWipe() {
    this.wiping.hidden = !this.wiping.hidden;
    this.wipe.setAttribute("aria-pressed", !this.wiping.hidden);
    this.viewer.update();
  }

  hold(held) {
    if (held === this.held) return;
    this.held = held;
    this.zero.setAttribute("aria-pressed", held);
    this.viewer.update();
  }

  /** Strength 0 is seen while its button, or the key 0 anywhere in the viewer, is down. */
  holdWhile() {
    const isKey = (event) => event.key === "0" || (event.target === this.zero && [" ", "Enter"].includes(event.key));
    this.zero.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.zero.setPointerCapture(event.pointerId);
      this.hold(true);
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) this.zero.addEventListener(end, () => this.hold(false));
    queueMicrotask(() => {
      this.viewer.root.addEventListener("keydown", (event) => {
        if (isKey(event) && this.viewer.sweep) this.hold(true);
      });
      this.viewer.root.addEventListener("keyup", (event) => {
        if (isKey(event)) this.hold(false);
      });
      this.viewer.root.addEventListener("focusout", ({ relatedTarget }) => {
        if (!this.viewer.root.contains(relatedTarget)) this.hold(false);
      });
    });
  }

  /** There and back through the strengths, with nothing moving fast where the user asks for calm. */
  start() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let by = 1;
    this.playing = setInterval(() => {
      const { viewer } = this;
      if (!viewer.root.isConnected) return this.stop();
      const last = viewer.sweep.strengths.length - 1;
      if (viewer.track.value + by > last || viewer.track.value + by < 0) by = -by;
      if (last > 0) viewer.goTo(viewer.track.value + by);
    }, calm ? PACE.reduced : PACE.usual);
    this.play.setAttribute("aria-pressed", true);
    this.play.firstChild.className = "pi pi-pause";
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    this.play.setAttribute("aria-pressed", false);
    this.play.firstChild.className = "pi pi-play";
  }
}
