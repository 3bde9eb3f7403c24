import { usualLead } from "../cluster/slurm-time.js";
import { InputError } from "../errors.js";

/** Seconds in which a worker has read data and teachers and is ready for its first step, on a machine that is not slow. */
const START_SECONDS = 20;

/**
 * Refuses a limit on a try's time in which a training cannot make a step and save it: tries would follow each other and get nowhere.
 *
 * @param step Seconds of a step, evaluations counted in.
 * @param limit Seconds of a try, which Slurm rounds up to whole minutes.
 * @param lead Seconds before the limit at which a job is told to save; null for the usual ones.
 * @throws {InputError} saying how long a try has to be.
 */
export function requireStep(name: string, step: number, limit: number, lead: number | null): void {
  const saves = lead ?? usualLead(limit);
  const needed = START_SECONDS + step + saves;
  const granted = 60 * Math.ceil(limit / 60);
  if (needed <= granted) return;
  throw new InputError("the time limit is too short for one checkpoint", {
    expected: `--time of at least ${Math.ceil(needed / 60)} minutes: about ${START_SECONDS} s to begin, ${Math.ceil(step)} s for a step, ${saves} s to save`,
    found: `${granted} s, for ${name}`,
    fix: `--time ${Math.ceil(needed / 60)}`,
  });
}
