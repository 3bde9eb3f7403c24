import type { NoiseSeed } from "../runtime/noise.js";
import type { Tensor1D, Tensor4D } from "../runtime/tensorflow.js";
import type { AttackId } from "./ids.js";
import { pgd } from "./pgd.js";
import type { AttackTarget } from "./target.js";

/** An attack as evaluation runs it, within an L-infinity ball. */
export interface Attack {
  readonly title: string;
  /** Adversarial images `[N, H, W, C]` within `epsilon` of `images` and in [0, 1]; `labels` are int32 `[N]`. */
  run(target: AttackTarget, images: Tensor4D, labels: Tensor1D, epsilon: number, seed: NoiseSeed): Tensor4D;
}

/** Every attack by id. */
export const attacks = {
  /** One step of epsilon, no random start. @see Goodfellow et al. (2015). */
  fgsm: {
    title: "FGSM",
    run: (target, images, labels, epsilon, seed) =>
      pgd(
        target,
        images,
        { kind: "crossEntropy", labels },
        { epsilon, stepSize: epsilon, steps: 1, start: "image" },
        seed,
      ),
  },
  /** 20 steps of 2/255 from a uniform start. @see Madry et al. (2018); B-MTARD, section 4.1. */
  "pgd-sat": {
    title: "PGD-sat",
    run: (target, images, labels, epsilon, seed) =>
      pgd(
        target,
        images,
        { kind: "crossEntropy", labels },
        { epsilon, stepSize: 2 / 255, steps: 20, start: "uniform" },
        seed,
      ),
  },
  /** 20 steps of 0.003 from a uniform start. @see Zhang et al. (2019); B-MTARD, section 4.1. */
  "pgd-trades": {
    title: "PGD-trades",
    run: (target, images, labels, epsilon, seed) =>
      pgd(
        target,
        images,
        { kind: "crossEntropy", labels },
        { epsilon, stepSize: 0.003, steps: 20, start: "uniform" },
        seed,
      ),
  },
} as const satisfies Record<AttackId, Attack>;
