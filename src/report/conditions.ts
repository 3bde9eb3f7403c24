import type { RunOutcome } from "../reproduction/run-request.js";

/** All methods have room in a line, but not all points of a sweep. */
const MOST_NAMES = 13;

/**
 * The conditions of runs that are compared, one sentence each: the schedules of their rates, and how they depart from their recipes. What
 * only some of them have begins with their names.
 *
 * @param nameOf What a run is called; several may share a name.
 */
export function conditionsOf<Run extends Pick<RunOutcome, "settings" | "departures">>(
  runs: readonly Run[],
  nameOf: (run: Run) => string,
): string[] {
  const names = new Set(runs.map(nameOf));
  const having = new Map<string, Set<string>>();
  for (const run of runs)
    for (const text of [scheduleText(run.settings), ...run.departures])
      having.set(text, (having.get(text) ?? new Set()).add(nameOf(run)));
  return [...having].map(([text, those]) => (those.size === names.size ? text : `${listed(those)}: ${text}`));
}

function listed(names: ReadonlySet<string>): string {
  const some = [...names].slice(0, MOST_NAMES).join(", ");
  return names.size > MOST_NAMES ? `${some} and ${names.size - MOST_NAMES} more` : some;
}

function scheduleText({ milestones }: RunOutcome["settings"]): string {
  const epochs = [...milestones].sort((one, other) => one - other);
  const last = epochs.pop();
  if (last === undefined) return "the rate stays";
  const when = epochs.length === 0 ? `epoch ${last}` : `epochs ${epochs.join(", ")} and ${last}`;
  return `the rate falls to a tenth after ${when}`;
}
