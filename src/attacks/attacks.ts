import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { apgd, targetedApgd } from "./apgd.js";
import {
  defaultsIn,
  singleAttack,
  type EnsembleAttack,
  type SingleAttack,
  type TransferAttack,
} from "./attack.js";
import { targetedFab } from "./fab.js";
import { gradientEstimation } from "./gradient-estimation.js";
import { FEWEST_DLR_CLASSES } from "./margin-losses.js";
import type { Norm } from "./norms.js";
import { pgd, type PgdSettings } from "./pgd.js";
import { rays } from "./rays.js";
import { square } from "./square.js";

/** PGD from a uniform start that raises the cross-entropy or the margin; `l2` has its step size in L2. */
function pgdAttack(
  title: string,
  defaults: { steps: number; stepSize: number },
  l2: { stepSize: number },
  kind: "crossEntropy" | "margin" = "crossEntropy",
): SingleAttack {
  const facts = { title, access: "gradient", random: true, startsUniformly: true, defaults, l2 } as const;
  return singleAttack(facts, (target, batch, { steps, stepSize }) => {
    const { images, labels, norm, epsilon, seed, uniformStart, onStep } = batch;
    const start = uniformStart === "clamped" ? "uniform-clamped" : "uniform";
    const settings: PgdSettings = { norm, epsilon, stepSize, steps, start };
    let step = 0;
    const watch = (): void => onStep?.({ step: step++, steps });
    return { adversarial: pgd(target, images, { kind, labels }, settings, seed, watch) };
  });
}

/**
 * Every attack by id, in the order in which they are listed to users. In L2, step sizes have the share of the usual radius that they have
 * in L-infinity: a quarter, and of PGD-trades a tenth.
 */
export const attacks = {
  /** One step of epsilon, no random start; in L2 along the gradient, which is also called FGM. @see Goodfellow et al. (2015). */
  fgsm: singleAttack(
    { title: "FGSM", access: "gradient", random: false, defaults: {}, l2: {} },
    (target, { images, labels, norm, epsilon, seed }) => {
      const settings: PgdSettings = { norm, epsilon, stepSize: epsilon, steps: 1, start: "image" };
      return { adversarial: pgd(target, images, { kind: "crossEntropy", labels }, settings, seed) };
    },
  ),
  /** 20 steps of 2/255. @see Madry et al. (2018); B-MTARD, section 4.1. */
  "pgd-sat": pgdAttack("PGD-sat", { steps: 20, stepSize: 2 / 255 }, { stepSize: 0.125 }),
  /** 20 steps of 0.003. @see Zhang et al. (2019); B-MTARD, section 4.1. */
  "pgd-trades": pgdAttack("PGD-trades", { steps: 20, stepSize: 0.003 }, { stepSize: 0.05 }),
  /** 30 steps of 2/255 up the margin. @see Carlini and Wagner (2017); B-MTARD, section 4.1. */
  cw: pgdAttack("CW", { steps: 30, stepSize: 2 / 255 }, { stepSize: 0.125 }, "margin"),
  /** @see Croce and Hein (2020). */
  "apgd-ce": singleAttack(
    { title: "APGD-CE", access: "gradient", random: true, defaults: { steps: 100 }, l2: {} },
    (target, batch, settings) => apgd("crossEntropy", target, batch, settings),
  ),
  /** @see Croce and Hein (2020). */
  "apgd-dlr": singleAttack(
    {
      title: "APGD-DLR",
      access: "gradient",
      random: true,
      defaults: { steps: 100 },
      l2: {},
      fewestClasses: FEWEST_DLR_CLASSES.dlr,
    },
    (target, batch, settings) => apgd("dlr", target, batch, settings),
  ),
  /** Auto-PGD towards each of nine classes. @see Croce and Hein (2020). */
  "apgd-t": singleAttack(
    {
      title: "APGD-T",
      access: "gradient",
      random: true,
      defaults: { steps: 100, targetClasses: 9 },
      l2: {},
      fewestClasses: FEWEST_DLR_CLASSES.dlrTargeted,
    },
    targetedApgd,
  ),
  /** The fast adaptive boundary attack towards each of nine classes. @see Croce and Hein (2020). */
  "fab-t": singleAttack(
    { title: "FAB-T", access: "gradient", random: false, defaults: { steps: 100, targetClasses: 9 }, l2: {} },
    targetedFab,
  ),
  /** Random search with the logits. @see Andriushchenko et al. (2020). */
  square: singleAttack(
    { title: "Square", access: "logits", random: true, defaults: { queries: 5000 }, l2: {} },
    square,
  ),
  /** AutoAttack's standard version. @see Croce and Hein (2020). */
  aa: { kind: "ensemble", title: "AutoAttack", parts: ["apgd-ce", "apgd-t", "fab-t", "square"] },
  /** Search for the nearest decision boundary with only the classes answered. @see Chen and Gu (2020). */
  rays: singleAttack({ title: "RayS", access: "labels", random: false, defaults: { queries: 100 } }, rays),
  /** PGD-trades on a surrogate. @see B-MTARD, section 4.1. */
  "transfer-pgd-trades": { kind: "transfer", title: "PGD-trades (transfer)", of: "pgd-trades" },
  /** CW on a surrogate. @see B-MTARD, section 4.1. */
  "transfer-cw": { kind: "transfer", title: "CW (transfer)", of: "cw" },
  /** Ascent along gradients estimated from logits, with 100 queries around each point. @see Tramer et al. (2020). */
  "gradient-estimation": singleAttack(
    {
      title: "Gradient estimation",
      access: "logits",
      random: true,
      defaults: { steps: 100, stepSize: 0.003, queries: 10_100 },
    },
    gradientEstimation,
  ),
} as const satisfies Record<string, SingleAttack | EnsembleAttack | TransferAttack>;

