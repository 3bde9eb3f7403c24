/**
 * Finds the name that was probably meant: the one with the fewest edits from it (a letter put in, left out, changed, or swapped with its
 * neighbour), at most a third of its length.
 *
 * @returns Null if none is that near; of equally near names the first.
 */
export function nearest(name: string, names: readonly string[]): string | null {
  let best: string | null = null;
  let fewest = Infinity;
  for (const candidate of names) {
    const longer = Math.max(name.length, candidate.length);
    // Unequal lengths alone are as many edits; a hostile name must not cost the product of both lengths.
    if (Math.abs(name.length - candidate.length) > longer / 3) continue;
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase());
    if (edits > longer / 3 || edits >= fewest) continue;
    [best, fewest] = [candidate, edits];
  }
  return best;
}

/** What an error adds to its first line where a name is unknown: `; did you mean "b-mtard"?`, or nothing. */
export function didYouMean(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === null ? "" : `; did you mean "${near}"?`;
}

/** The optimal string alignment distance. */
function editsBetween(left: string, right: string): number {
  let before: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1];
      const edits = [(last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1)];
      if (left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) edits.push((before[j - 2] ?? 0) + 1);
      row.push(Math.min(...edits));
    }
    [before, last] = [last, row];
  }
  return last[right.length] ?? 0;
}
