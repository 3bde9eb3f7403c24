import type { AttackId } from "../attacks/attacks.js";
import { WorkError } from "../errors.js";

/** How far beyond epsilon the rounding of float32 may take a pixel value. */
const ROUNDING = 1e-6;

/**
 * The largest change of a pixel value in each image `[N]`, once every value is found to be finite, in [0, 1] and within `epsilon`
 * (and 1e-6 for rounding) of the clean one.
 *
 * @param clean The images before the attack, `indexes.length` of them, values in order; `adversarial` the same after it.
 * @throws {WorkError} naming the attack and the image otherwise: the attack or the model has a defect, and what was found does not count.
 */
export function verifyAdversarial(
  attack: AttackId,
  indexes: readonly number[],
  clean: Float32Array,
  adversarial: Float32Array,
  epsilon: number,
): number[] {
  const size = clean.length / indexes.length;
  if (adversarial.length !== clean.length)
    throw violation(attack, `image ${indexes[0]}`, `${adversarial.length} pixel values for ${clean.length}`);
  return indexes.map((image, row) => {
    let largest = 0;
    for (let at = row * size; at < (row + 1) * size; at++) {
      const value = adversarial[at] as number;
      if (!(value >= 0 && value <= 1)) throw violation(attack, `image ${image}`, `a pixel value of ${value}`);
      largest = Math.max(largest, Math.abs(value - (clean[at] as number)));
    }
    if (largest > epsilon + ROUNDING)
      throw violation(attack, `image ${image}`, `a change of ${largest}, where epsilon is ${epsilon}`);
    return largest;
  });
}

function violation(attack: AttackId, where: string, found: string): WorkError {
  return new WorkError(`${attack} made an image that does not count: ${where}`, {
    expected: "finite pixel values in [0, 1], each within epsilon of the clean one",
    found,
    fix: "see whether the model's gradients are finite; else the attack has a defect: report it",
  });
}