type Attacks = typeof attacks;

/** The id of one of {@link attacks}. */
export type AttackId = keyof Attacks;

/** The ids of the attacks that run on their own, on the classifier under test. */
export type SingleAttackId = {
  [Id in AttackId]: Attacks[Id]["kind"] extends "single" ? Id : never;
}[AttackId];

/** The ids of all attacks, in the order in which they are listed to users. */
export const attackIds = Object.keys(attacks) as AttackId[];

/** The attacks that need no gradient of the classifier under test: `alone`, or from the gradients of a surrogate. */
export const gradientFreeAttacks: Readonly<Record<"alone" | "withSurrogate", readonly AttackId[]>> = {
  alone: attackIds.filter((id) => {
    const attack: SingleAttack | EnsembleAttack | TransferAttack = attacks[id];
    return attack.kind === "single" && attack.access !== "gradient";
  }),
  withSurrogate: attackIds.filter((id) => attacks[id].kind === "transfer"),
};

/** Tells whether an attack is made on a surrogate classifier; attacks that are values are not. */
export function isTransfer(id: AttackId): boolean {
  return Object.hasOwn(attacks, id) && attacks[id].kind === "transfer";
}

/** Tells whether an attack, or a part of it, starts from uniform noise that may be clamped. */
export function startsUniformly(id: AttackId): boolean {
  const attack: SingleAttack | EnsembleAttack | TransferAttack = attacks[id];
  if (attack.kind === "single") return attack.startsUniformly ?? false;
  return (attack.kind === "ensemble" ? attack.parts : [attack.of]).some((part) =>
    startsUniformly(part as AttackId),
  );
}

/** Tells whether an attack, and each part of it, has a form in a norm. */
export function hasNorm(id: AttackId, norm: Norm): boolean {
  const attack: SingleAttack | EnsembleAttack | TransferAttack = attacks[id];
  if (attack.kind === "single") return defaultsIn(norm, attack) !== null;
  return (attack.kind === "ensemble" ? attack.parts : [attack.of]).every((part) =>
    hasNorm(part as AttackId, norm),
  );
}

/**
 * Checks that each of the ids names an attack.
 *
 * @throws {InputError} if one does not.
 */
export function requireAttackIds(ids: readonly string[]): AttackId[] {
  for (const id of ids) {
    if (!Object.hasOwn(attacks, id)) {
      throw new InputError(`unknown attack "${id}"${didYouMean(id, attackIds)}`, {
        expected: `none, or some of ${attackIds.join(", ")}`,
      });
    }
  }
  return ids as AttackId[];
}
