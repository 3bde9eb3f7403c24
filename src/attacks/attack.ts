import type { NoiseSeed } from "../runtime/noise.js";
import type { Tensor1D, Tensor4D } from "../runtime/tensorflow.js";
import type { AttackTarget } from "./target.js";

/** The numbers of an attack that a call may change; lengths are in pixel values of images in [0, 1]. */
export interface AttackSettings {
  readonly steps: number;
  readonly stepSize: number;
  /** Looks at the target that each image may cost. */
  readonly queries: number;
  /** How many wrong classes are aimed at, the likeliest first. */
  readonly targetClasses: number;
}

/** What is attacked, in the L-infinity ball of radius `epsilon`. */
export interface AttackBatch {
  /** `[N, H, W, C]` in [0, 1]. */
  readonly images: Tensor4D;
  /** The true classes, int32 `[N]`. */
  readonly labels: Tensor1D;
  readonly epsilon: number;
  /** Of everything random in it. */
  readonly seed: NoiseSeed;
  /** Told now and then how far it is; what it throws ends the attack. */
  readonly onStep?: (step: AttackStep) => void;
}

/** How far an attack on a batch is. */
export interface AttackStep {
  readonly step: number;
  readonly steps: number;
  /** Images that are still answered right, where the attack knows it. */
  readonly robust?: number;
}

/** What an attack found; the caller disposes of the images. */
export interface AttackResult {
  /** `[N, H, W, C]` within `epsilon` of the images and in [0, 1]; where nothing fools, any such image. */
  readonly adversarial: Tensor4D;
  /** Looks at the target by image, where they are counted. */
  readonly queries?: Int32Array;
}

/** What an attack looks at: gradients, logits, or nothing but the class answered. */
export type Access = "gradient" | "logits" | "labels";

/** What is known of one attack without running it; `Name` are the numbers that a call may change. */
export interface SingleFacts<Name extends keyof AttackSettings = never> {
  readonly title: string;
  readonly access: Access;
  /** Whether another seed gives another result, so that restarts make sense. */
  readonly random: boolean;
  /** What may be changed, and what it is otherwise. */
  readonly defaults: Readonly<Pick<AttackSettings, Name> & Partial<AttackSettings>>;
  /** With fewer classes its loss is not defined. */
  readonly fewestClasses?: number;
}

/** An attack on one batch of images. */
export interface SingleAttack extends SingleFacts {
  readonly kind: "single";
  run(target: AttackTarget, batch: AttackBatch, changes?: Readonly<Partial<AttackSettings>>): AttackResult;
}

/** Attacks that run one after the other, each on the images that withstood those before. */
export interface EnsembleAttack {
  readonly kind: "ensemble";
  readonly title: string;
  /** The ids of single attacks. */
  readonly parts: readonly string[];
}

/** An attack on another classifier, whose adversarial images are shown to the one under test. */
export interface TransferAttack {
  readonly kind: "transfer";
  readonly title: string;
  /** The id of a single attack. */
  readonly of: string;
}

/** Makes a single attack of its facts: `run` gets its defaults with a call's changes. */
export function singleAttack<Name extends keyof AttackSettings>(
  facts: SingleFacts<Name>,
  run: (
    target: AttackTarget,
    batch: AttackBatch,
    settings: Readonly<Pick<AttackSettings, Name>>,
  ) => AttackResult,
): SingleAttack {
  return {
    kind: "single",
    ...facts,
    run: (target, batch, changes) => run(target, batch, { ...facts.defaults, ...changes }),
  };
}
