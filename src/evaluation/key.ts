import { z } from "zod";
import { type AttackId, attackIds, hasNorm, startsUniformly } from "../attacks/attacks.js";
import { corruptionIds } from "../corruptions/corruptions.js";
import { sha256Of } from "../files/sha256.js";
import { type AttackNumbers, type Round, roundsOf } from "./rounds.js";
import { type EvaluationSettings, MOST_RESTARTS } from "./settings.js";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "not a SHA-256 in lower-case hex");
const count = z.int().nonnegative();

/** What was done to the images before the model saw them. */
const corruptionParts = z.strictObject({
  name: z.enum(corruptionIds),
  severity: count.min(1).max(5),
  /** The SHA-256 of the published file with the images and their labels; null where they are made here. */
  file: sha256.nullable(),
  /** Of images that are made here; null if nothing is random. */
  seed: count.nullable(),
  /** Of the way that images are made here; null for published ones. */
  version: count.nullable(),
});

/**
 * Everything that decides the outcome of a measurement, with all defaults filled in: measurements with equal keys have equal outcomes.
 * What an attack does not read is null, so that it makes no difference.
 */
const keyParts = z.strictObject({
  /** The identity of the model. */
  model: sha256,
  /** The SHA-256 of the data set's store. */
  data: sha256,
  /** How many test images are measured, from the first. */
  images: count.min(1),
  /** Random starts and rounding depend on which images share a batch. */
  batchSize: count.min(1),
  /** Null for the clean accuracy alone. */
  attack: z.enum(attackIds).nullable(),
  epsilon: z.number().nullable(),
  /** Null if nothing is random. */
  seed: count.nullable(),
  /** The single attacks that the attack consists of, in order, with their settings and how often each runs. */
  rounds: z.array(
    z.strictObject({
      attack: z.string(),
      numbers: z.record(z.string(), z.number()),
      restarts: count.max(MOST_RESTARTS),
    }),
  ),
  /** The identity of the classifier that a transfer attack makes its images on. */
  surrogate: sha256.nullable(),
  /** Both only where they are not the usual convention, so that all other measurements keep the keys that earlier versions gave them. */
  wrongWhenClean: z.literal("final-answer").optional(),
  /** The norm of epsilon, only where it is not L-infinity. */
  norm: z.literal("l2").optional(),
  /** Only where an attack starts uniformly. */
  uniformStart: z.literal("clamped").optional(),
  /** Only where the images are not as they are. */
  corruption: corruptionParts.optional(),
});

export type MeasurementKey = Readonly<z.infer<typeof keyParts>>;

/** The schema of a key that was read from a file: its attack must have the rounds, settings and conventions it names. */
export const keySchema = keyParts
  .refine(hasItsRounds, "other rounds or settings than the attack has")
  .refine(
    ({ attack, uniformStart }) => uniformStart === undefined || (attack !== null && startsUniformly(attack)),
    "a uniform start of an attack without one",
  )
  .refine(
    ({ attack, norm }) => norm === undefined || (attack !== null && hasNorm(attack, norm)),
    "a norm in which the attack has no form",
  )
  .refine(
    ({ attack, wrongWhenClean }) => wrongWhenClean === undefined || attack !== null,
    "a convention for attacks without an attack",
  )
  // What is not attacked there would be taken for the clean accuracy.
  .refine(
    ({ attack, corruption }) => corruption === undefined || attack === null,
    "an attack on corrupted images",
  );

function hasItsRounds({ attack, rounds }: MeasurementKey): boolean {
  if (attack === null) return rounds.length === 0;
  const restarts = Math.max(1, ...rounds.map((round) => round.restarts));
  const expected = firstRuns(roundsOf(attack, { restarts }));
  return (
    rounds.length === expected.length &&
    expected.every((one, index) => {
      const other = rounds[index];
      return (
        other?.attack === one.attack &&
        other.restarts === one.restarts &&
        Object.keys(other.numbers).sort().join() === Object.keys(one.numbers).join()
      );
    })
  );
}

/** What is measured: a model on the first images of a data set, as they are or corrupted, in batches of one size. */
export type Measured = Pick<MeasurementKey, "model" | "data" | "images" | "batchSize" | "corruption">;

