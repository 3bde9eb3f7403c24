import type { AttackTarget } from "#mtard/attacks/target.js";
import type { Tensor4D } from "#mtard/runtime/tensorflow.js";

/** A target that counts the images it is shown. */
export function countingTarget(target: AttackTarget): AttackTarget & { readonly shown: () => number } {
  let shown = 0;
  function count<Result>(images: Tensor4D, result: Result): Result {
    shown += images.shape[0];
    return result;
  }
  return {
    classes: target.classes,
    logits: (images) => count(images, target.logits(images)),
    predict: (images) => count(images, target.predict(images)),
    lossGradient: (images, loss) => count(images, target.lossGradient(images, loss)),
    shown: () => shown,
  };
}

/** A target that shows only some of itself: whatever else is asked of it throws. */
export function onlyAnswering(target: AttackTarget, ...allowed: ("logits" | "predict")[]): AttackTarget {
  const forbidden = (): never => {
    throw new Error("the attack looked at what it must not see");
  };
  return {
    classes: target.classes,
    logits: allowed.includes("logits") ? (images) => target.logits(images) : forbidden,
    predict: allowed.includes("predict") ? (images) => target.predict(images) : forbidden,
    lossGradient: forbidden,
  };
}
