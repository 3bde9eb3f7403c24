import type { AttackId } from "../attacks/attacks.js";
import type { Threat } from "../attacks/ball.js";
import { WorkError } from "../errors.js";

/** How far beyond epsilon the rounding of float32 may take a pixel value. */
const ROUNDING = 1e-6;

/**
 * How far from the clean image an adversarial one may be after the rounding of float32. In L2 each pixel value may be rounded by 2^-25,
 * all of them the same way where image and change are even, and the length itself by a millionth.
 *
 * @param pixels How many values an image has.
 */
export function mostDistance({ norm = "linf", epsilon }: Threat, pixels: number): number {
  return norm === "l2" ? epsilon * (1 + 1e-6) + Math.sqrt(pixels) * 2 ** -24 : epsilon + ROUNDING;
}

/** How far the images of a batch are from the clean ones. */
export interface Distances {
  /** The largest change of a pixel value in each image `[N]`. */
  readonly linf: readonly number[];
  /** The Euclidean length of each image's change `[N]`. */
  readonly l2: readonly number[];
}

/**
 * Checks that every pixel value is finite and in [0, 1], and every image within `epsilon` of the clean one, but for rounding.
 *
 * @param clean The values of the `indexes.length` images before the attack; `adversarial` holds those after it.
 * @throws {WorkError} naming the attack and the image if one is invalid: then the attack or the model has a defect.
 */
export function verifyAdversarial(
  attack: AttackId,
  indexes: readonly number[],
  clean: Float32Array,
  adversarial: Float32Array,
  threat: Threat,
): Distances {
  const size = clean.length / indexes.length;
  if (adversarial.length !== clean.length)
    throw violation(attack, `image ${indexes[0]}`, `${adversarial.length} pixel values for ${clean.length}`);
  const most = mostDistance(threat, size);
  const each = indexes.map((image, row) => {
    let [largest, squares] = [0, 0];
    for (let at = row * size; at < (row + 1) * size; at++) {
      const value = adversarial[at] as number;
      if (!(value >= 0 && value <= 1)) throw violation(attack, `image ${image}`, `a pixel value of ${value}`);
      const change = value - (clean[at] as number);
      largest = Math.max(largest, Math.abs(change));
      squares += change ** 2;
    }
    const distances = { linf: largest, l2: Math.sqrt(squares) };
    const found = distances[threat.norm ?? "linf"];
    if (found > most) {
      const where = threat.norm === "l2" ? " in L2" : "";
      throw violation(
        attack,
        `image ${image}`,
        `a change of ${found}${where}, where epsilon is ${threat.epsilon}`,
      );
    }
    return distances;
  });
  return { linf: each.map(({ linf }) => linf), l2: each.map(({ l2 }) => l2) };
}

function violation(attack: AttackId, where: string, found: string): WorkError {
  return new WorkError(`${attack} made an image that does not count: ${where}`, {
    expected: "finite pixel values in [0, 1], within epsilon of the clean ones",
    found,
    fix: "see whether the model's gradients are finite; else the attack has a defect: report it",
  });
}
