import { tf, type Tensor1D, type Tensor4D } from "../runtime/tensorflow.js";
import { largest } from "./margin-losses.js";
import type { AttackTarget } from "./target.js";

/**
 * Ranks the classes that targeted attacks aim at: for each image the classes with the second largest logit, the third largest and so on,
 * at most `count` of them.
 *
 * @returns For each rank the classes, int32 `[N]`; the caller disposes of them.
 */
export function likeliestOthers(target: AttackTarget, images: Tensor4D, count: number): Tensor1D[] {
  return tf.tidy(() => {
    const ranked = largest(target.logits(images), Math.min(count + 1, target.classes));
    return tf.unstack(ranked, 1).slice(1) as Tensor1D[];
  });
}
