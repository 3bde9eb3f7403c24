import { InputError } from "../errors.js";
import { tf, type Tensor1D, type Tensor2D, type Tensor3D } from "../runtime/tensorflow.js";

/*
 * Losses that compare single logits. Each is built from directions, the weights of the logits in a row: the product of a direction with
 * the logits is a difference of logits, and the direction is the gradient of that difference.
 */

/** The loss of each row of logits, `[N]`, and the gradient of the summed loss with respect to the logits, `[N, classes]`. */
// tf.tidy must return a type with an index signature, which an interface lacks.
export type LogitLossGradient = { loss: Tensor1D; gradient: Tensor2D };

/** The fewest classes for which the DLR losses are defined: their denominators need the third or the fourth largest logit. */
export const FEWEST_DLR_CLASSES = { dlr: 3, dlrTargeted: 4 } as const;

/**
 * Checks that a classifier has enough classes for a DLR loss.
 *
 * @throws {InputError} if it has too few.
 */
export function requireDlrClasses(kind: keyof typeof FEWEST_DLR_CLASSES, classes: number): void {
  if (classes >= FEWEST_DLR_CLASSES[kind]) return;
  throw new InputError("the model has too few classes for the DLR loss", {
    expected: `at least ${FEWEST_DLR_CLASSES[kind]} classes`,
    found: String(classes),
    fix: "apgd-ce, cw or fab-t",
  });
}

/**
 * Computes the margin max_{c != y} z_c - z_y of logits z `[N, classes]` and labels y, positive where the answer is wrong.
 *
 * @see Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks" (2017), f_6.
 */
export function margin(logits: Tensor2D, labels: Tensor1D): LogitLossGradient {
  return difference(logits, towardsOther(logits, labels, largest(logits, 2)));
}

/** Computes the margin z_t - z_y towards the target classes t. */
export function targetedMargin(logits: Tensor2D, labels: Tensor1D, targets: Tensor1D): LogitLossGradient {
  return difference(logits, towardsTarget(logits, labels, targets));
}

/**
 * Computes the DLR loss (max_{c != y} z_c - z_y) / (z_1 - z_3 + 1e-12), with z_1 >= z_2 >= ... the sorted logits.
 *
 * @throws {InputError} if there are fewer than three classes.
 * @see Croce and Hein, "Reliable Evaluation of Adversarial Robustness ..." (2020), equation 6.
 */
export function dlr(logits: Tensor2D, labels: Tensor1D): LogitLossGradient {
  requireDlrClasses("dlr", logits.shape[1]);
  const ranked = largest(logits, 3);
  return ratio(logits, towardsOther(logits, labels, ranked), weighted(ranked, logits, [1, 0, -1]));
}

/**
 * Computes the targeted DLR loss (z_t - z_y) / (z_1 - (z_3 + z_4) / 2 + 1e-12), with z_1 >= z_2 >= ... the sorted logits.
 *
 * @throws {InputError} if there are fewer than four classes.
 * @see Croce and Hein (2020), equation 7.
 */
export function dlrTargeted(logits: Tensor2D, labels: Tensor1D, targets: Tensor1D): LogitLossGradient {
  requireDlrClasses("dlrTargeted", logits.shape[1]);
  const scale = weighted(largest(logits, 4), logits, [1, 0, -0.5, -0.5]);
  return ratio(logits, towardsTarget(logits, labels, targets), scale);
}

/** Ranks the classes of the `count` largest logits of each row, int32 `[N, count]`; of equal logits the last comes first, as in PyTorch's sort. */
export function largest(logits: Tensor2D, count: number): Tensor2D {
  // topk puts the first of equal logits first.
  const { indices } = tf.topk(tf.reverse2d(logits, 1), count);
  return tf.sub(tf.scalar(logits.shape[1] - 1, "int32"), indices);
}

function difference(logits: Tensor2D, direction: Tensor2D): LogitLossGradient {
  return { loss: along(logits, direction).squeeze([1]), gradient: direction };
}

function ratio(logits: Tensor2D, numerator: Tensor2D, denominator: Tensor2D): LogitLossGradient {
  const scale = tf.add(along(logits, denominator), 1e-12);
  const loss = tf.div(along(logits, numerator), scale);
  return {
    loss: loss.squeeze([1]),
    gradient: tf.div(tf.sub(numerator, tf.mul(loss, denominator)), scale),
  };
}

/** The product of each row with its direction, `[N, 1]`. */
function along(logits: Tensor2D, direction: Tensor2D): Tensor2D {
  return tf.sum(tf.mul(logits, direction), 1, true);
}

/** The direction from the true class to the largest other, given the two largest classes or more. */
function towardsOther(logits: Tensor2D, labels: Tensor1D, ranked: Tensor2D): Tensor2D {
  const [first, second] = tf.unstack(ranked, 1) as [Tensor1D, Tensor1D];
  return towardsTarget(logits, labels, tf.where(tf.equal(first, labels), second, first));
}

/** The direction from the true class to the target class. */
function towardsTarget(logits: Tensor2D, labels: Tensor1D, targets: Tensor1D): Tensor2D {
  const classes = logits.shape[1];
  const at = (places: Tensor1D): Tensor2D => tf.oneHot(places, classes, 1, 0, "float32") as Tensor2D;
  return tf.sub(at(targets), at(labels));
}

/** The direction that gives these weights to the logits of rank 1, 2 and so on. */
function weighted(ranked: Tensor2D, logits: Tensor2D, weights: readonly number[]): Tensor2D {
  const places = tf.oneHot(ranked, logits.shape[1]) as Tensor3D;
  return tf.sum(tf.mul(places, tf.tensor3d([...weights], [1, weights.length, 1])), 1);
}
