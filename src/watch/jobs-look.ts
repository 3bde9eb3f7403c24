import { relative } from "node:path";
import type { JobRow } from "../browser/watch-types.js";
import { oneLine } from "../harmless.js";
import { listJobs } from "../jobs/list.js";

/** The jobs beside the runs of several folders; what keeps them from being listed is said in their place. */
export async function lookAtJobs(
  top: string,
  folders: readonly string[],
): Promise<{ readonly rows: JobRow[]; readonly notes: string[] }> {
  const notes = new Set<string>();
  const rows: JobRow[] = [];
  for (const folder of folders) {
    const place = relative(top, folder);
    try {
      const listed = await listJobs(folder, (text) => notes.add(oneLine(text)));
      rows.push(
        ...listed.map(({ name, state, where, doing, secondsLeft, tries }) => ({
          name: oneLine(place === "" ? name : `${place}: ${name}`),
          ...{ state, where: oneLine(where), doing: oneLine(doing), secondsLeft, tries },
        })),
      );
    } catch (error) {
      // Whatever it is, runs are worth a look without their jobs.
      const why = error instanceof Error ? error.message : String(error);
      notes.add(oneLine(`the jobs in ${place || "this folder"} are not shown: ${why}`));
    }
  }
  return { rows, notes: [...notes] };
}
