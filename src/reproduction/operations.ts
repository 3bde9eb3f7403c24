import type { AttackSettings } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import { type Round, roundsOf } from "../evaluation/rounds.js";
import type { NetworkShape } from "../graph/network.js";
import { multiplyAdds } from "../graph/multiply-adds.js";
import { roleOf, teacherRoles, type TeacherRole } from "../methods/method.js";
import { methodOf } from "../methods/methods.js";
import { networkNamed } from "../networks/networks.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { isEvaluated, SELECTION_ATTACK } from "../training/schedule.js";

/*
 * What work computes, counted from layer graphs. The unit is the pass: one image's way forward through a network. A gradient with respect to
 * what a layer reads takes as many operations as the way forward, and so does that with respect to its weights.
 */

/** A gradient with respect to the images: forward, and back. */
const GRADIENT_PASSES = 2;
/** The share of the images that the later parts of an ensemble attack, where nothing better is known. */
const LATER_SHARE = 1 / 3;

/** One image's way through a network. */
export interface PassCost {
  /** Floating-point operations of convolutions and linear layers, two a multiply-add. */
  readonly operations: number;
  /** How many convolutions come one after the other: on a GPU, each takes a time of its own however small it is. */
  readonly convolutions: number;
}

/** The cost of a pass through a network, or null where mtard has none of this id. */
export function passCost(network: string, shape: NetworkShape): PassCost | null {
  const graph = networkNamed(network, shape);
  if (graph === null) return null;
  const convolutions = graph.layers.filter(({ op }) => op === "conv").length;
  return { operations: 2 * multiplyAdds(graph), convolutions };
}

/** Whether two networks see the same images and classes, in whatever order that is written. */
export function isSameShape(one: NetworkShape, other: NetworkShape): boolean {
  const numbers = ({ image: { height, width, channels }, classes }: NetworkShape): string =>
    [height, width, channels, classes].join();
  return numbers(one) === numbers(other);
}

/** How many passes a training step makes for each image. */
export interface StepPasses {
  /** Of the inner attack: those of its gradients. What TRADES and SCORE look at once before it is left out. */
  readonly attack: number;
  /** Of the training passes, forward and back to values and weights. */
  readonly learning: number;
  readonly teachers: Readonly<Record<TeacherRole, number>>;
}

/** The passes of a step, by the method and its settings. @throws {InputError} if the method is none of mtard's. */
export function stepPasses(settings: TrainingSettings): StepPasses {
  const method = methodOf(settings.method);
  const asked = [...method.teachers, ...(method.moreTeachers?.(settings) ?? [])].map(roleOf);
  const [clean, robust] = teacherRoles.map((role) => asked.filter((each) => each === role).length);
  return {
    attack: method.attack ? GRADIENT_PASSES * settings.innerSteps : 0,
    // A pass that is made twice goes back once.
    learning: method.passes.length + 2 * new Set(method.passes).size,
    teachers: { clean: clean ?? 0, robust: robust ?? 0 },
  };
}

/** After how many epochs a run evaluates its student. */
export function evaluationCount(settings: TrainingSettings): number {
  return Array.from({ length: settings.epochs }, (_, index) => isEvaluated(index + 1, settings)).filter(
    Boolean,
  ).length;
}

/** The passes for each image when a run evaluates its students: two of them where it keeps averaged weights. */
export function selectionPasses({ ema }: TrainingSettings): number {
  return (1 + attackPasses(SELECTION_ATTACK)) * (ema > 0 ? 2 : 1);
}

/**
 * About how many passes an attack makes for each image; 1 for the clean answers alone.
 *
 * @param laterShare The share of the images that withstand the first part of an ensemble.
 */
export function attackPasses(
  attack: AttackId | null,
  changes: Readonly<Partial<AttackSettings>> = {},
  laterShare = LATER_SHARE,
): number {
  if (attack === null) return 1;
  return roundsOf(attack, { changes }).reduce(
    (sum, round, index) => sum + roundPasses(round) * (index === 0 ? 1 : laterShare),
    0,
  );
}

/** The passes of a round for each image that it attacks, if nothing ends it early; the last one looks at what was made. */
export function roundPasses({
  numbers: { steps = 1, queries, targetClasses = 1 },
}: Pick<Round, "numbers">): number {
  return (queries ?? GRADIENT_PASSES * steps * targetClasses) + 1;
}
