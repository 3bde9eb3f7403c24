import { attackIds, attacks, type AttackId } from "../attacks/attacks.js";
import { usesGradients } from "../evaluation/checks.js";
import type { MeasurementKey } from "../evaluation/key.js";
import { looksOf } from "../evaluation/rounds.js";
import type { BoardModel } from "./leaderboard-models.js";
import { distanceText } from "./run-report/share.js";
import { unusualNumbers } from "./unusual.js";

/*
 * Which numbers may stand in one column. Two measurements of one attack share it only if nothing but the model, the seed and the size of the
 * batches differs: images, steps and all other numbers, restarts, conventions and the surrogate are the column's.
 */

/** What the images of a section were changed within. */
export interface Threat {
  /** Such as "L-infinity, epsilon 8/255"; null where nothing but the clean accuracy is known. */
  readonly title: string | null;
  readonly norm: "Linf" | "L2" | null;
  readonly epsilon: number | null;
}

/** An attack with everything that decides whether two of its numbers can be compared. */
export interface BoardColumn {
  /** What {@link columnOf} says of its measurements. */
  readonly id: string;
  readonly attack: AttackId;
  readonly title: string;
  /** What is the column's own, the number of images first. */
  readonly details: readonly string[];
  readonly images: number;
  /** How many models of the section have it. */
  readonly models: number;
}

/** The parts of a key that a section has in common: all that no column or model has, those of later versions too. */
export function sectionOf(key: MeasurementKey): string {
  return JSON.stringify([key.data, ...threatParts(key)]);
}

/** The parts of a key that a column has in common. */
export function columnOf({
  attack,
  images,
  rounds,
  surrogate,
  wrongWhenClean,
  uniformStart,
}: MeasurementKey): string {
  return JSON.stringify([attack, images, rounds, surrogate, wrongWhenClean, uniformStart]);
}

/** The parts of a key that a model or column has, or that make no difference to what can be compared. */
const OTHER_PARTS: readonly string[] = [
  ...["model", "data", "images", "batchSize", "attack", "seed", "rounds", "surrogate"],
  ...["wrongWhenClean", "uniformStart"],
];

function threatParts(key: MeasurementKey): [string, unknown][] {
  return Object.entries(key)
    .filter(([name]) => !OTHER_PARTS.includes(name))
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

/** What a section's models were attacked within, from the key of one of its measurements. */
export function threatOf(key: MeasurementKey): Threat {
  const { epsilon, norm, ...others } = Object.fromEntries(threatParts(key));
  if (typeof epsilon !== "number") return { title: null, norm: null, epsilon: null };
  const isL2 = norm === "l2";
  const further = Object.entries({ ...others, ...(norm === undefined || isL2 ? {} : { norm }) });
  const parts = [
    isL2 ? "L2" : "L-infinity",
    `epsilon ${isL2 ? String(epsilon) : distanceText(epsilon)}`,
    ...further.map(([name, value]) => `${name} ${JSON.stringify(value)}`),
  ];
  const isPlain = further.length === 0;
  return { title: parts.join(", "), norm: isPlain ? (isL2 ? "L2" : "Linf") : null, epsilon };
}

/** Describes a column by the key of one of its measurements; `models` are those whose names a surrogate may have. */
export function describeColumn(
  key: MeasurementKey & { readonly attack: AttackId },
  count: number,
  models: ReadonlyMap<string, BoardModel>,
): BoardColumn {
  const { attack, images } = key;
  return {
    id: columnOf(key),
    attack,
    title: attacks[attack].title,
    details: [
      `${images.toLocaleString("en")} image${images === 1 ? "" : "s"}`,
      ...detailsOf(key, (surrogate) => models.get(surrogate)?.name),
    ],
    images,
    models: count,
  };
}

/** What a column has of its own besides the number of images; `nameOf` may know what a surrogate is called. */
export function detailsOf(
  key: MeasurementKey & { readonly attack: AttackId },
  nameOf: (surrogate: string) => string | undefined = () => undefined,
): string[] {
  const { surrogate, wrongWhenClean, uniformStart } = key;
  return [
    ...unusualNumbers(key),
    ...(wrongWhenClean === undefined ? [] : ["final answers count"]),
    ...(uniformStart === undefined ? [] : ["clamped start"]),
    ...(surrogate === null ? [] : [`from ${nameOf(surrogate) ?? surrogate.slice(0, 8)}`]),
  ];
}

/** A column in a few words: its attack, and all that is the column's own. */
export function columnTitle({ title, details }: Pick<BoardColumn, "title" | "details">): string {
  return `${title} (${details.join(", ")})`;
}

/** Whether AutoAttack ran as its authors publish it: its own numbers, no restarts, and what is wrong when clean counts as not robust. */
export function isStandardAutoAttack(key: MeasurementKey): boolean {
  return (
    key.attack === "aa" &&
    key.wrongWhenClean === undefined &&
    unusualNumbers({ ...key, attack: key.attack }).length === 0
  );
}

/**
 * Compares attacks by the evidence that withstanding them is, the strongest first: attacks that see gradients before others, then those that
 * look at the model more often, then those of more images.
 */
export function byStrength(one: MeasurementKey, other: MeasurementKey): number {
  const [left, right] = [strengthOf(one), strengthOf(other)];
  const at = left.findIndex((value, index) => value !== right[index]);
  return at < 0 ? 0 : (right[at] ?? 0) - (left[at] ?? 0);
}

function strengthOf({ attack, rounds, images, wrongWhenClean }: MeasurementKey): number[] {
  const looks = rounds.reduce((sum, { numbers, restarts }) => sum + restarts * looksOf({ numbers }), 0);
  const seesGradients = attack !== null && usesGradients([attack]);
  return [Number(seesGradients), looks, images, Number(wrongWhenClean === undefined)];
}

/** The order in which attacks are listed everywhere. */
export function placeOf({ attack }: MeasurementKey): number {
  return attack === null ? -1 : attackIds.indexOf(attack);
}
