// Where strengths lie on a track that has one step for each strength of a list.

/** The place of a strength, also between two of the list. */
export function placeOf(strength, strengths) {
  const last = strengths.length - 1;
  const after = strengths.findIndex((other) => other >= strength);
  if (after < 0) return last;
  if (after === 0 || strengths[after] === strength) return after;
  return after - (strengths[after] - strength) / (strengths[after] - strengths[after - 1]);
}
