import type { AttackTarget } from "../attacks/target.js";

/**
 * From this many images on, TensorFlow's gradients are at least as fast as ONNX Runtime's. Compiled for a size that comes often, they are
 * from 12 on; batches that shrink come in sizes that are not compiled.
 */
const MANY_IMAGES = 24;

/**
 * Joins the targets of one classifier in both engines on a CPU, using each for what it does faster: ONNX Runtime for logits and for
 * gradients of few images; libtensorflow, whose kernels wait for their threads many times a pass, for gradients of many.
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
