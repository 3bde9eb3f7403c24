import type { AttackSettings } from "../attacks/attack.js";
import { attackIds, type AttackId, startsUniformly } from "../attacks/attacks.js";
import {
  type Conventions,
  type UniformStart,
  uniformStarts,
  USUAL_CONVENTIONS,
  wrongWhenClean,
  type WrongWhenClean,
} from "../attacks/conventions.js";
import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { parseQuantity } from "../recipes/settings.js";
import { type AttackNumbers, roundsOf } from "./rounds.js";
import { type AttackChanges, MOST_RESTARTS } from "./settings.js";

const WHOLE = { minimum: 1, whole: true } as const;

/** What each number of an attack may be. */
const bounds = {
  steps: WHOLE,
  stepSize: { minimum: 0, maximum: 1 },
  queries: WHOLE,
  targetClasses: WHOLE,
} as const satisfies Record<keyof AttackSettings, object>;

/** What the numbers of attacks are called in errors. */
export type NumberNames = Readonly<Record<keyof AttackSettings | "restarts", string>>;

/**
 * Checks the numbers that a call gives for attacks; what is undefined is left out.
 *
 * @throws {InputError} naming the number that is wrong, and what it may be.
 */
export function checkNumbers(
  asked: Readonly<Partial<Record<keyof AttackSettings, unknown>>>,
  names: NumberNames,
): AttackNumbers {
  const given = (Object.keys(bounds) as (keyof AttackSettings)[]).filter((name) => asked[name] !== undefined);
  return Object.fromEntries(
    given.map((name) => [name, parseQuantity(names[name], asked[name], bounds[name])]),
  );
}

/** Checks how often random attacks run. @throws {InputError} if it is not a whole number from 1 to {@link MOST_RESTARTS}. */
export function checkRestarts(asked: unknown, names: NumberNames): number {
  return parseQuantity(names.restarts, asked, { minimum: 1, maximum: MOST_RESTARTS, whole: true });
}

/**
 * Gives each attack the changes to settings that it has.
 *
 * @param options What each setting is called in errors.
 * @throws {InputError} if none of the attacks has a changed setting, or `restarts` is above 1 and none of them is random.
 */
export function changesOf(
  ids: readonly AttackId[],
  numbers: AttackNumbers,
  restarts: number,
  options: NumberNames,
): AttackChanges {
  const names = Object.keys(numbers) as (keyof AttackSettings)[];
  for (const name of names) {
    if (!ids.some((id) => hasNumber(id, name)))
      throw useless(ids, options[name], (id) => hasNumber(id, name));
  }
  if (restarts > 1 && !ids.some(isRandom)) throw useless(ids, options.restarts, isRandom);
  return Object.fromEntries(
    ids.map((id) => [
      id,
      Object.fromEntries(names.filter((name) => hasNumber(id, name)).map((name) => [name, numbers[name]])),
    ]),
  );
}

/**
 * Checks the conventions that a call names.
 *
 * @param options What each is called in errors.
 * @throws {InputError} if one is unknown, or a clamped start is asked of attacks that do not start uniformly.
 */
export function checkConventions(
  ids: readonly AttackId[],
  asked: Readonly<Record<keyof Conventions, string | undefined>>,
  options: Readonly<Record<keyof Conventions, string>>,
): Conventions {
  const { wrongWhenClean: wrong = USUAL_CONVENTIONS.wrongWhenClean } = asked;
  const { uniformStart: start = USUAL_CONVENTIONS.uniformStart } = asked;
  if (!Object.hasOwn(wrongWhenClean, wrong)) throw unknown(options.wrongWhenClean, wrongWhenClean, wrong);
  if (!Object.hasOwn(uniformStarts, start)) throw unknown(options.uniformStart, uniformStarts, start);
  if (start !== USUAL_CONVENTIONS.uniformStart && !ids.some(startsUniformly))
    throw useless(ids, options.uniformStart, startsUniformly);
  return { wrongWhenClean: wrong as WrongWhenClean, uniformStart: start as UniformStart };
}

function unknown(option: string, known: object, found: string): InputError {
  const names = Object.keys(known);
  return new InputError(`${option} is wrong${didYouMean(found, names)}`, {
    expected: names.join(" or "),
    found,
  });
}

type NumbersOf = Readonly<
  Partial<Record<AttackId, AttackNumbers | Readonly<Partial<Record<AttackId, AttackNumbers>>>>>
>;

/** The settings that each attack runs with; for an ensemble, those of each of its attacks. */
export function numbersOf(ids: readonly AttackId[], changes: AttackChanges): NumbersOf {
  return Object.fromEntries(
    ids.map((id): [AttackId, NumbersOf[AttackId]] => {
      const parts = roundsOf(id, 1, changes[id]);
      const [only] = parts;
      if (parts.length === 1 && only) return [id, only.numbers];
      return [id, Object.fromEntries(parts.map((round) => [round.id, round.numbers]))];
    }),
  );
}

function hasNumber(id: AttackId, name: keyof AttackSettings): boolean {
  return roundsOf(id).some(({ numbers }) => name in numbers);
}

function isRandom(id: AttackId): boolean {
  return roundsOf(id).some(({ attack }) => attack.random);
}

function useless(
  asked: readonly AttackId[],
  option: string,
  isServed: (id: AttackId) => boolean,
): InputError {
  return new InputError(`${option} changes none of the attacks`, {
    expected: `one of ${attackIds.filter(isServed).join(", ")}`,
    found: asked.length === 0 ? "none" : asked.join(", "),
    fix: `leave ${option} out, or add such an attack`,
  });
}
