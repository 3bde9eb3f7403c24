import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomically } from "../files/atomic.js";
import { readTextFile } from "../files/read-text.js";
import { askSlurm, slurmFailure } from "./ask-slurm.js";

/*
 * Between the call of sbatch and the caller's record of what it queued, a process can be killed. So before that call a file beside the batch
 * script says which tasks it is for, and after the record it goes away.
 */

const FILE = "unrecorded.json";
const MOST_BYTES = 2 ** 24;

/** The index in the array, by the tasks' ids. */
const schema = z.record(z.string(), z.int().nonnegative());

/** Says in the folder of a batch script for which tasks it is submitted. */
export function beginRecord(own: string, indices: ReadonlyMap<string, number>): void {
  writeFileAtomically(join(own, FILE), `${JSON.stringify(Object.fromEntries(indices))}\n`);
}

/** Says that the caller knows what was queued. */
export function endRecord(own: string): void {
  rmSync(join(own, FILE), { force: true });
}

/**
 * Finds what an earlier call of {@link submit} queued before it was killed and could tell nobody. To be called, with the lock that keeps others
 * from submitting, before anything is submitted to the same folder.
 *
 * @param folder The folder of the submissions.
 * @param onSubmitted Told Slurm's ids by those of the tasks, as by {@link submit}.
 * @throws {InputError} without Slurm on this machine; {@link WorkError} if its controller does not answer.
 */
export async function recoverSubmissions(
  folder: string,
  onSubmitted: (ids: ReadonlyMap<string, string>) => void,
): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const own = join(folder, name);
    if (!existsSync(join(own, FILE))) continue;
    const array = await findArray(name);
    const indices = readIndices(own);
    if (array !== null && indices !== null)
      onSubmitted(new Map(Object.entries(indices).map(([id, index]) => [id, `${array}_${index}`])));
    endRecord(own);
  }
}

/** The id of the array with a name, which only one has; null if Slurm has none. @throws {WorkError} if its controller does not answer. */
export async function findArray(name: string): Promise<string | null> {
  const answer = await askSlurm("squeue", ["--noheader", "--states=all", `--name=${name}`, "--format=%F"]);
  if (answer.code !== 0) throw slurmFailure("squeue", answer);
  return /^\d+/.exec(answer.out.trim())?.[0] ?? null;
}

function readIndices(own: string): Readonly<Record<string, number>> | null {
  try {
    return schema.parse(JSON.parse(readTextFile(join(own, FILE), MOST_BYTES)));
  } catch {
    // It is written whole: what is there is no file of ours.
    return null;
  }
}
