import { logitLoss } from "../attacks/logit-loss.js";
import { type AttackTarget, predictBy } from "../attacks/target.js";
import { tf, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";

/**
 * A classifier of your own for attacks and measurements, made of a function of TensorFlow; its gradient is TensorFlow's.
 *
 * @param logits From images `[N, H, W, C]` in [0, 1] to logits `[N, classes]`; tensors it makes on the way are freed.
 */
export function classifierOf(classes: number, logits: (images: Tensor4D) => Tensor2D): AttackTarget {
  const answer = (images: Tensor4D): Tensor2D => tf.tidy(() => logits(images));
  return {
    classes,
    logits: answer,
    predict: predictBy(answer),
    lossGradient: (images, loss) =>
      tf.tidy(() => {
        const seen = logits(images);
        const { loss: each, gradient: back } = logitLoss(seen, loss);
        const { grads } = tf.valueAndGrads((x) => logits(x as Tensor4D))([images], back);
        return { loss: each, logits: seen, gradient: grads[0] as Tensor4D };
      }),
  };
}
