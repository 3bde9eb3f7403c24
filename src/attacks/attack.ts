import type { NoiseSeed } from "../runtime/noise.js";
import type { Tensor1D, Tensor4D } from "../runtime/tensorflow.js";
import type { AttackTarget } from "./target.js";

/** What an attack looks at: gradients, logits, or nothing but the class answered. */
export type Access = "gradient" | "logits" | "labels";

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

/** An attack on one batch of images. */
export interface SingleAttack {
  readonly kind: "single";
  readonly title: string;
  readonly access: Access;
  /** Whether another seed gives another result, so that restarts make sense. */
  readonly random: boolean;
  /** What may be changed, and what it is otherwise. */
  readonly defaults: Readonly<Partial<AttackSettings>>;
  run(target: AttackTarget, batch: AttackBatch, changes?: Readonly<Partial<AttackSettings>>): AttackResult;
}

/** Attacks that run one after the other, each on the images that withstood those before. */
export interface EnsembleAttack<Id extends string = string> {
  readonly kind: "ensemble";
  readonly title: string;
  readonly parts: readonly Id[];
}

/** An attack on another classifier, whose adversarial images are shown to the one under test. */
export interface TransferAttack<Id extends string = string> {
  readonly kind: "transfer";
  readonly title: string;
  readonly of: Id;
}

export type Attack<Id extends string = string> = SingleAttack | EnsembleAttack<Id> | TransferAttack<Id>;

interface SingleAttackParts<Name extends keyof AttackSettings> {
  readonly title: string;
  readonly access: Access;
  readonly random: boolean;
  readonly defaults: Readonly<Pick<AttackSettings, Name>>;
  readonly run: (
    target: AttackTarget,
    batch: AttackBatch,
    settings: Readonly<Pick<AttackSettings, Name>>,
  ) => AttackResult;
}

/** Makes an attack of its parts: `run` gets its defaults with a call's changes. */
export function singleAttack<Name extends keyof AttackSettings>({
  run,
  ...parts
}: SingleAttackParts<Name>): SingleAttack {
  return {
    kind: "single",
    ...parts,
    run: (target, batch, changes) => run(target, batch, { ...parts.defaults, ...changes }),
  };
}
