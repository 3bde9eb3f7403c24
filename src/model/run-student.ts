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
import { matchWeights } from "../weights/match-weights.js";
import { readWeightsFile } from "../weights/weights-file.js";

/** Which student of a run: the best by W-Robust, or the last one. */
export type StudentChoice = "best" | "last";

/**
 * Reads a student of a run: its network, its weights, and the id of the data set it was trained on.
 *
 * @throws {InputError} if the run has no such student yet, or its file is damaged.
 */
export async function readStudent(
  folder: string,
  which: StudentChoice,
): Promise<{ network: Network; weights: Weights; dataset: string }> {
  const run = readRun(folder);
  const { student, dataset } = run.settings;
  const normalization = run.inputs.init?.normalization;
  const network =
    readOwnNetwork(folder, run.inputs.network) ?? createNetwork(student, shapeOf(run, folder), normalization);
  const path = join(folder, RUN_FILES[which]);
  if (!isThere(path)) {
    throw new InputError(`the run ${folder} has no ${which} student yet`, {
      expected: path,
      found: "no such file",
      fix:
        which === "best"
          ? "wait for its first evaluation where it is training, else mtard train with --resume, which also makes a lost one again; or --checkpoint last"
          : "mtard train with --resume",
    });
  }
  const weights = which === "best" ? await readBest(path, network) : await readLast(folder, network);
  return { network, weights, dataset };
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

function readBest(path: string, network: Network): Promise<Weights> {
  return orElse("--checkpoint last, or mtard train with --resume, which makes it again", async () => {
    const { weights } = await readWeightsFile(path);
    return matchWeights(network, weights, path);
  });
}

function readLast(folder: string, network: Network): Promise<Weights> {
  return orElse("mtard train with --resume, which goes on from the checkpoint before it", async () => {
    const checkpoint = await readCheckpoint(folder, network);
    if (!checkpoint) throw new InputError(`the run ${folder} has no checkpoint`);
    return checkpoint.weights;
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
