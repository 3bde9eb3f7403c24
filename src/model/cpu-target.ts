import type { AttackTarget } from "../attacks/target.js";

/** As many images TensorFlow's gradients are at least as fast as ONNX Runtime's; of fewer, up to half as fast. */
const MANY_IMAGES = 48;

/**
 * One classifier of both engines on a CPU, as attacks see it, each asked for what it is faster at: ONNX Runtime for logits and for
 * gradients of few images, libtensorflow, whose kernels wait for their threads many times a pass, for gradients of many.
 *
 * @returns A target that does not own its parts.
 */
export function cpuTarget(student: AttackTarget, exported: AttackTarget): AttackTarget {
  return {
    ...exported,
    lossGradient: (images, loss) =>
      (images.shape[0] < MANY_IMAGES ? exported : student).lossGradient(images, loss),
  };
}
