import type { AttackSettings, SingleAttack } from "../attacks/attack.js";
import { type AttackId, attacks as builtIn } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import { type MeasuredImages, imagesOf } from "../evaluation/images.js";
import { type MeasureEvents, type Measurement, measure } from "../evaluation/measure.js";
import { openModelStore, usualBatch } from "../evaluation/model-store.js";
import { changesOf } from "../evaluation/numbers.js";
import type { EvaluationSettings, OwnAttacks } from "../evaluation/settings.js";
import { openStore, type MeasurementStore } from "../evaluation/store.js";
import { combined, type Evaluation, type RobustAccuracy } from "../evaluation/summary.js";
import type { OpenModel } from "./open-model.js";
import { idOfPart } from "./own-id.js";
import { type DatasetOption, datasetOf, type Places, placesOf } from "./places.js";
import { type StopSignal, throwIfStopped } from "./stop.js";

/** The numbers of attacks that a call may change; each goes to the attacks that have it. */
export interface AttackOptions extends Partial<AttackSettings> {
  /** The L-infinity radius in pixel values of images in [0, 1]; 8/255 by default. */
  readonly epsilon?: number | undefined;
  /** Seeds everything random in the attacks; 0 by default. */
  readonly seed?: number | undefined;
  /** How many times each random attack runs, on the images still right; 1 by default. */
  readonly restarts?: number | undefined;
  /** The classifier that transfer attacks make their images on. */
  readonly surrogate?: OpenModel | undefined;
  /** How many images are attacked at a time; random starts depend on it. By default the run's, or the data set's recipe's. */
  readonly batchSize?: number | undefined;
  /** Ends the work between two steps. */
  readonly signal?: StopSignal | undefined;
  /** Called after every step of an attack with how far the whole work is. */
  readonly onProgress?: MeasureEvents["onProgress"] | undefined;
}

/** What an evaluation is of. */
export interface EvaluateOptions extends AttackOptions, Places {
  /** By default the one the model was made for. Only its test images are used. */
  readonly dataset?: DatasetOption | MeasuredImages | undefined;
  /** Ids, or attacks of your own; `["pgd-sat"]` by default, `[]` for clean accuracy alone. */
  readonly attacks?: readonly (AttackId | SingleAttack)[] | undefined;
  /** The first test images only. */
  readonly limit?: number | undefined;
  /**
   * The folder of runs in which the command line keeps what it measured, such as `runs`: what is known there is not measured again, and
   * interrupted work goes on. By default nothing is kept.
   */
  readonly runsDir?: string | undefined;
  /** Whether to look for what makes the accuracies doubtful; true by default. */
  readonly checks?: boolean | undefined;
  /** Called with sentences for people: what is known already, warnings. */
  readonly onMessage?: ((text: string) => void) | undefined;
}

/** Accuracies, the outcome for each image, and what is doubtful about them. */
export interface EvaluationResult
  extends Omit<Evaluation, "attacks">, Pick<Measurement, "warnings" | "seconds" | "device"> {
  /** By the attacks' ids; an attack of your own is called by its title (`"My attack"` is `my-attack`). */
  readonly attacks: Readonly<Partial<Record<string, RobustAccuracy>>>;
}

/** Where what is measured of a value, which has no folder of its own, is kept. */
const OWN_RESULTS = "evaluations";

/**
 * Measures the clean accuracy of a model, and its robust accuracy and W-Robust under each attack.
 *
 * @throws {InputError} if the data set or an attack is unknown, does not fit the model, or a transfer attack has no surrogate;
 * {@link WorkError} if the model cannot run; the signal's reason if it stopped the work.
 * @see B-MTARD, equation 22.
 */
