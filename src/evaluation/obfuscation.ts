import { type AttackId, attacks } from "../attacks/attacks.js";
import type { AttackNumbers } from "./rounds.js";
import type { Evaluation, ExampleOutcome } from "./summary.js";

/** A measurement that the signs of obfuscated gradients are read from. */
export interface Look {
  readonly name: string;
  readonly attack: AttackId;
  readonly changes: AttackNumbers;
  readonly epsilon: number;
  /** Whether it is made on fewer images, as it takes thousands of queries an image. */
  readonly isSlow: boolean;
}

/** Two looks, of which the second has more to attack with and so should find at least as much; found on the images both saw. */
export interface Comparison {
  readonly weaker: string;
  readonly stronger: string;
  readonly images: number;
  /** How many images withstood each. */
  readonly withstoodWeaker: number;
  readonly withstoodStronger: number;
  /** How many images only the weaker one fooled, and only the stronger one. */
  readonly onlyWeaker: number;
  readonly onlyStronger: number;
  readonly holds: boolean;
}

/** One of the paper's four signs that gradients are not obfuscated. */
export interface Sign {
  readonly title: string;
  readonly comparisons: readonly Comparison[];
  readonly holds: boolean;
}

/** Steps of PGD: more should find more. */
const STEPS = [5, 20, 100];
/** Radii of PGD in units of epsilon: at the last one, nothing can withstand. */
const RADII = [2, 4, 8, 16];
const QUERIES = 100;
/** What may withstand PGD at the largest radius, as a share of all images. */
const CERTAIN = 0.01;
/** What AutoAttack should leave of the images that withstand PGD. */
const KEPT = 0.5;

/**
 * The measurements that the signs need: PGD-sat with other steps and larger radii (its step is a quarter of the radius), and the paper's
 * attacks.
 *
 * @param epsilon The L-infinity radius in pixel values of images in [0, 1].
 * @param transfers Whether there is a surrogate for transfer attacks.
 * @see B-MTARD, section 4.4, "Excluding Obfuscated Gradients".
 */
export function looksAt(epsilon: number, transfers: boolean): Look[] {
  const look = (
    attack: AttackId,
    changes: AttackNumbers = {},
    name: string = attacks[attack].title,
  ): Look => ({
    ...{ name, attack, changes, epsilon, isSlow: ["aa", "gradient-estimation"].includes(attack) },
  });
  const stepSize = epsilon / 4;
  return [
    look("fgsm"),
    ...STEPS.map((steps) => look("pgd-sat", { steps, stepSize }, pgdOf(steps))),
    look("pgd-trades"),
    look("cw"),
    ...RADII.map((radius) => ({
      ...look("pgd-sat", { stepSize: Math.min(1, radius * stepSize) }, pgdWithin(radius)),
      epsilon: Math.min(1, radius * epsilon),
    })),
    look("square", { queries: QUERIES }),
    look("rays", { queries: QUERIES }),
    ...(transfers ? [look("transfer-pgd-trades"), look("transfer-cw")] : []),
    look("aa"),
    look("gradient-estimation"),
  ];
}

const pgdOf = (steps: number): string => `PGD of ${steps} steps`;
const pgdWithin = (radius: number): string => (radius === 1 ? pgdOf(20) : `PGD within ${radius} epsilon`);

/**
 * Reads the paper's four signs from measurements of one model on the first images of one data set.
 *
 * A comparison holds unless the weaker attack alone fools so many more images than the stronger one alone that chance does not explain
 * it: more than two standard deviations of a fair coin thrown for every image on which they differ.
 *
 * @param measured The evaluations by the names of the looks; what is missing is left out.
 */
export function signsOf(measured: ReadonlyMap<string, Evaluation>): Sign[] {
  const title = (attack: AttackId): string => attacks[attack].title;
  const compared = (...pairs: readonly (readonly [weaker: string, stronger: string])[]): Comparison[] =>
    pairs.flatMap(([weaker, stronger]) => {
      const [one, other] = [measured.get(weaker), measured.get(stronger)];
      return one && other ? [compare(weaker, one, stronger, other)] : [];
    });
  const chain = (names: readonly string[]): [string, string][] =>
    names.slice(1).map((name, index) => [names[index] ?? "", name]);
  const [trades, cw] = [title("pgd-trades"), title("cw")];
  const last = pgdWithin(RADII.at(-1) ?? 1);
  return [
    sign("it withstands a strong attack", [
      ...compared([trades, title("aa")]).map((found) => ({
        ...found,
        holds: found.withstoodStronger > 0 && found.withstoodStronger >= KEPT * found.withstoodWeaker,
      })),
    ]),
    sign("strong white-box attacks find more than weak ones", [
      ...compared([title("fgsm"), pgdOf(20)], [title("fgsm"), cw], ...chain(STEPS.map(pgdOf))),
      ...compared(...chain([1, ...RADII].map(pgdWithin))).map((found) =>
        found.stronger === last
          ? { ...found, holds: found.holds && found.withstoodStronger <= CERTAIN * found.images }
          : found,
      ),
    ]),
    sign(
      "white-box attacks find more than black-box ones",
      compared(
        [title("square"), trades],
        [title("rays"), trades],
        [title("transfer-pgd-trades"), trades],
        [title("transfer-cw"), cw],
      ),
    ),
    sign(
      "gradients find more than gradient-free estimates of them",
      compared([title("gradient-estimation"), trades]),
    ),
  ];
}

function sign(title: string, comparisons: readonly Comparison[]): Sign {
  return { title, comparisons, holds: comparisons.every(({ holds }) => holds) };
}

function compare(weaker: string, one: Evaluation, stronger: string, other: Evaluation): Comparison {
  const images = Math.min(one.total, other.total);
  const [first, second] = [one, other].map((evaluation) =>
    evaluation.perExample.slice(0, images).map(withstood),
  ) as [boolean[], boolean[]];
  const both = first.map((left, index) => [left, second[index] === true] as const);
  const onlyWeaker = both.filter(([left, right]) => !left && right).length;
  const onlyStronger = both.filter(([left, right]) => left && !right).length;
  return {
    ...{ weaker, stronger, images, onlyWeaker, onlyStronger },
    withstoodWeaker: first.filter(Boolean).length,
    withstoodStronger: second.filter(Boolean).length,
    holds: onlyWeaker - onlyStronger <= 2 * Math.sqrt(onlyWeaker + onlyStronger),
  };
}

/** Whether an image was right when clean and under the only attack of an evaluation. */
function withstood({ label, clean, attacks: answers }: ExampleOutcome): boolean {
  return clean === label && Object.values(answers).every((answer) => answer === label);
}
