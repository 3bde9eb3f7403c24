import { apgd, targetedApgd } from "./apgd.js";
import { singleAttack, type SingleAttack } from "./attack.js";
import { attackFacts as facts, type SingleFacts } from "./facts.js";
import { targetedFab } from "./fab.js";
import { gradientEstimation } from "./gradient-estimation.js";
import type { SingleAttackId } from "./ids.js";
import { pgd, type PgdSettings } from "./pgd.js";
import { rays } from "./rays.js";
import { square } from "./square.js";

/** PGD from a uniform start, on a loss of the labels. */
function pgdAttack(
  of: SingleFacts<"steps" | "stepSize">,
  kind: "crossEntropy" | "margin" = "crossEntropy",
): SingleAttack {
  return singleAttack(of, (target, { images, labels, epsilon, seed, onStep }, { steps, stepSize }) => {
    const settings: PgdSettings = { epsilon, stepSize, steps, start: "uniform" };
    let step = 0;
    const watch = (): void => onStep?.({ step: step++, steps });
    return { adversarial: pgd(target, images, { kind, labels }, settings, seed, watch) };
  });
}

/** Every attack by id that is no combination of others. */
export const attacks = {
  /** One step of epsilon, no random start. @see Goodfellow et al. (2015). */
  fgsm: singleAttack(facts.fgsm, (target, { images, labels, epsilon, seed }) => {
    const settings: PgdSettings = { epsilon, stepSize: epsilon, steps: 1, start: "image" };
    return { adversarial: pgd(target, images, { kind: "crossEntropy", labels }, settings, seed) };
  }),
  /** 20 steps of 2/255 from a uniform start. @see Madry et al. (2018); B-MTARD, section 4.1. */
  "pgd-sat": pgdAttack(facts["pgd-sat"]),
  /** 20 steps of 0.003 from a uniform start. @see Zhang et al. (2019); B-MTARD, section 4.1. */
  "pgd-trades": pgdAttack(facts["pgd-trades"]),
  /** 30 steps of 2/255 up the margin from a uniform start. @see Carlini and Wagner (2017); B-MTARD, section 4.1. */
  cw: pgdAttack(facts.cw, "margin"),
  /** @see Croce and Hein (2020). */
  "apgd-ce": singleAttack(facts["apgd-ce"], (target, batch, settings) =>
    apgd("crossEntropy", target, batch, settings),
  ),
  /** @see Croce and Hein (2020). */
  "apgd-dlr": singleAttack(facts["apgd-dlr"], (target, batch, settings) =>
    apgd("dlr", target, batch, settings),
  ),
  /** Auto-PGD towards each of nine classes. @see Croce and Hein (2020). */
  "apgd-t": singleAttack(facts["apgd-t"], targetedApgd),
  /** The fast adaptive boundary attack towards each of nine classes. @see Croce and Hein (2020). */
  "fab-t": singleAttack(facts["fab-t"], targetedFab),
  /** Random search with the logits. @see Andriushchenko et al. (2020). */
  square: singleAttack(facts.square, square),
  /** Search for the nearest decision boundary with the classes answered. @see Chen and Gu (2020). */
  rays: singleAttack(facts.rays, rays),
  /** Descent along gradients estimated from logits: 100 steps of 0.003, 100 looks around each point. @see Tramer et al. (2020). */
  "gradient-estimation": singleAttack(facts["gradient-estimation"], gradientEstimation),
} as const satisfies Record<SingleAttackId, SingleAttack>;
