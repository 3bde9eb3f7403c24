import type { AttackId } from "../attacks/attacks.js";
import { WorkError } from "../errors.js";

/** How far beyond epsilon the rounding of float32 may take a pixel value. */
export const ROUNDING = 1e-6;

/**
 * Checks that every pixel value is finite, in [0, 1] and within `epsilon` (plus 1e-6 for rounding) of the clean one.
 *
 * @param clean The values of the `indexes.length` images before the attack; `adversarial` holds those after it.
 * @returns The largest change of a pixel value in each image `[N]`.
 * @throws {WorkError} naming the attack and the image if one is invalid: then the attack or the model has a defect.
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
