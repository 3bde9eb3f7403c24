import { join } from "node:path";
import { classifierShape, datasets, isBuiltIn } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { isThere } from "../files/kind.js";
import { systemCodeOf } from "../files/system-error.js";
import type { Network, NetworkShape } from "../graph/network.js";
import type { Weights } from "../graph/parameters.js";
import { createNetwork } from "../networks/networks.js";
import { readCheckpoint } from "../run/checkpoint.js";
import { readOwnNetwork } from "../run/own-network.js";
import { readRun, RUN_FILES, type RunDescription } from "../run/run-directory.js";
import type { studentChoices } from "./student-choices.js";
import { matchWeights } from "../weights/match-weights.js";
import { readWeightsFile } from "../weights/weights-file.js";

/** Which student of a run: the best by W-Robust or the last one, with its own weights or with averaged ones. */
export type StudentChoice = keyof typeof studentChoices;

/** The best students are in files of their own, the last ones in the last checkpoint. */
const FILES = {
  best: RUN_FILES.best,
  last: RUN_FILES.last,
  "best-averaged": RUN_FILES.bestAveraged,
  "last-averaged": RUN_FILES.last,
} as const satisfies Record<StudentChoice, string>;

/**
 * Reads a student of a run: its network, its weights, and the id of the data set it was trained on.
 *
 * @throws {InputError} if the run has no such student (yet), or its file is damaged.
 */
export async function readStudent(
  folder: string,
  which: StudentChoice,
): Promise<{ network: Network; weights: Weights; dataset: string }> {
  const run = readRun(folder);
  const { student, dataset, ema } = run.settings;
  const isAveraged = which === "best-averaged" || which === "last-averaged";
  if (isAveraged && ema === 0) throw keepsNone(folder, which);
  const normalization = run.inputs.init?.normalization;
  const network =
    readOwnNetwork(folder, run.inputs.network) ?? createNetwork(student, shapeOf(run, folder), normalization);
  const path = join(folder, FILES[which]);
  const isBest = which === "best" || which === "best-averaged";
  const last = isAveraged ? "last-averaged" : "last";
  if (!isThere(path)) {
    throw new InputError(`the run ${folder} has no ${which} student yet`, {
      expected: path,
      found: "no such file",
      fix: isBest
        ? `wait for its first evaluation where it is training, else mtard train with --resume, which also makes a lost one again; or --checkpoint ${last}`
        : "mtard train with --resume",
    });
  }
  const weights = isBest
    ? await readBest(path, network, last)
    : await readLast(folder, network, isAveraged ? "average" : "weights");
  return { network, weights, dataset };
}

function keepsNone(folder: string, which: StudentChoice): InputError {
  return new InputError(`the run ${folder} keeps no averaged weights, so it has no ${which} student`, {
    expected: "a run with the setting ema, the decay of the average",
    found: "ema 0",
    fix: `--checkpoint ${which === "best-averaged" ? "best" : "last"}; or train another run with --set ema=0.995`,
  });
}

/** The images and classes of a run, which an older one does not say itself. */
function shapeOf({ settings: { dataset }, inputs }: RunDescription, folder: string): NetworkShape {
  if (inputs.shape) return inputs.shape;
  if (isBuiltIn(dataset)) return classifierShape(datasets[dataset]);
  throw new InputError(`the run ${folder} does not say what its images are`, {
    expected: "inputs.shape in its settings.json",
    found: `the data set ${dataset}, which is not built in`,
  });
}

function readBest(path: string, network: Network, last: StudentChoice): Promise<Weights> {
  return orElse(`--checkpoint ${last}, or mtard train with --resume, which makes it again`, async () => {
    const { weights } = await readWeightsFile(path);
    return matchWeights(network, weights, path);
  });
}

function readLast(folder: string, network: Network, which: "weights" | "average"): Promise<Weights> {
  return orElse("mtard train with --resume, which goes on from the checkpoint before it", async () => {
    const checkpoint = await readCheckpoint(folder, network);
    if (!checkpoint) throw new InputError(`the run ${folder} has no checkpoint`);
    const weights = checkpoint[which];
    if (!weights)
      throw new InputError(`${join(folder, RUN_FILES.last)} has no averaged weights`, {
        expected: "the averages that the setting ema of the run asks for",
        found: "a checkpoint without them",
      });
    return weights;
  });
}

/** Reads a student; what to do where its file is damaged is said in place of what the reader says. */
async function orElse<T>(fix: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    // What may not be read is not damaged.
    if (!(error instanceof InputError) || systemCodeOf(error) !== null) throw error;
    throw new InputError(error.message, { ...error.detail, fix, cause: error });
  }
}
