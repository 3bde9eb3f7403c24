import type { AttackBatch } from "../attacks/attack.js";
import { nanAsZero, placesOf } from "../attacks/nan-gradients.js";
import type { AttackTarget } from "../attacks/target.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import { imageTensor, type ImageSource } from "./images.js";
import type { Round } from "./rounds.js";
import { type Distances, verifyAdversarial } from "./verify.js";

/** What a round of an attack did to a batch of images, in their order. */
export interface BatchOutcome {
  /** The classes that the model under test answers to the adversarial images. */
  readonly answers: Int32Array;
  readonly adversarial: Float32Array;
  readonly distances: Distances;
  /** Queries to the model for each image, or null if the attack does not count them. */
  readonly queries: Int32Array | null;
  /** The images at which a gradient had a NaN, which counted as 0: their indexes in the source. */
  readonly nanGradients: ReadonlySet<number>;
}

/**
 * Attacks images of a source, verifies what comes back, and asks the model under test about it.
 *
 * @param maker The classifier the attack looks at: the model under test, or a surrogate.
 * @throws {WorkError} if an image that comes back is invalid.
 */
export function attackBatch(
  target: AttackTarget,
  maker: AttackTarget,
  source: ImageSource,
  indexes: readonly number[],
  { id, attack, numbers }: Round,
  batch: Omit<AttackBatch, "images" | "labels">,
): BatchOutcome {
  const clean = source.read(indexes);
  const images = imageTensor(source.shape, clean);
  const labels = tf.tensor1d(
    indexes.map((index) => source.labels[index] as number),
    "int32",
  );
  const nanGradients = new Set<number>();
  const numeric = nanAsZero(maker, (look, rows) => {
    for (const place of placesOf(rows, look, images)) nanGradients.add(indexes[place] as number);
  });
  try {
    const found = attack.run(numeric, { ...batch, images, labels }, numbers);
    try {
      const adversarial = found.adversarial.dataSync<"float32">();
      const distances = verifyAdversarial(id, indexes, clean, adversarial, batch);
      const answers = predictions(target, found.adversarial);
      return { answers, adversarial, distances, queries: found.queries ?? null, nanGradients };
    } finally {
      found.adversarial.dispose();
    }
  } finally {
    tf.dispose([images, labels]);
  }
}

/** The classes a model answers. */
export function predictions(target: AttackTarget, images: Tensor4D): Int32Array {
  const answers = target.predict(images);
  const classes = answers.dataSync<"int32">();
  answers.dispose();
  return classes;
}
