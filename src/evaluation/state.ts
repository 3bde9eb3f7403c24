import { z } from "zod";
import type { AttackId } from "../attacks/attacks.js";
import type { Norm } from "../attacks/norms.js";
import type { WrongWhenClean } from "../attacks/conventions.js";
import { numberList } from "./number-list.js";

/** The `AttackState.fooledIn` of an image that has withstood every attack so far. */
export const WITHSTOOD = -1;

/** What an attack has found so far; lists have an entry for every image. */
export interface AttackState {
  /** The current round, and the next batch in it; the attack is over when there is no such round. */
  round: number;
  batch: number;
  /** The class answered under the attack that fooled the model, else the last one answered; the clean answer of what is not attacked. */
  readonly answers: number[];
  /** The number of the round that fooled the model, or `WITHSTOOD`. */
  readonly fooledIn: number[];
  /** The largest change of a pixel value in the image that fooled the model, else 0. */
  readonly linf: number[];
  /** The Euclidean length of the change in the image that fooled the model, else 0; of attacks in L2 alone. */
  readonly l2?: number[] | undefined;
  /** Queries to the model, or null if no round has counted any. */
  queries: number[] | null;
  /** The indexes of the images at which a gradient had a NaN, ascending; absent if there was none. */
  nanGradients?: number[] | undefined;
  seconds: number;
}

/** How far an evaluation has got, as plain data that can be saved between any two batches. */
export interface EvaluationState {
  /** The classes answered on the clean images seen so far. */
  readonly clean: number[];
  readonly attacks: { [Id in AttackId]?: AttackState | undefined };
}

/** The state of an attack before its first batch, given the clean answers. */
export function attackState(clean: readonly number[], norm?: Norm): AttackState {
  return {
    round: 0,
    batch: 0,
    answers: [...clean],
    fooledIn: clean.map(() => WITHSTOOD),
    linf: clean.map(() => 0),
    ...(norm === "l2" ? { l2: clean.map(() => 0) } : {}),
    queries: null,
    seconds: 0,
  };
}

/** The indexes of the images a round attacks: those that withstood the earlier rounds, out of all that are attacked. */
export function attackedIn(
  round: number,
  { fooledIn }: Pick<AttackState, "fooledIn">,
  clean: readonly number[],
  labels: ArrayLike<number>,
  wrongWhenClean: WrongWhenClean,
): number[] {
  return clean.flatMap((answer, index) => {
    const fooled = fooledIn[index] ?? WITHSTOOD;
    const isAttacked = wrongWhenClean === "final-answer" || answer === labels[index];
    return isAttacked && (fooled === WITHSTOOD || fooled >= round) ? [index] : [];
  });
}

/** Whether an attack, as far as it has got, has attacked an image, or will: one that is wrong when clean shows it by another outcome. */
export function isAttacked(
  { fooledIn, answers }: Pick<AttackState, "fooledIn" | "answers">,
  index: number,
  clean: number | undefined,
  label: number | undefined,
): boolean {
  return clean === label || fooledIn[index] !== WITHSTOOD || answers[index] === label;
}

/** The schema of the state of an attack of `rounds` rounds on `images` images of `classes` classes. */
export function attackStateSchema(
  images: number,
  classes: number,
  rounds: number,
  norm?: Norm,
): z.ZodType<AttackState> {
  const count = z.int().min(0);
  const each = (minimum: number, maximum: number, whole = true) =>
    numberList(images, { minimum, maximum, whole }, { exactly: true });
  return z
    .strictObject({
      round: count.max(rounds),
      batch: count.max(images),
      answers: each(0, classes - 1),
      fooledIn: each(WITHSTOOD, rounds - 1),
      linf: each(0, 1, false),
      l2: norm === "l2" ? each(0, Infinity, false) : z.undefined().optional(),
      queries: each(0, Number.MAX_SAFE_INTEGER).nullable(),
      nanGradients: numberList(images, { minimum: 0, maximum: images - 1, whole: true }).optional(),
      seconds: z.number().min(0),
    })
    .refine(
      ({ round, fooledIn }) => fooledIn.every((fooled) => fooled <= round),
      "an image fooled later than now",
    );
}
