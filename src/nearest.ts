/**
 * The name nearest to `name`, for "did you mean"; null if more than a third of its letters would have to change.
 */
export function nearest(name: string, names: readonly string[]): string | null {
  const typed = name.toLowerCase();
  let best: string | null = null;
  let least = Infinity;
  for (const candidate of names) {
    const most = Math.floor(Math.max(typed.length, candidate.length) / 3);
    const distance = editDistance(typed, candidate.toLowerCase());
    if (distance > most || distance >= least) continue;
    best = candidate;
    least = distance;
  }
  return best;
}

/** How many letters have to be put in, taken out or replaced. @see Levenshtein (1966) */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
