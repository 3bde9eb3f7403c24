import type { NoiseSeed } from "../runtime/noise.js";
import type { Tensor1D, Tensor4D } from "../runtime/tensorflow.js";
import type { AttackId } from "./ids.js";
import { pgd, type PgdSettings } from "./pgd.js";
import type { AttackTarget } from "./target.js";

/** An attack as evaluation runs it, within an L-infinity ball. */
export interface Attack {
  readonly title: string;
  /** Adversarial images `[N, H, W, C]` within `epsilon` of `images` and in [0, 1]; `labels` are int32 `[N]`. */
  run(target: AttackTarget, images: Tensor4D, labels: Tensor1D, epsilon: number, seed: NoiseSeed): Tensor4D;
}

/** PGD on the cross-entropy to the labels; the step size and start as given, in pixel values. */
function pgdAttack(title: string, settings: (epsilon: number) => Omit<PgdSettings, "epsilon">): Attack {
  return {
    title,
    run: (target, images, labels, epsilon, seed) =>
      pgd(target, images, { kind: "crossEntropy", labels }, { epsilon, ...settings(epsilon) }, seed),
  };
}

/** Every attack by id. */
export const attacks = {
  /** One step of epsilon, no random start. @see Goodfellow et al. (2015). */
  fgsm: pgdAttack("FGSM", (epsilon) => ({ stepSize: epsilon, steps: 1, start: "image" })),
  /** 20 steps of 2/255 from a uniform start. @see Madry et al. (2018); B-MTARD, section 4.1. */
  "pgd-sat": pgdAttack("PGD-sat", () => ({ stepSize: 2 / 255, steps: 20, start: "uniform" })),
  /** 20 steps of 0.003 from a uniform start. @see Zhang et al. (2019); B-MTARD, section 4.1. */
  "pgd-trades": pgdAttack("PGD-trades", () => ({ stepSize: 0.003, steps: 20, start: "uniform" })),
} as const satisfies Record<AttackId, Attack>;
