import type { AttackSettings } from "./attack.js";

/** What an attack looks at: gradients, logits, or nothing but the class answered. */
export type Access = "gradient" | "logits" | "labels";

/** What is known of one attack without running it. */
export interface SingleFacts<Name extends keyof AttackSettings = never> {
  readonly kind: "single";
  readonly title: string;
  readonly access: Access;
  /** Whether another seed gives another result, so that restarts make sense. */
  readonly random: boolean;
  /** What may be changed, and what it is otherwise. */
  readonly defaults: Readonly<Pick<AttackSettings, Name> & Partial<AttackSettings>>;
  /** With fewer classes its loss is not defined. */
  readonly fewestClasses?: number;
}

/** Attacks that run one after the other, each on the images that withstood those before. */
interface EnsembleFacts {
  readonly kind: "ensemble";
  readonly title: string;
  readonly parts: readonly string[];
}

/** An attack on another classifier, whose adversarial images are shown to the one under test. */
interface TransferFacts {
  readonly kind: "transfer";
  readonly title: string;
  readonly of: string;
}

/** The fewest classes for which the DLR losses are defined: they divide by the distance to the third, or to the fourth largest logit. */
export const FEWEST_DLR_CLASSES = { dlr: 3, dlrTargeted: 4 } as const;

/** The facts of every attack by id; apart from the attacks themselves, so that naming one loads no native library. */
export const attackFacts = {
  fgsm: { kind: "single", title: "FGSM", access: "gradient", random: false, defaults: {} },
  "pgd-sat": {
    kind: "single",
    title: "PGD-sat",
    access: "gradient",
    random: true,
    defaults: { steps: 20, stepSize: 2 / 255 },
  },
  "pgd-trades": {
    kind: "single",
    title: "PGD-trades",
    access: "gradient",
    random: true,
    defaults: { steps: 20, stepSize: 0.003 },
  },
  cw: {
    kind: "single",
    title: "CW",
    access: "gradient",
    random: true,
    defaults: { steps: 30, stepSize: 2 / 255 },
  },
  "apgd-ce": {
    kind: "single",
    title: "APGD-CE",
    access: "gradient",
    random: true,
    defaults: { steps: 100 },
  },
  "apgd-dlr": {
    kind: "single",
    title: "APGD-DLR",
    access: "gradient",
    random: true,
    defaults: { steps: 100 },
    fewestClasses: FEWEST_DLR_CLASSES.dlr,
  },
  "apgd-t": {
    kind: "single",
    title: "APGD-T",
    access: "gradient",
    random: true,
    defaults: { steps: 100, targetClasses: 9 },
    fewestClasses: FEWEST_DLR_CLASSES.dlrTargeted,
  },
  "fab-t": {
    kind: "single",
    title: "FAB-T",
    access: "gradient",
    random: false,
    defaults: { steps: 100, targetClasses: 9 },
  },
  square: {
    kind: "single",
    title: "Square",
    access: "logits",
    random: true,
    defaults: { queries: 5000 },
  },
  /** AutoAttack's standard version. @see Croce and Hein (2020). */
  aa: { kind: "ensemble", title: "AutoAttack", parts: ["apgd-ce", "apgd-t", "fab-t", "square"] },
  rays: { kind: "single", title: "RayS", access: "labels", random: false, defaults: { queries: 100 } },
  /** PGD-trades on a surrogate. @see B-MTARD, section 4.1. */
  "transfer-pgd-trades": { kind: "transfer", title: "PGD-trades (transfer)", of: "pgd-trades" },
  /** CW on a surrogate. @see B-MTARD, section 4.1. */
  "transfer-cw": { kind: "transfer", title: "CW (transfer)", of: "cw" },
  "gradient-estimation": {
    kind: "single",
    title: "Gradient estimation",
    access: "logits",
    random: true,
    defaults: { steps: 100, stepSize: 0.003, queries: 10_100 },
  },
} as const satisfies Record<string, SingleFacts | EnsembleFacts | TransferFacts>;
