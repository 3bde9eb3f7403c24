import { WorkError } from "../errors.js";
import { isJobId } from "./array-ids.js";
import { askSlurm, slurmFailure } from "./ask-slurm.js";

/** Jobs that one call cancels. */
const AT_ONCE = 500;

/**
 * Has Slurm take jobs back, and end those that run; their workers get TERM, save and end. Jobs that are over already stay as they are.
 *
 * @param jobIds Slurm's ids, such as `12_3`.
 * @throws {InputError} without Slurm on this machine; {@link WorkError} if its controller does not answer or does not permit it.
 */
export async function cancel(jobIds: readonly string[]): Promise<void> {
  for (const id of jobIds)
    if (!isJobId(id)) throw new WorkError("not the id of a job in Slurm's queue", { found: id });
  for (let first = 0; first < jobIds.length; first += AT_ONCE) {
    const answer = await askSlurm("scancel", jobIds.slice(first, first + AT_ONCE));
    const told = answer.error.split("\n").filter((line) => line.trim() !== "" && !OVER.test(line));
    if (told.length > 0 || answer.code === null)
      throw slurmFailure("scancel", { ...answer, code: answer.code ?? 1, error: told.join("\n") });
  }
}

/** How scancel says that a job is over. */
const OVER = /invalid job id|already (completing|completed|finished)|job\/step already/i;
