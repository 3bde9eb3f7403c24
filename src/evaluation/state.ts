import { z } from "zod";
import type { AttackId } from "../attacks/attacks.js";

/** `AttackState.fooledIn` of an image that nothing fooled. */
export const WITHSTOOD = -1;

/** What an attack has found so far; lists have an entry for every image. */
export interface AttackState {
  /** Where it goes on: the round, and the batch of it. It is over when there is no such round. */
  round: number;
  batch: number;
  /** The class answered: under the attack that fooled the model, else the clean one. */
  readonly answers: number[];
  /** The round that fooled the model, or `WITHSTOOD`. */
  readonly fooledIn: number[];
  /** The largest change of a pixel value in the image that fooled the model, else 0. */
  readonly linf: number[];
  /** Looks at the model, or null while no round has counted any. */
  queries: number[] | null;
  seconds: number;
}

/** How far an evaluation is: plain, so that it can be kept on the disk between any two batches. */
export interface EvaluationState {
  /** The classes answered on the first so many images as they are. */
  readonly clean: number[];
  readonly attacks: { [Id in AttackId]?: AttackState | undefined };
}

/** An attack before its first batch, on images that are answered as in `clean`. */
export function attackState(clean: readonly number[]): AttackState {
  return {
    round: 0,
    batch: 0,
    answers: [...clean],
    fooledIn: clean.map(() => WITHSTOOD),
    linf: clean.map(() => 0),
    queries: null,
    seconds: 0,
  };
}

/** The images a round attacks: those answered right that no earlier round fooled. */
export function attackedIn(
  round: number,
  { fooledIn }: Pick<AttackState, "fooledIn">,
  clean: readonly number[],
  labels: ArrayLike<number>,
): number[] {
  return clean.flatMap((answer, index) => {
    const fooled = fooledIn[index] ?? WITHSTOOD;
    return answer === labels[index] && (fooled === WITHSTOOD || fooled >= round) ? [index] : [];
  });
}

/** The shape of the state of an attack of so many rounds on `images` images of `classes` classes. */
export function attackStateSchema(images: number, classes: number, rounds: number): z.ZodType<AttackState> {
  const count = z.int().min(0);
  const each = (value: z.ZodType<number>) => z.array(value).length(images);
  return z
    .strictObject({
      round: count.max(rounds),
      batch: count.max(images),
      answers: each(count.max(classes - 1)),
      fooledIn: each(
        z
          .int()
          .min(WITHSTOOD)
          .max(rounds - 1),
      ),
      linf: each(z.number().min(0).max(1)),
      queries: each(count).nullable(),
      seconds: z.number().min(0),
    })
    .refine(
      ({ round, fooledIn }) => fooledIn.every((fooled) => fooled <= round),
      "an image fooled later than now",
    );
}
