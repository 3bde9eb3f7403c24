import type { AttackSettings } from "../attacks/attack.js";
import { attackIds, type AttackId, startsUniformly } from "../attacks/attacks.js";
import type { Threat } from "../attacks/ball.js";
import {
  type Conventions,
  type UniformStart,
  uniformStarts,
  USUAL_CONVENTIONS,
  wrongWhenClean,
  type WrongWhenClean,
} from "../attacks/conventions.js";
import { type Norm, norms } from "../attacks/norms.js";
import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { parseQuantity } from "../recipes/settings.js";
import { type AttackNumbers, roundsOf } from "./rounds.js";
import { type AttackChanges, MOST_RESTARTS, type OwnAttacks } from "./settings.js";

const WHOLE = { minimum: 1, whole: true } as const;

/** What each number of an attack may be, in a norm. */
const boundsIn = (norm: Norm) =>
  ({
    steps: WHOLE,
    stepSize: distanceIn(norm),
    queries: WHOLE,
    targetClasses: WHOLE,
  }) as const satisfies Record<keyof AttackSettings, object>;

/** What a radius or step size may be: in L-infinity 1 leads from any image to any other, in L2 no number does for images of all sizes. */
const distanceIn = (norm: Norm): { minimum: number; maximum?: number } =>
  norm === "l2" ? { minimum: 0 } : { minimum: 0, maximum: 1 };

/**
 * Checks the norm and the radius that a call asks for; by default L-infinity, and the norm's usual radius.
 *
 * @param options What each is called in errors.
 * @throws {InputError} if one is wrong, or an attack has no form in the norm.
 */
export function checkThreat(
  ids: readonly AttackId[],
  asked: { readonly norm?: string | undefined; readonly epsilon?: unknown },
  options: Readonly<Record<"norm" | "epsilon", string>>,
  own?: OwnAttacks,
): Required<Threat> & { readonly norm: Norm } {
  const { norm = "linf" } = asked;
  if (!isNorm(norm)) throw unknown(options.norm, norms, norm);
  const epsilon = parseQuantity(options.epsilon, asked.epsilon ?? norms[norm].epsilon, distanceIn(norm));
  for (const id of ids) roundsOf(id, { norm, own });
  return { norm, epsilon };
}

function isNorm(name: string): name is Norm {
  return Object.hasOwn(norms, name);
}

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
  norm: Norm = "linf",
): AttackNumbers {
  const bounds = boundsIn(norm);
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
export function numbersOf(ids: readonly AttackId[], changes: AttackChanges, norm?: Norm): NumbersOf {
  return Object.fromEntries(
    ids.map((id): [AttackId, NumbersOf[AttackId]] => {
      const parts = roundsOf(id, { changes: changes[id], norm });
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
