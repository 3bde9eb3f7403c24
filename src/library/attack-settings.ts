import type { AttackResult, AttackSettings, SingleAttack } from "../attacks/attack.js";
import { type AttackId, attacks as builtIn } from "../attacks/attacks.js";
import type { UniformStart, WrongWhenClean } from "../attacks/conventions.js";
import type { Norm } from "../attacks/norms.js";
import { classifierShape, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { type ImageSource, type MeasuredImages, imagesOf } from "../evaluation/images.js";
import type { MeasureEvents } from "../evaluation/measure.js";
import { usualBatch } from "../evaluation/model-store.js";
import {
  changesOf,
  checkConventions,
  checkNumbers,
  checkThreat,
  checkRestarts,
  type NumberNames,
} from "../evaluation/numbers.js";
import type { EvaluationSettings, OwnAttacks } from "../evaluation/settings.js";
import { misfitOf } from "../onnx/signature.js";
import type { Tensor4D } from "../runtime/tensorflow.js";
import { parseQuantity } from "../recipes/settings.js";
import type { OpenModel } from "./open-model.js";
import { idOfPart } from "./own-id.js";
import { type DatasetOption, datasetOf, type Places, placesOf } from "./places.js";
import type { StopSignal } from "./stop.js";

/** The numbers of attacks that a call may change; each goes to the attacks that have it. */
export interface AttackOptions extends Partial<AttackSettings> {
  /** What becomes of images that are answered wrong before an attack; `not-robust` by default. */
  readonly wrongWhenClean?: WrongWhenClean | undefined;
  /** Whether the noise that PGD and CW start from is clamped to [0, 1]; `unclamped` by default. */
  readonly uniformStart?: UniformStart | undefined;
  /** What the radius and step sizes are measured in; `linf` by default. Not every attack has a form in `l2`. */
  readonly norm?: Norm | undefined;
  /** The radius in pixel values of images in [0, 1]; 8/255 by default, in L2 0.5. */
  readonly epsilon?: number | undefined;
  /** Seeds everything random in the attacks; 0 by default. */
  readonly seed?: number | undefined;
  /** How many times each random attack runs, on the images still right; 1 by default. */
  readonly restarts?: number | undefined;
  /** The classifier that transfer attacks make their images on. */
  readonly surrogate?: OpenModel | undefined;
  /** How many images are attacked at a time; random starts depend on it. By default the run's, or the data set's recipe's. */
  readonly batchSize?: number | undefined;
  /** Ends the work: between two batches, or within one where `onProgress` aborts it. */
  readonly signal?: StopSignal | undefined;
  /** Called after every step of an attack with how far the whole work is. */
  readonly onProgress?: MeasureEvents["onProgress"] | undefined;
}

const WHOLE = { minimum: 1, whole: true } as const;

/** Which images a call is about. */
export interface ImagesChoice extends Places {
  readonly dataset?: DatasetOption | ImageSource | undefined;
  readonly limit?: number | undefined;
}

/**
 * The test images that a call is about, at most `limit`; of a source that says no fingerprint, none.
 *
 * @throws {InputError} if they are not there, or do not fit the model.
 */
export function imagesFor(
  model: OpenModel,
  { dataset, limit: most, ...places }: ImagesChoice,
): MeasuredImages {
  const limit = most === undefined ? undefined : parseQuantity("limit", most, WHOLE);
  if (typeof dataset === "object" && "read" in dataset) {
    requireFit(model, { name: "these images", image: dataset.shape, classes: model.classes });
    const count = Math.min(dataset.count, limit ?? Infinity);
    return {
      shape: dataset.shape,
      count,
      labels: Array.from({ length: count }, (_, index) => dataset.labels[index] ?? NaN),
      fingerprint: (dataset as Partial<MeasuredImages>).fingerprint ?? "",
      read: (indexes) => dataset.read(indexes),
    };
  }
  const { description, test, fingerprint } = datasetOf(
    dataset ?? usualDataset(model, places),
    placesOf(places).dataDir,
  );
  requireFit(model, classifierShape(description));
  return imagesOf(test, description, fingerprint, limit);
}

/** @throws {InputError} if the store does not know the data set that the model was made for. */
function usualDataset(model: OpenModel, places: Places): string {
  try {
    return findDataset(model.dataset, placesOf(places).dataDir).id;
  } catch (cause) {
    throw new InputError(`no test images are named for "${model.name}"`, {
      expected: "dataset: a data set's name, one that is open, or images",
      found: `a model for "${model.dataset}", which is in no store`,
      fix: "give the data set that it was trained on, such as datasetFromArrays made",
      cause,
    });
  }
}

function requireFit(model: OpenModel, wanted: Parameters<typeof misfitOf>[1]): void {
  const problem = misfitOf(model, wanted);
  if (problem === null) return;
  throw new InputError(`"${model.name}" ${problem}`, {
    expected: `a model for ${wanted.name}`,
    found: `one for ${model.dataset}`,
  });
}

const NAMES: NumberNames = {
  steps: "steps",
  stepSize: "stepSize",
  queries: "queries",
  targetClasses: "targetClasses",
  restarts: "restarts",
};

const CONVENTIONS = { wrongWhenClean: "wrongWhenClean", uniformStart: "uniformStart" } as const;

/**
 * The settings of attacks, with the defaults of a call.
 *
 * @param ids The attacks that have numbers to change.
 * @param own Attacks of the caller's own.
 * @throws {InputError} naming the option that is wrong, or changes no attack.
 */
export function attackSettings(
  model: OpenModel,
  ids: readonly AttackId[],
  options: AttackOptions,
  own?: OwnAttacks,
): Omit<EvaluationSettings, "attacks"> & { surrogate?: OpenModel } {
  const { seed = 0, surrogate, steps, stepSize, queries, targetClasses } = options;
  const { wrongWhenClean, uniformStart } = options;
  const asked = [...ids, ...(Object.keys(own ?? {}) as AttackId[])];
  const { norm, epsilon } = checkThreat(asked, options, { norm: "norm", epsilon: "epsilon" }, own);
  const numbers = checkNumbers({ steps, stepSize, queries, targetClasses }, NAMES, norm);
  const restarts = checkRestarts(options.restarts ?? 1, NAMES);
  return {
    ...{ norm, epsilon },
    seed: parseQuantity("seed", seed, { minimum: 0, maximum: 2 ** 32 - 1, whole: true }),
    restarts,
    batchSize: parseQuantity("batchSize", options.batchSize ?? usualBatchOf(model), WHOLE),
    changes: changesOf(ids, numbers, restarts, NAMES),
    ...checkConventions(ids, { wrongWhenClean, uniformStart }, CONVENTIONS),
    ...(surrogate ? { surrogate } : {}),
  };
}

function usualBatchOf({ reference, dataset }: OpenModel): number {
  return usualBatch({ reference: reference ?? { kind: "file", path: "" }, dataset });
}

/**
 * The ids of attacks, and those among them that are values of the caller's.
 *
 * @throws {InputError} if one is unknown, or two of the caller's own have one id.
 */
export function namedAttacks(attacks: readonly (AttackId | SingleAttack)[]): {
  ids: AttackId[];
  own: OwnAttacks;
} {
  const parts = attacks.map((attack) => idOfPart(attack, builtIn, "attack"));
  const ids = [...new Set(parts.map(({ id }) => id as AttackId))];
  for (const id of ids) {
    const values = new Set(parts.filter((part) => part.id === id).map(({ own }) => own));
    if (values.size > 1)
      throw new InputError(`two attacks of your own are called "${id}"`, {
        expected: "a title of its own for each",
        found: [...values].map((own) => own?.title).join(" and "),
      });
  }
  return {
    ids,
    own: Object.fromEntries(parts.flatMap(({ id, own }) => (own ? [[id, checkedAttack(own)]] : []))),
  };
}

/** An attack of the caller's own that must return images, and free none of those it was given. */
function checkedAttack(attack: SingleAttack): SingleAttack {
  if (typeof attack.run !== "function")
    throw new InputError(`"${attack.title}" is no attack`, {
      expected: "what singleAttack returns",
      found: "an object without its parts",
    });
  return {
    ...attack,
    run(target, batch, changes) {
      const found = attack.run(target, batch, changes) as unknown;
      const adversarial = (found as Partial<AttackResult> | null | undefined)?.adversarial;
      const shape = (adversarial as Partial<Tensor4D> | undefined)?.shape;
      if (String(shape) === String(batch.images.shape) && !batch.images.isDisposed)
        return found as AttackResult;
      throw new InputError(`the attack "${attack.title}" does not return images`, {
        expected: `{ adversarial: a tensor [${batch.images.shape.join(", ")}] }, the images it was given left alone`,
        found: batch.images.isDisposed
          ? "the images it was given are disposed of"
          : shape
            ? `a tensor [${shape.join(", ")}]`
            : found instanceof Promise
              ? "a promise: attacks run at once"
              : "no tensor",
      });
    },
  };
}
