import { tf, type Tensor1D, type Tensor4D } from "../runtime/tensorflow.js";
import { largest } from "./margin-losses.js";
import type { AttackTarget } from "./target.js";

/**
 * The classes that targeted attacks aim at: those of rank 2, 3, ... in the answers to images, at most `count` and as many as there are.
 * Each is int32 `[N]`; the caller disposes of them.
 */
export function likeliestOthers(target: AttackTarget, images: Tensor4D, count: number): Tensor1D[] {
  return tf.tidy(() => {
    const ranked = largest(target.logits(images), Math.min(count + 1, target.classes));
    return tf.unstack(ranked, 1).slice(1) as Tensor1D[];
  });
}
