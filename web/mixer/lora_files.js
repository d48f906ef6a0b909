// The files of the LoRA folders, and the range in which each says that it is usable.

import { api } from "../../../scripts/api.js";

const ranges = new Map(); // file → promise of its range, or of null

/** Their names; empty where the server does not answer. */
export async function loraFiles() {
  const answer = await api.fetchApi("/models/loras");
  return answer.ok ? answer.json() : [];
}

/** [lowest, highest], or null where it is not known. */
export function rangeOf(file) {
  if (!ranges.has(file)) ranges.set(file, askForRange(file));
  return ranges.get(file);
}

async function askForRange(file) {
  if (!file) return null;
  const answer = await api.fetchApi(`/concept_sliders/range?${new URLSearchParams({ file })}`);
  const range = answer.ok ? (await answer.json()).curve_range : null;
  return range && range[0] < range[1] ? range : null;
}