/** The key of the clean accuracy alone. */
export function cleanKey(measured: Measured): MeasurementKey {
  return { ...measured, attack: null, epsilon: null, seed: null, rounds: [], surrogate: null };
}

/** The key of an attack under the settings of an evaluation. */
export function attackKey(
  measured: Measured,
  attack: AttackId,
  settings: Omit<EvaluationSettings, "attacks" | "batchSize">,
  surrogate: string | null,
): MeasurementKey {
  const { norm, epsilon, seed, restarts = 1, changes = {}, own } = settings;
  const rounds = roundsOf(attack, { restarts, changes: changes[attack], own, norm });
  return {
    ...measured,
    attack,
    epsilon,
    seed: rounds.some((round) => round.attack.random) ? seed : null,
    rounds: firstRuns(rounds),
    surrogate: rounds.some(({ isTransfer }) => isTransfer) ? surrogate : null,
    ...(norm === "l2" ? { norm } : {}),
    ...(settings.wrongWhenClean === "final-answer" ? { wrongWhenClean: "final-answer" } : {}),
    ...(settings.uniformStart === "clamped" && rounds.some(({ attack: each }) => each.startsUniformly)
      ? { uniformStart: "clamped" }
      : {}),
  };
}

/** The single attacks among rounds, each once, with the number of its restarts. */
function firstRuns(rounds: readonly Round[]): MeasurementKey["rounds"] {
  return rounds
    .filter(({ restart }) => restart === 0)
    .map((round) => ({ attack: round.id, numbers: inOrder(round.numbers), restarts: round.restarts }));
}

/** A short name for a key: its attack or corruption, and enough of the key's SHA-256 to tell it from any other key. */
export function nameOfKey(key: MeasurementKey): string {
  const { model, data, images, batchSize, attack, epsilon, seed, rounds, surrogate } = key;
  const { norm, wrongWhenClean, uniformStart, corruption } = key;
  const done = corruption && corruptionText(corruption);
  const unusual = Object.entries({ norm, wrongWhenClean, uniformStart, corruption: done }).filter(
    ([, value]) => value !== undefined,
  );
  const whole = [model, data, images, batchSize, attack, epsilon, seed, rounds, surrogate, ...unusual];
  const title = attack ?? (corruption ? `${corruption.name}-${corruption.severity}` : "clean");
  return `${title}-${sha256Of(JSON.stringify(whole)).slice(0, 16)}`;
}

function corruptionText({
  name,
  severity,
  file,
  seed,
  version,
}: NonNullable<MeasurementKey["corruption"]>): string {
  return [name, severity, file, seed, version].map((part) => String(part ?? "none")).join(" ");
}

/** The parts in which two keys differ, with the value in each key. */
export function differencesOf(
  one: MeasurementKey,
  other: MeasurementKey,
): { name: string; one: string; other: string }[] {
  const [left, right] = [partsOf(one), partsOf(other)];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])]
    .filter((name) => left[name] !== right[name])
    .map((name) => ({ name, one: left[name] ?? "none", other: right[name] ?? "none" }));
}

/** The parts of a key, to be shown to the user: checksums cut short, and each setting of an attack by itself. */
function partsOf({ rounds, corruption, ...key }: MeasurementKey): Record<string, string> {
  const numbers = rounds.flatMap(({ attack, numbers: ofAttack, restarts }) => [
    ...Object.entries(ofAttack).map(([name, value]) => [`${name} of ${attack}`, String(value)]),
    [`restarts of ${attack}`, String(restarts)],
  ]);
  const done = corruption ? { corruption: corruptionText(corruption) } : {};
  const others = Object.entries({ ...key, ...done }).map(([name, value]) => {
    const text = String(value ?? "none");
    return [name, text.length === 64 ? `${text.slice(0, 12)}...` : text];
  });
  return Object.fromEntries([...others, ...numbers]) as Record<string, string>;
}

/** Sorts settings by name, so that equal keys become equal JSON. */
function inOrder(numbers: AttackNumbers): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).sort(([left], [right]) => (left < right ? -1 : 1)));
}
