import type { AttackId } from "../attacks/attacks.js";
import { nanAsZero } from "../attacks/nan-gradients.js";
import type { AttackTarget, LossGradient } from "../attacks/target.js";
import { InputError } from "../errors.js";
import { tf, type Tensor1D, type Tensor4D } from "../runtime/tensorflow.js";
import { imageTensor, type ImageSource } from "./images.js";
import { type Round, roundsOf } from "./rounds.js";
import type { OwnAttacks } from "./settings.js";
import type { AttackState } from "./state.js";
import type { Evaluation } from "./summary.js";

/** How far two answers to the same image may lie apart, relative to the norm of its logits. */
const RANDOMISED = 1e-4;
/** How far probabilities may be below 0, or their sum from 1. */
const PROBABILITY = 1e-5;
/** On what share of images a black-box attack alone may fool the model without a warning. */
const BLACK_BOX_SHARE = 0.002;

/*
 * These checks look for what makes robust accuracy mean little: answers that change, probabilities instead of logits, gradients that
 * vanish, and attacks that see less of the model but find more. The ideas come from AutoAttack's own checks.
 */

/** The most images that the checks of a model look at. */
const CHECKED = 128;

/**
 * Checks on the first images, up to `most`, whether the model's answers change when it is asked again, or are probabilities.
 *
 * @returns What was found, one sentence each.
 * @throws {InputError} if the model's answer is not `[N, classes]` or not finite.
 */
export function checkAnswers(target: AttackTarget, source: ImageSource, most: number): string[] {
  const images = imageTensor(source.shape, source.read(firstImages(source, most)));
  try {
    const first = rows(target, images);
    return [...randomised(first, rows(target, images)), ...probabilities(first)];
  } finally {
    images.dispose();
  }
}

/**
 * Checks whether the gradient of the cross-entropy is zero, or NaN somewhere, at any of the first images that are answered right.
 *
 * @returns What was found, one sentence each.
 */
export function checkGradients(target: AttackTarget, source: ImageSource, most: number): string[] {
  const indexes = firstImages(source, most);
  const classes = indexes.map((index) => source.labels[index] as number);
  const images = imageTensor(source.shape, source.read(indexes));
  const labels = tf.tensor1d(classes, "int32");
  const nan = new Set<number>();
  const numeric = nanAsZero(target, (_, rows) => rows.forEach((row) => nan.add(row)));
  const found = lossGradient(numeric, images, labels);
  const answers = tf.tidy(() => tf.argMax(found.logits, 1).dataSync<"int32">());
  const largest = tf.tidy(() => tf.max(tf.abs(found.gradient), [1, 2, 3]).dataSync<"float32">());
  tf.dispose([found.loss, found.logits, found.gradient]);
  const right = classes.flatMap((label, row) => (answers[row] === label ? [row] : []));
  const zero = right.filter((row) => largest[row] === 0).length;
  const broken = right.filter((row) => nan.has(row)).length;
  const looked = `of ${right.length} images`;
  return [
    ...(broken === 0
      ? []
      : [`the gradient of the loss is NaN at ${broken} ${looked} looked at first: ${AS_ZERO}`]),
    ...(zero === 0
      ? []
      : [
          `the loss has no gradient at ${zero} ${looked}: gradient attacks cannot move them, and robust accuracy may be lower`,
        ]),
  ];
}

const AS_ZERO = "NaN counts as 0, gradient attacks may find too little, and robust accuracy may be lower";

/**
 * Says on how many images, in any of these attacks, a gradient had a NaN.
 *
 * @param attacked How many images were answered right when clean.
 * @returns One sentence, or none.
 */
export function checkNaN(attacks: readonly (AttackState | null | undefined)[], attacked: number): string[] {
  const { size } = new Set(attacks.flatMap((attack) => attack?.nanGradients ?? []));
  return size === 0 ? [] : [`a gradient was NaN at ${size} of ${attacked} attacked images: ${AS_ZERO}`];
}

/**
 * Checks whether any image could be attacked, and compares attacks on the same images: one that sees less of the model should not find
 * more.
 *
 * @returns What was found, one sentence each.
 */
