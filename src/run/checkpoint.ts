import { join } from "node:path";
import { z } from "zod";
import { encodeSafetensors, float32Values, readSafetensors } from "../weights/safetensors.js";
import type { BatchesState } from "../data/batches.js";
import { InputError } from "../errors.js";
import type { Network } from "../graph/network.js";
import { parameterSpecs, type HostTensor, type Weights } from "../graph/parameters.js";
import { writeFileAtomically } from "../files/atomic.js";
import { keepAs } from "../files/keep.js";
import { isThere } from "../files/kind.js";
import { systemCodeOf } from "../files/system-error.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { weightsFromParameters, type Parameters } from "../student/parameters.js";
import { type BestFile, RUN_FILES } from "./run-directory.js";

const word = z.number().int();
const randomState = z.tuple([word, word, word, word]);

/** The best evaluation so far. */
const bestSchema = z.object({
  epoch: z.number().int().positive(),
  clean: z.number(),
  robust: z.number(),
  wRobust: z.number(),
});

/** The evaluation with the highest W-Robust so far; accuracies are fractions. */
export interface BestEvaluation extends z.infer<typeof bestSchema> {}

const progressSchema = z.object({
  version: z.literal(1),
  /** Steps done since the run began. */
  step: z.number().int().nonnegative(),
  batches: z.object({
    epoch: z.number().int().nonnegative(),
    position: z.number().int().nonnegative(),
    epochStart: randomState,
    random: randomState,
  }),
  /** The method's own state: temperatures, loss weights, first losses. */
  method: z.unknown(),
  best: bestSchema.nullable(),
  /** The same of the averaged weights; absent where none are kept. */
  bestAveraged: bestSchema.nullable().optional(),
  /** Whether the last trained epoch still has to be evaluated. */
  evaluationDue: z.boolean(),
  /** The length of `metrics.jsonl` at this point. */
  metricsBytes: z.number().int().nonnegative(),
  /** How long the run was worked on; older checkpoints do not say it. */
  seconds: z.number().nonnegative().default(0),
});

/** A run's state apart from its tensors. */
export interface Progress {
  readonly step: number;
  readonly batches: BatchesState;
  readonly method: unknown;
  readonly best: BestEvaluation | null;
  readonly bestAveraged?: BestEvaluation | null | undefined;
  readonly evaluationDue: boolean;
  readonly metricsBytes: number;
  readonly seconds: number;
}

/** A checkpoint as it was read. */
export interface Checkpoint {
  readonly progress: Progress;
  readonly weights: Weights;
  readonly momenta: Weights;
  /** The averaged weights and statistics, where the run keeps them. */
  readonly average: Weights | null;
}

/** The tensors of a run in training. */
export interface TrainedTensors {
  readonly parameters: Parameters;
  readonly momenta: Parameters;
  readonly average: Parameters | null;
}

const WEIGHT = "weight/";
const MOMENTUM = "momentum/";
const AVERAGE = "average/";

/**
 * Saves a run's whole state, with weights, statistics, momenta and averages. The last checkpoint is kept as the one before.
 *
 * @throws {WorkError} if the disk refuses; the last checkpoint then stays the last one.
 */
export function saveCheckpoint(
  folder: string,
  network: Network,
  { parameters, momenta, average }: TrainedTensors,
  progress: Progress,
): void {
  const tensors = [
    ...prefixed(WEIGHT, weightsFromParameters(network, parameters)),
    ...prefixed(MOMENTUM, weightsFromParameters(network, momenta)),
    ...(average ? prefixed(AVERAGE, weightsFromParameters(network, average)) : []),
  ];
  const metadata = { mtard: JSON.stringify({ version: 1, ...progress }) };
  const last = join(folder, RUN_FILES.last);
  if (isThere(last)) keepAs(last, join(folder, RUN_FILES.previous));
  writeFileAtomically(last, encodeSafetensors(tensors, metadata));
}

/**
 * The last checkpoint of a run, or the one before it; null if there is none.
 *
 * @throws {InputError} if the file is damaged, by its checksum or its form, or does not fit the network.
 */
export async function readCheckpoint(
  folder: string,
  network: Network,
  which: "last" | "previous" = "last",
): Promise<Checkpoint | null> {
  const path = join(folder, RUN_FILES[which]);
  if (!isThere(path)) return null;
  const { metadata, tensors } = await readSafetensors(path).catch((error: unknown) => {
    // What may not be read is not damaged.
    if (!(error instanceof InputError) || systemCodeOf(error) !== null) throw error;
    throw unusable(path, error.detail.found ?? error.message, error);
  });
  const read = (prefix: string, kinds: readonly string[]): Weights =>
    new Map(
      parameterSpecs(network)
        .filter((spec) => kinds.includes(spec.kind))
        .map(({ name, shape }): [string, HostTensor] => {
          const tensor = tensors.get(prefix + name);
          if (tensor?.shape.join() !== shape.join())
            throw unusable(path, `tensor ${prefix + name} is missing or wrong`);
          return [name, { shape, data: float32Values(tensor) }];
        }),
    );
  const progress = progressSchema.safeParse(parseJson(metadata["mtard"]));
  if (!progress.success) throw unusable(path, "the state of the run is missing or wrong");
  return {
    progress: progress.data,
    weights: read(WEIGHT, ["trained", "statistic"]),
    momenta: read(MOMENTUM, ["trained"]),
    average: progress.data.bestAveraged === undefined ? null : read(AVERAGE, ["trained", "statistic"]),
  };
}

/** Saves a best student alone, under PyTorch's names; the metadata say what it is. */
export function saveBest(
  folder: string,
  file: BestFile,
  weights: Weights,
  { student, dataset, method, ema }: TrainingSettings,
  evaluation: BestEvaluation,
): void {
  const averaged = file === "bestAveraged" ? { ema } : {};
  const metadata = { mtard: JSON.stringify({ network: student, dataset, method, ...averaged, evaluation }) };
  writeFileAtomically(join(folder, RUN_FILES[file]), encodeSafetensors(weights, metadata));
}

/** The best evaluation that a best student's file is of; null before the first, or where no averages are kept. */
export function bestOf({ best, bestAveraged }: Progress, file: BestFile): BestEvaluation | null {
  return file === "best" ? best : (bestAveraged ?? null);
}

/** The weights that a best student's file takes from a checkpoint; null where no averages are kept. */
export function weightsOf({ weights, average }: Checkpoint, file: BestFile): Weights | null {
  return file === "best" ? weights : average;
}

function prefixed(prefix: string, weights: Weights): [string, HostTensor][] {
  return [...weights].map(([name, tensor]) => [prefix + name, tensor]);
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

/** The error for a checkpoint that its run cannot use. */
export function unusable(path: string, found: string, cause?: unknown): InputError {
  return new InputError(`${path} is not a whole checkpoint of this run`, {
    expected: "the file mtard train wrote",
    found,
    fix: "start afresh with --out in another folder",
    cause,
  });
}
