/** The most jobs that one expression may stand for: more than any array of Slurm can have. */
const MOST = 4_000_000;

/**
 * The jobs that an id of Slurm's stands for, as its programs print them: `12`, `12_3`, and `12_[0-3,7-9:2%4]` for the part of an array that
 * waits.
 *
 * @returns Empty if it is no id.
 */
export function jobIdsOf(text: string): string[] {
  const [, array, indices] = /^(\d{1,10})(?:_\[?([\d,:-]+)(?:%\d+)?\]?)?$/.exec(text) ?? [];
  if (array === undefined) return [];
  return indices === undefined ? [array] : indicesOf(indices).map((index) => `${array}_${index}`);
}

/** The indices of an array that `0-3,7-9:2` stands for; empty if it is no such list. */
export function indicesOf(text: string): number[] {
  const indices: number[] = [];
  for (const part of text.split(",")) {
    const [, first, last = first, step = "1"] =
      /^(\d{1,10})(?:-(\d{1,10})(?::(\d{1,10}))?)?$/.exec(part) ?? [];
    if (first === undefined || Number(step) === 0) return [];
    if ((Number(last) - Number(first)) / Number(step) + indices.length > MOST) return [];
    for (let index = Number(first); index <= Number(last); index += Number(step)) indices.push(index);
  }
  return indices;
}

/** Indices in rising order as `0-3,7`. */
export function indexList(indices: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const range = ranges.at(-1);
    if (range?.[1] === index - 1) range[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join();
}

/** Whether a text is the id of one job: `12` or `12_3`. */
export function isJobId(text: string): boolean {
  return /^\d{1,10}(_\d{1,10})?$/.test(text);
}

/** The array that a job belongs to, or the job itself. */
export function arrayOf(jobId: string): string {
  return jobId.replace(/_.*/, "");
}
