// The losses of a training as lines.

import { element } from "./elements.js";
import { words } from "./words.js";

const WIDTH = 300; // of the chart, in its own units; the height is 100
const SERIES = ["positive", "negative", "neutral", "loss"];
const SVG = "http://www.w3.org/2000/svg";

export class Curve {
  constructor() {
    this.chart = document.createElementNS(SVG, "svg");
    this.chart.setAttribute("viewBox", `0 0 ${WIDTH} 100`);
    this.chart.setAttribute("preserveAspectRatio", "none");
    this.chart.setAttribute("role", "img");
    this.frame = element("div", { class: "curve", "data-least": 84 }, this.chart);
    this.legend = element("div", { class: "legend" });
  }

  /** Points are [step, { sign: loss }]. The signs are drawn where there are any, else the loss as a whole. */
  draw(points, steps) {
    const bySign = Object.fromEntries(SERIES.map((name) => [name, of(points, name)]));
    const signs = SERIES.filter((name) => name !== "loss" && bySign[name].length);
    const names = signs.length ? signs : SERIES.filter((name) => bySign[name].length);
    const means = names.map((name) => smoothed(bySign[name]));
    const values = means.flat().map(([, value]) => value);
    const lowest = Math.min(...values);
    const span = Math.max(...values) - lowest || 1;
    const place = ([step, value]) => `${(WIDTH * step) / steps},${92 - (84 * (value - lowest)) / span}`;
    this.chart.replaceChildren(...names.map((name, i) => line(name, means[i].map(place).join(" "))));
    this.chart.setAttribute("aria-label", words("lossOver", { steps: points.at(-1)?.[0] ?? 0 }));
    this.legend.replaceChildren(...names.map((name, i) => key(name, means[i].at(-1)[1])));
  }
}

function of(points, name) {
  return points.filter(([, loss]) => Number.isFinite(loss[name])).map(([step, loss]) => [step, loss[name]]);
}

function line(name, points) {
  const made = document.createElementNS(SVG, "polyline");
  made.setAttribute("points", points);
  made.setAttribute("class", name);
  return made;
}

function key(name, value) {
  return element("span", { class: `key ${name}` }, `${words(name)} ${value.toPrecision(3)}`);
}

/** The running mean over about a sixth of the steps: noise makes most of a single step's loss. At most 100 points. */
function smoothed(points) {
  const keep = 1 - 1 / Math.max(1, points.length / 6);
  let mean = 0;
  let weight = 0;
  const means = points.map(([step, value]) => {
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return [step, mean / weight];
  });
  const every = Math.ceil(means.length / 100);
  return means.filter((_, index) => (means.length - 1 - index) % every === 0);
}
