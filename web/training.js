// The trainings that the server tells of: events of the running one, and the whole of it for a page that comes late.

import { api } from "../../scripts/api.js";

export const EVENT = "concept_sliders.progress";

/** The running or the last training with its curve; empty if there was none. */
export async function latestTraining() {
  const answer = await api.fetchApi("/concept_sliders/training");
  return answer.ok ? answer.json() : {};
}
