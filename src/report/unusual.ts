import { type AttackId, attacks } from "../attacks/attacks.js";
import { attackKey, differencesOf, type MeasurementKey } from "../evaluation/key.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import { distanceText } from "./run-report/share.js";

/*
 * What is unusual in the key of an attack, in words. Two measurements that stand beside each other must not read alike unless they are, but
 * what all of them share would only be noise.
 */

/** The parts of a key in which nothing is usual. */
const UNSETTLED = ["data", "surrogate", "wrongWhenClean", "uniformStart"] as const;

/**
 * What is unusual about a measurement besides its norm, radius and number of images, such as `steps 5` and `seed 3`: the numbers that are not
 * the attack's own, and what the measurements beside it do not share. Nothing of the clean accuracy.
 *
 * @param batchSize The usual one; null if none is, so that it is named where several are.
 * @param among The keys that it stands beside, its own among them.
 */
export function unusualParts(
  key: MeasurementKey,
  batchSize: number | null,
  among: readonly MeasurementKey[],
): string[] {
  const { attack, wrongWhenClean, uniformStart } = key;
  if (attack === null) return [];
  const alike = among.filter((each) => each.attack === attack);
  const isOne = (name: keyof MeasurementKey): boolean => new Set(alike.map((each) => each[name])).size <= 1;
  const shared = Object.fromEntries(UNSETTLED.map((name) => [name, isOne(name)]));
  const usual = attackKey(
    {
      ...{ model: key.model, images: key.images, data: shared["data"] ? key.data : "" },
      batchSize: batchSize ?? (isOne("batchSize") ? key.batchSize : NaN),
    },
    attack,
    {
      ...{ norm: key.norm, epsilon: key.epsilon ?? 0, seed: USUAL_SEED },
      ...(shared["wrongWhenClean"] && wrongWhenClean !== undefined ? { wrongWhenClean } : {}),
      ...(shared["uniformStart"] && uniformStart !== undefined ? { uniformStart } : {}),
    },
    shared["surrogate"] ? key.surrogate : null,
  );
  return differencesInWords(usual, key);
}

/** The numbers of an attack that are not its own in the norm it was run in, such as `steps 5`; those that an ensemble's parts share once. */
export function unusualNumbers(key: MeasurementKey & { readonly attack: AttackId }): string[] {
  const { attack, norm, epsilon, surrogate } = key;
  const { rounds } = attackKey(key, attack, { norm, epsilon: epsilon ?? 0, seed: USUAL_SEED }, surrogate);
  return differencesInWords({ ...key, rounds }, key);
}

/** An attack as pages call it, with what is unusual about a measurement of it in parentheses. */
export function attackText(attack: AttackId, unusual: string): string {
  const { title } = attacks[attack];
  return unusual === "" ? title : `${title} (${unusual})`;
}

function differencesInWords(usual: MeasurementKey, key: MeasurementKey): string[] {
  const parts = differencesOf(usual, key).map(({ name, other }) => {
    const setting = name.replace(/ of .*$/, "");
    // Lengths in L2 are no levels of a pixel.
    const isDistance = setting === "stepSize" && key.norm === undefined;
    return `${wordsOf(setting)} ${isDistance ? distanceText(Number(other)) : other}`;
  });
  // The parts of an ensemble share what is changed.
  return [...new Set(parts)];
}

/** The name of a setting in words, such as `step size`. */
export function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
