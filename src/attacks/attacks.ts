import { apgd, targetedApgd } from "./apgd.js";
import { singleAttack, type Attack, type AttackSettings, type SingleAttack } from "./attack.js";
import { targetedFab } from "./fab.js";
import type { AttackId } from "./ids.js";
import { gradientEstimation } from "./gradient-estimation.js";
import { pgd, type PgdSettings } from "./pgd.js";
import { rays } from "./rays.js";
import { square } from "./square.js";

/** PGD from a uniform start, on a loss of the labels; the step size in pixel values. */
function pgdAttack(
  title: string,
  defaults: Readonly<Pick<AttackSettings, "steps" | "stepSize">>,
  kind: "crossEntropy" | "margin" = "crossEntropy",
): SingleAttack {
  return singleAttack({
    title,
    access: "gradient",
    random: true,
    defaults,
    run: (target, { images, labels, epsilon, seed, onStep }, { steps, stepSize }) => {
      const settings: PgdSettings = { epsilon, stepSize, steps, start: "uniform" };
      let step = 0;
      const watch = (): void => onStep?.({ step: step++, steps });
      return { adversarial: pgd(target, images, { kind, labels }, settings, seed, watch) };
    },
  });
}

/** Auto-PGD of 100 steps. */
function apgdAttack(title: string, kind: "crossEntropy" | "dlr"): SingleAttack {
  return singleAttack({
    title,
    access: "gradient",
    random: true,
    defaults: { steps: 100 },
    run: (target, batch, settings) => apgd(kind, target, batch, settings),
  });
}

/** Every attack by id. */
export const attacks = {
  /** One step of epsilon, no random start. @see Goodfellow et al. (2015). */
  fgsm: singleAttack({
    title: "FGSM",
    access: "gradient",
    random: false,
    defaults: {},
    run: (target, { images, labels, epsilon, seed }) => {
      const settings: PgdSettings = { epsilon, stepSize: epsilon, steps: 1, start: "image" };
      return { adversarial: pgd(target, images, { kind: "crossEntropy", labels }, settings, seed) };
    },
  }),
  /** 20 steps of 2/255 from a uniform start. @see Madry et al. (2018); B-MTARD, section 4.1. */
  "pgd-sat": pgdAttack("PGD-sat", { steps: 20, stepSize: 2 / 255 }),
  /** 20 steps of 0.003 from a uniform start. @see Zhang et al. (2019); B-MTARD, section 4.1. */
  "pgd-trades": pgdAttack("PGD-trades", { steps: 20, stepSize: 0.003 }),
  /** 30 steps of 2/255 up the margin from a uniform start. @see Carlini and Wagner (2017); B-MTARD, section 4.1. */
  cw: pgdAttack("CW", { steps: 30, stepSize: 2 / 255 }, "margin"),
  /** @see Croce and Hein (2020). */
  "apgd-ce": apgdAttack("APGD-CE", "crossEntropy"),
  /** @see Croce and Hein (2020). */
  "apgd-dlr": apgdAttack("APGD-DLR", "dlr"),
  /** Auto-PGD towards each of nine classes. @see Croce and Hein (2020). */
  "apgd-t": singleAttack({
    title: "APGD-T",
    access: "gradient",
    random: true,
    defaults: { steps: 100, targetClasses: 9 },
    run: targetedApgd,
  }),
  /** The fast adaptive boundary attack towards each of nine classes. @see Croce and Hein (2020). */
  "fab-t": singleAttack({
    title: "FAB-T",
    access: "gradient",
    random: false,
    defaults: { steps: 100, targetClasses: 9 },
    run: targetedFab,
  }),
  /** Random search with the logits. @see Andriushchenko et al. (2020). */
  square: singleAttack({
    title: "Square",
    access: "logits",
    random: true,
    defaults: { queries: 5000 },
    run: square,
  }),
  /** AutoAttack's standard version. @see Croce and Hein (2020). */
  aa: { kind: "ensemble", title: "AutoAttack", parts: ["apgd-ce", "apgd-t", "fab-t", "square"] },
  /** Search for the nearest decision boundary with the classes answered. @see Chen and Gu (2020). */
  rays: singleAttack({
    title: "RayS",
    access: "labels",
    random: false,
    defaults: { queries: 100 },
    run: rays,
  }),
  /** PGD-trades on a surrogate. @see B-MTARD, section 4.1. */
  "transfer-pgd-trades": { kind: "transfer", title: "PGD-trades (transfer)", of: "pgd-trades" },
  /** CW on a surrogate. @see B-MTARD, section 4.1. */
  "transfer-cw": { kind: "transfer", title: "CW (transfer)", of: "cw" },
  /** Descent along gradients estimated from logits: 20 steps of 0.01, 100 looks around each point. @see Tramer et al. (2020). */
  "gradient-estimation": singleAttack({
    title: "Gradient estimation",
    access: "logits",
    random: true,
    defaults: { steps: 20, stepSize: 0.01, queries: 2020 },
    run: gradientEstimation,
  }),
} as const satisfies Record<AttackId, Attack<AttackId>>;