export function checkOutcome(
  { total, clean, perExample }: Evaluation,
  attacks: readonly AttackId[],
  own?: OwnAttacks,
): string[] {
  if (clean.correct === 0 && attacks.length > 0)
    return [
      `none of the ${total} images is answered right even when clean, so robust accuracy says nothing of the attacks; check the model, the data set and the normalisation`,
    ];
  const enough = (count: number): boolean => count > BLACK_BOX_SHARE * total;
  const rounds = attacks.map((id) => [id, roundsOf(id, { own })] as const);
  const whiteBox = rounds.filter(([, all]) => all.some(isWhiteBox)).map(([id]) => id);
  const inEnsembles = rounds.flatMap(([id, all]) => {
    if (!all.some(isWhiteBox)) return [];
    const blackBox = new Set<AttackId>(all.filter((round) => !isWhiteBox(round)).map((round) => round.id));
    const fooled = perExample.filter(
      ({ label, clean, fooledBy }) => clean === label && blackBox.has(fooledBy?.[id] as AttackId),
    ).length;
    return enough(fooled) ? [maskedGradients(`in ${id}, ${[...blackBox].join(" and ")}`, fooled)] : [];
  });
  const alone = rounds.flatMap(([id, all]) => {
    if (whiteBox.length === 0 || all.some((round) => isWhiteBox(round) || round.isTransfer)) return [];
    const fooled = perExample.filter(
      ({ label, clean, attacks: answers }) =>
        clean === label && answers[id] !== label && whiteBox.every((each) => answers[each] === label),
    ).length;
    return enough(fooled) ? [maskedGradients(id, fooled)] : [];
  });
  return [...inEnsembles, ...alone];
}

/** @throws {InputError} if a model has too few classes for one of the attacks. */
export function requireClasses(classes: number, attacks: readonly AttackId[], own?: OwnAttacks): void {
  for (const { id, attack } of attacks.flatMap((each) => roundsOf(each, { own }))) {
    if (classes >= (attack.fewestClasses ?? 1)) continue;
    throw new InputError(`the model has too few classes for ${id}`, {
      expected: `at least ${attack.fewestClasses} classes, or its loss is not defined`,
      found: String(classes),
      fix: "leave it out, and aa where it is a part",
    });
  }
}

/** The loss and its gradient; frees what it was asked with, also where a graph has no gradient. */
function lossGradient(target: AttackTarget, images: Tensor4D, labels: Tensor1D): LossGradient {
  try {
    return target.lossGradient(images, { kind: "crossEntropy", labels });
  } finally {
    tf.dispose([images, labels]);
  }
}

function firstImages({ count }: ImageSource, most: number): number[] {
  return Array.from({ length: Math.min(CHECKED, most, count) }, (_, index) => index);
}

function isWhiteBox({ attack, isTransfer }: Round): boolean {
  return attack.access === "gradient" && !isTransfer;
}

/** Whether one of the attacks uses gradients of the model under test. */
export function usesGradients(attacks: readonly AttackId[], own?: OwnAttacks): boolean {
  return attacks.flatMap((id) => roundsOf(id, { own })).some(isWhiteBox);
}

function maskedGradients(which: string, fooled: number): string {
  return `${which} fooled the model on ${fooled} images that withstood every gradient attack: its gradients may mislead, and robust accuracy may be lower`;
}

/** The logits of each image. */
function rows(target: AttackTarget, images: Tensor4D): Float32Array[] {
  const logits = target.logits(images);
  const { shape } = logits;
  const values = logits.dataSync<"float32">();
  logits.dispose();
  const expected = [images.shape[0], target.classes];
  if (shape.join() !== expected.join())
    throw new InputError("the model does not answer one row of logits an image", {
      expected: `an output [${expected.join(", ")}]`,
      found: `[${shape.join(", ")}]`,
    });
  const broken = values.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0)
    throw new InputError("the model's logits are not finite", {
      expected: "numbers",
      found: `${values[broken]} for image ${Math.floor(broken / target.classes)}`,
    });
  return Array.from({ length: images.shape[0] }, (_, row) =>
    values.subarray(row * target.classes, (row + 1) * target.classes),
  );
}

function randomised(first: readonly Float32Array[], second: readonly Float32Array[]): string[] {
  const differing = first.filter((row, index) => {
    const other = second[index] as Float32Array;
    const difference = Math.hypot(...row.map((value, at) => value - (other[at] as number)));
    return difference > RANDOMISED * Math.hypot(...row);
  }).length;
  if (differing === 0) return [];
  return [
    `the model answers differently when asked again (${differing} of ${first.length} images): what it withstands once it may not withstand twice`,
  ];
}

function probabilities(answers: readonly Float32Array[]): string[] {
  const areProbabilities = answers.every(
    (row) =>
      row.every((value) => value >= -PROBABILITY) &&
      Math.abs(row.reduce((sum, value) => sum + value, 0) - 1) <= PROBABILITY,
  );
  if (!areProbabilities) return [];
  return [
    "the model seems to answer probabilities instead of logits: losses saturate, and gradient attacks find too little",
  ];
}
