import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackTarget } from "./target.js";

/** By how much the logit of its label exceeds the largest other, for each image; it is answered wrong where that is negative. */
export function margins(target: AttackTarget, images: Tensor4D, labels: ArrayLike<number>): Float32Array {
  const answer = target.logits(images);
  const logits = answer.dataSync<"float32">();
  tf.dispose(answer);
  const { classes } = target;
  return Float32Array.from({ length: images.shape[0] }, (_, image) => {
    const label = labels[image] as number;
    let other = -Infinity;
    for (let index = 0; index < classes; index++) {
      const logit = logits[image * classes + index] as number;
      if (index !== label && logit > other) other = logit;
    }
    return (logits[image * classes + label] as number) - other;
  });
}
