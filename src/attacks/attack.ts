import { InputError } from "../errors.js";
import type { NoiseSeed } from "../runtime/noise.js";
import type { Tensor1D, Tensor4D } from "../runtime/tensorflow.js";
import type { Threat } from "./ball.js";
import type { UniformStart } from "./conventions.js";
import type { Norm } from "./norms.js";
import type { AttackTarget } from "./target.js";

/** The settings of an attack that a caller may change; lengths are in pixel values of images in [0, 1], in the attack's norm. */
export interface AttackSettings {
  readonly steps: number;
  readonly stepSize: number;
  /** How many queries to the target each image may cost. */
  readonly queries: number;
  /** How many wrong classes a targeted attack tries, the likeliest first. */
  readonly targetClasses: number;
}

/** A batch to attack, each image in the ball of radius `epsilon` around it. */
export interface AttackBatch extends Threat {
  /** `[N, H, W, C]` in [0, 1]. */
  readonly images: Tensor4D;
  /** The true classes, int32 `[N]`. */
  readonly labels: Tensor1D;
  /** The seed of everything random in the attack. */
  readonly seed: NoiseSeed;
  /** Whether a uniform start is clamped to [0, 1]; `unclamped` by default. */
  readonly uniformStart?: UniformStart | undefined;
  /** Called as the attack goes on; an exception it throws ends the attack. */
  readonly onStep?: (step: AttackStep) => void;
}

/** How far an attack on a batch has got. */
export interface AttackStep {
  readonly step: number;
  readonly steps: number;
  /** How many images are still answered right, if the attack keeps track. */
  readonly robust?: number;
}

/** What an attack found; the caller disposes of the images. */
export interface AttackResult {
  /** `[N, H, W, C]` within `epsilon` of the images and in [0, 1]; where nothing fools the target, any such image. */
  readonly adversarial: Tensor4D;
  /** How many queries to the target each image cost, if the attack counts them. */
  readonly queries?: Int32Array;
}

/** What an attack needs from the target: gradients, logits, or only the class answered. */
export type Access = "gradient" | "logits" | "labels";

/** What is known about an attack without running it; `Name` lists the settings that a caller may change. */
export interface SingleFacts<Name extends keyof AttackSettings = never> {
  readonly title: string;
  readonly access: Access;
  /** Whether another seed gives another result, so that restarts are useful. */
  readonly random: boolean;
  /** Whether it starts from uniform noise and heeds {@link AttackBatch.uniformStart}; false by default. */
  readonly startsUniformly?: boolean;
  /** The values of those settings that a caller leaves unchanged. */
  readonly defaults: Readonly<Pick<AttackSettings, Name> & Partial<AttackSettings>>;
  /** Those of the values that are others in L2; absent if the attack has no L2 form. */
  readonly l2?: Readonly<Partial<Pick<AttackSettings, Name>>>;
  /** The fewest classes for which its loss is defined. */
  readonly fewestClasses?: number;
}

/** An attack on one batch of images. */
export interface SingleAttack extends SingleFacts {
  readonly kind: "single";
  /** Attacks a batch; `changes` replace the defaults. @throws {InputError} if it has no form in the batch's norm. */
  run(target: AttackTarget, batch: AttackBatch, changes?: Readonly<Partial<AttackSettings>>): AttackResult;
}

/** Attacks that run one after the other, each on the images that withstood the earlier ones. */
export interface EnsembleAttack {
  readonly kind: "ensemble";
  readonly title: string;
  /** The ids of single attacks. */
  readonly parts: readonly string[];
}

/** An attack on a surrogate classifier, whose adversarial images are shown to the one under test. */
export interface TransferAttack {
  readonly kind: "transfer";
  readonly title: string;
  /** The id of a single attack. */
  readonly of: string;
}

/** Makes a single attack from its facts and a function that runs it with complete settings: the defaults and the caller's changes. */
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
    run(target, batch, changes) {
      const defaults = defaultsIn(batch.norm, facts);
      if (defaults) return run(target, batch, { ...facts.defaults, ...defaults, ...changes });
      throw new InputError(`${facts.title} has no L2 form`, { expected: "linf", found: "l2" });
    },
  };
}

/** An attack's defaults in a norm, L-infinity by default; null if it has no form in it. */
export function defaultsIn(
  norm: Norm | undefined,
  { defaults, l2 }: Pick<SingleFacts, "defaults" | "l2">,
): Readonly<Partial<AttackSettings>> | null {
  if (norm !== "l2") return defaults;
  return l2 ? { ...defaults, ...l2 } : null;
}
