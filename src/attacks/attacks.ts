import { singleAttack, type Attack, type SingleAttack } from "./attack.js";
import type { AttackId } from "./ids.js";
import { pgd, type PgdSettings } from "./pgd.js";

/** PGD on the cross-entropy to the labels; the step size and start as given, in pixel values. */
function pgdAttack(title: string, stepSize: number): SingleAttack {
  return singleAttack({
    title,
    access: "gradient",
    random: true,
    defaults: { steps: 20, stepSize },
    run: (target, { images, labels, epsilon, seed }, { steps, stepSize }) => {
      const settings: PgdSettings = { epsilon, stepSize, steps, start: "uniform" };
      return { adversarial: pgd(target, images, { kind: "crossEntropy", labels }, settings, seed) };
    },
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
  "pgd-sat": pgdAttack("PGD-sat", 2 / 255),
  /** 20 steps of 0.003 from a uniform start. @see Zhang et al. (2019); B-MTARD, section 4.1. */
  "pgd-trades": pgdAttack("PGD-trades", 0.003),
  /** PGD-trades on a surrogate. @see B-MTARD, Table 6. */
  "transfer-pgd-trades": { kind: "transfer", title: "transfer of PGD-trades", of: "pgd-trades" },
} as const satisfies Record<AttackId, Attack<AttackId>>;
