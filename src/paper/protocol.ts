import { type AttackId } from "../attacks/attacks.js";
import { type Conventions, USUAL_CONVENTIONS } from "../attacks/conventions.js";

/** How the authors measure: by their own script for PGD, and by the one that they name as their source for CW (ZFancy/IAD). */
const AUTHORS: Conventions = { wrongWhenClean: "final-answer", uniformStart: "clamped" };

/** The attacks that those scripts make, and the transfers of them. */
const BY_SCRIPT: readonly AttackId[] = [
  "fgsm",
  "pgd-sat",
  "pgd-trades",
  "cw",
  "transfer-pgd-trades",
  "transfer-cw",
];

/**
 * The conventions by which tables measure an attack: the authors' for FGSM, PGD, CW and transfers, the usual ones, which are AutoAttack's,
 * for all others.
 *
 * @see zhaoshiji123/MTARD, mtard_loss.py (`attack_pgd`) and the answers to its issues 3 (CW) and 6 (transfers, Square); ZFancy/IAD, attack_generator.py.
 */
export function paperConventions(attack: AttackId): Conventions {
  return BY_SCRIPT.includes(attack) ? AUTHORS : USUAL_CONVENTIONS;
}