export async function evaluate(model: OpenModel, options: EvaluateOptions = {}): Promise<EvaluationResult> {
  const images = imagesFor(model, options);
  const { ids, own } = namedAttacks(options.attacks ?? ["pgd-sat"]);
  const kept = ids.filter((id) => !Object.hasOwn(own, id));
  const ofOwn = ids.filter((id) => Object.hasOwn(own, id));
  const store = storeOf(model, options);
  const settings = settingsOf(model, kept, options);
  const run = (attacks: readonly AttackId[], to: MeasurementStore | null): Promise<Measurement> =>
    measure(
      model,
      images,
      { ...settings, attacks, own, ...(options.checks === undefined ? {} : { checks: options.checks }) },
      to,
      eventsOf(options),
    );
  throwIfStopped(options.signal);
  const parts = [
    ...(kept.length > 0 || ofOwn.length === 0 ? [await run(kept, store)] : []),
    ...(ofOwn.length > 0 ? [await run(ofOwn, null)] : []),
  ];
  return {
    ...combined(parts.map(({ evaluation }) => evaluation)),
    warnings: [...new Set(parts.flatMap(({ warnings }) => warnings))],
    seconds: Object.fromEntries(parts.flatMap(({ seconds }) => Object.entries(seconds))),
    device: parts.map(({ device }) => device)[0] ?? "",
  };
}

/** The test images that a call is about, at most `limit`. */
export function imagesFor(
  model: OpenModel,
  { dataset, limit, ...places }: Pick<EvaluateOptions, "dataset" | "limit" | keyof Places>,
): MeasuredImages {
  if (typeof dataset === "object" && "read" in dataset) {
    const count = Math.min(dataset.count, limit ?? Infinity);
    return {
      ...dataset,
      count,
      labels: Array.from({ length: count }, (_, index) => dataset.labels[index] ?? 0),
    };
  }
  const { description, test, fingerprint } = datasetOf(dataset ?? model.dataset, placesOf(places).dataDir);
  return imagesOf(test, description, fingerprint, limit);
}

/** The settings of attacks, with the defaults of a call. */
export function settingsOf(
  model: OpenModel,
  ids: readonly AttackId[],
  options: AttackOptions,
): Omit<EvaluationSettings, "attacks"> & { surrogate?: OpenModel } {
  const { epsilon = 8 / 255, seed = 0, restarts = 1, surrogate } = options;
  const { steps, stepSize, queries, targetClasses } = options;
  const numbers = Object.fromEntries(
    Object.entries({ steps, stepSize, queries, targetClasses }).filter(([, value]) => value !== undefined),
  ) as Partial<AttackSettings>;
  const names = {
    steps: "steps",
    stepSize: "stepSize",
    queries: "queries",
    targetClasses: "targetClasses",
    restarts: "restarts",
  };
  return {
    epsilon: inRange("epsilon", epsilon, 0, 1),
    seed: inRange("seed", seed, 0, 2 ** 32 - 1),
    restarts: inRange("restarts", restarts, 1, 10_000),
    batchSize: options.batchSize ?? usualBatchOf(model),
    changes: changesOf(ids, numbers, restarts, names),
    ...(surrogate ? { surrogate } : {}),
  };
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new InputError(`${name} is wrong`, {
    expected: `a number from ${least} to ${most}`,
    found: String(value),
  });
}

function usualBatchOf({ reference, dataset }: OpenModel): number {
  return usualBatch({ reference: reference ?? { kind: "file", path: "" }, dataset });
}

function storeOf(model: OpenModel, { runsDir, onMessage }: EvaluateOptions): MeasurementStore | null {
  if (runsDir === undefined) return null;
  const { name, reference, identity } = model;
  if (identity === "")
    throw new InputError(`what is measured of "${name}" cannot be kept`, {
      expected: "an identity, so that it is not taken for another model",
      found: "none",
      fix: "give openModel an identity, or leave runsDir out",
    });
  if (reference) return openModelStore({ name, reference }, runsDir, onMessage ?? (() => undefined));
  return openStore(`${runsDir}/${OWN_RESULTS}/${identity.slice(0, 16)}`);
}

function eventsOf({ signal, onProgress, onMessage }: EvaluateOptions): Partial<MeasureEvents> {
  return {
    onProgress(progress) {
      throwIfStopped(signal);
      onProgress?.(progress);
    },
    ...(onMessage ? { onMessage } : {}),
  };
}

/** The ids of attacks, and those among them that are values of the caller's. */
export function namedAttacks(attacks: readonly (AttackId | SingleAttack)[]): {
  ids: AttackId[];
  own: OwnAttacks;
} {
  const parts = attacks.map((attack) => idOfPart(attack, builtIn, "attack"));
  return {
    ids: parts.map(({ id }) => id as AttackId),
    own: Object.fromEntries(parts.flatMap(({ id, own }) => (own ? [[id, own]] : []))),
  };
}
