import { parseOneDnn } from "./onednn.mjs";
import { summarize } from "./summary.mjs";

/**
 * @typedef {{ kind: string, seconds: number, calls: number }} Row
 * @typedef {{ pass: string, seconds: number, cpuSeconds: number, rows: Row[] }} Profile Medians of the rounds.
 */

/**
 * Puts together what was said of each pass: medians of the rounds, also of each kind.
 *
 * @param {readonly string[]} lines What `profile-passes.mjs` and oneDNN print.
 * @returns {Profile[]}
 */
export function collect(lines) {
  /** @type {Map<string, { seconds: number, cpuSeconds: number, kinds: Map<string, Row> }[]>} */
  const passes = new Map();
  /** @type {Row[]} */
  let told = [];
  for (const line of lines) {
    const operation = parseOneDnn(line);
    if (operation) told.push({ ...operation, calls: 1 });
    if (line.startsWith("@begin")) told = [];
    if (!line.startsWith("@end {")) continue;
    const { pass, seconds, cpuSeconds, kernels } = JSON.parse(line.slice("@end ".length));
    /** @type {Row[]} */
    const called = Object.entries(kernels).map(([kind, taken]) => ({ kind, ...taken }));
    const kinds = new Map();
    for (const row of [...told, ...called]) {
      const before = kinds.get(row.kind) ?? { seconds: 0, calls: 0 };
      kinds.set(row.kind, {
        kind: row.kind,
        seconds: before.seconds + row.seconds,
        calls: before.calls + row.calls,
      });
    }
    passes.set(pass, [...(passes.get(pass) ?? []), { seconds, cpuSeconds, kinds }]);
  }
  return [...passes].map(([pass, rounds]) => {
    const names = new Set(rounds.flatMap(({ kinds }) => [...kinds.keys()]));
    const rows = [...names].map((kind) => ({
      kind,
      seconds: median(rounds.map(({ kinds }) => kinds.get(kind)?.seconds ?? 0)),
      calls: median(rounds.map(({ kinds }) => kinds.get(kind)?.calls ?? 0)),
    }));
    return {
      pass,
      seconds: median(rounds.map(({ seconds }) => seconds)),
      cpuSeconds: median(rounds.map(({ cpuSeconds }) => cpuSeconds)),
      rows: rows.toSorted((one, other) => other.seconds - one.seconds),
    };
  });
}

/** @param {readonly number[]} values */
const median = (values) => summarize(values).median;
