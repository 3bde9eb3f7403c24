import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { systemCodeOf } from "../files/system-error.js";
import type { Network } from "../graph/network.js";
import type { TrainingSettings } from "../recipes/settings.js";
import {
  type BestEvaluation,
  bestOf,
  type Checkpoint,
  readCheckpoint,
  saveBest,
  unusable,
  weightsOf,
} from "./checkpoint.js";
import { problemOfMetrics, wrongMetrics } from "./metrics-file.js";
import { type BestFile, problemOfBest, RUN_FILES } from "./run-directory.js";

/** Where a run goes on, and what had to be repaired for it. */
export interface Recovered {
  /** Null where it begins at the beginning. */
  readonly checkpoint: Checkpoint | null;
  /** A sentence for each thing that was found damaged, and what was done about it. */
  readonly repairs: readonly string[];
}

type Which = "last" | "previous";

/**
 * Finds the checkpoint from which a run goes on, and mends what is damaged:
 *
 * - where the last checkpoint is damaged, or the metrics are not as it left them, the one before takes its place;
 * - a lost best student, of averaged weights too, is written again from a checkpoint that holds it. Where none does, training goes on, as a later one may be better;
 *   a run that is at its end is trained again from its beginning.
 *
 * The caller holds the run's lock.
 *
 * @throws {InputError} if no checkpoint can be used.
 */
export async function recoverRun(
  folder: string,
  network: Network,
  settings: TrainingSettings,
): Promise<Recovered> {
  const { checkpoint, repairs } = await usableCheckpoint(folder, network, settings);
  if (checkpoint === null) return { checkpoint, repairs };
  const said = [...repairs];
  for (const file of ["best", "bestAveraged"] as const) {
    const best = bestOf(checkpoint.progress, file);
    const problem = best === null ? null : problemOfBest(folder, file);
    if (best === null || problem === null) continue;
    const lost = `${join(folder, RUN_FILES[file])}, the student of epoch ${best.epoch}, is lost (${problem})`;
    const mended = await mendBest(folder, network, settings, checkpoint, file, best);
    said.push(`${lost}${MENDED[mended]}`);
    if (mended === "begins again") return { checkpoint: null, repairs: said };
  }
  return { checkpoint, repairs: said };
}

/** What is done about a lost best student. */
const MENDED = {
  written: "; it was written again from a checkpoint",
  "goes on": "; training goes on, as a later one may be better",
  "begins again": " and no checkpoint holds it; the run is trained again from its beginning",
} as const;

async function mendBest(
  folder: string,
  network: Network,
  settings: TrainingSettings,
  checkpoint: Checkpoint,
  file: BestFile,
  best: BestEvaluation,
): Promise<keyof typeof MENDED> {
  const holder = holds(checkpoint, best.epoch)
    ? checkpoint
    : await previousHolder(folder, network, best.epoch);
  const weights = holder && weightsOf(holder, file);
  if (weights) {
    saveBest(folder, file, weights, settings, best);
    return "written";
  }
  const { batches, evaluationDue } = checkpoint.progress;
  if (batches.epoch < settings.epochs || evaluationDue) return "goes on";
  // The summary goes first: from here on the run is not finished.
  for (const each of [RUN_FILES.summary, RUN_FILES.previous, RUN_FILES.last])
    rmSync(join(folder, each), { force: true });
  return "begins again";
}

/** The last checkpoint that can be used, moved into the last one's place if it is not that. */
async function usableCheckpoint(
  folder: string,
  network: Network,
  settings: TrainingSettings,
): Promise<{ checkpoint: Checkpoint | null; repairs: string[] }> {
  const last = await attempt(folder, network, settings, "last");
  if (last.checkpoint) return { checkpoint: last.checkpoint, repairs: [] };
  const previous = await attempt(folder, network, settings, "previous");
  if (!previous.checkpoint) {
    const error = last.error ?? previous.error;
    if (error) throw error;
    return { checkpoint: null, repairs: [] };
  }
  const { step } = previous.checkpoint.progress;
  const why = last.error ? `cannot be used (${last.error.detail.found ?? last.error.message})` : "is gone";
  // Else the next checkpoint would keep the damaged one as the one before.
  renameSync(join(folder, RUN_FILES.previous), join(folder, RUN_FILES.last));
  return {
    checkpoint: previous.checkpoint,
    repairs: [
      `${join(folder, RUN_FILES.last)} ${why}; the run goes on from the checkpoint before it, step ${step}`,
    ],
  };
}

/** A checkpoint, if it is whole, has the averages that the settings ask for, and the metrics have what it goes on from. */
async function attempt(
  folder: string,
  network: Network,
  { ema }: TrainingSettings,
  which: Which,
): Promise<{ checkpoint: Checkpoint | null; error: InputError | null }> {
  try {
    const checkpoint = await readCheckpoint(folder, network, which);
    if (checkpoint) requireMetrics(folder, checkpoint);
    if (checkpoint && (checkpoint.average !== null) !== ema > 0)
      throw unusable(join(folder, RUN_FILES[which]), averagesFound(checkpoint, ema));
    return { checkpoint, error: null };
  } catch (error) {
    // What may not be read is not damaged.
    if (!(error instanceof InputError) || systemCodeOf(error) !== null) throw error;
    return { checkpoint: null, error };
  }
}

function averagesFound({ average }: Checkpoint, ema: number): string {
  return `${average ? "averaged weights" : "no averaged weights"}, where the settings have ema ${ema}`;
}

function requireMetrics(folder: string, { progress: { metricsBytes, step } }: Checkpoint): void {
  const problem = problemOfMetrics(folder, metricsBytes, step);
  if (problem !== null) throw wrongMetrics(join(folder, RUN_FILES.metrics), problem);
}

/** Whether a checkpoint was saved just after the evaluation of an epoch, so that its weights are those that were evaluated. */
function holds({ progress: { batches, evaluationDue } }: Checkpoint, epoch: number): boolean {
  return batches.epoch === epoch && batches.position === 0 && !evaluationDue;
}

async function previousHolder(folder: string, network: Network, epoch: number): Promise<Checkpoint | null> {
  try {
    const previous = await readCheckpoint(folder, network, "previous");
    return previous && holds(previous, epoch) ? previous : null;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}
