import { logitLoss } from "../attacks/logit-loss.js";
import { predictBy, type AttackTarget } from "../attacks/target.js";
import type { Network } from "../graph/network.js";
import type { Precision } from "../runtime/precision.js";
import { tf, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import type { Parameters } from "./parameters.js";
import {
  freePass,
  trainingForward,
  trainingInputGradient,
  type TrainingPassOptions,
} from "./training-pass.js";

/**
 * A student in training mode as an attack sees it: batch norm uses the statistics of the attacked batch, and each forward pass moves
 * the running ones or, with `"kept"`, leaves them alone.
 */
export function trainingTarget(
  network: Network,
  parameters: Parameters,
  statistics: TrainingPassOptions["statistics"],
  precision: Precision = "float32",
): AttackTarget {
  const options = { statistics, gradients: "images", precision } as const;
  function logits(images: Tensor4D): Tensor2D {
    const pass = trainingForward(network, parameters, images, options);
    const answer = tf.clone(pass.logits);
    freePass(pass);
    return answer;
  }

  return {
    classes: network.classes,
    logits,
    predict: predictBy(logits),
    lossGradient(images, loss) {
      const pass = trainingForward(network, parameters, images, options);
      const logits = tf.clone(pass.logits);
      const { loss: each, gradient: logitsGradient } = logitLoss(logits, loss);
      const gradient = trainingInputGradient(network, parameters, pass, logitsGradient, precision);
      logitsGradient.dispose();
      return { loss: each, logits, gradient };
    },
  };
}
