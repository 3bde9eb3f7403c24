import { attacks, type AttackId } from "../../attacks/attacks.js";
import { evaluationOfRecord } from "../../evaluation/record.js";
import type { MeasurementKey } from "../../evaluation/key.js";
import type { KeptRecord } from "../../evaluation/store.js";
import { wordsOf } from "../unusual.js";
import { distanceText, radiusText, type Share, shareOf } from "./share.js";

/** How robust a student is against an attack as one of its settings grows. */
export interface MeasuredCurve {
  readonly name: string;
  readonly attack: AttackId;
  readonly images: number;
  /** `x` is the radius in levels of 255, or the number of steps. */
  readonly points: readonly { readonly x: number; readonly robust: Share }[];
}

/** Measurements that differ in one setting alone, with what they have in common by name. */
interface Group {
  readonly attack: AttackId;
  readonly common: Readonly<Record<string, string>>;
  readonly members: readonly { readonly x: number; readonly kept: KeptRecord }[];
}

/**
 * Robust accuracy against the radius, for every attack that was measured at several: with the same step size at each, or with one that
 * is the same share of each radius. The clean accuracy is the one at radius 0.
 */
export function radiusCurves(records: readonly KeptRecord[]): MeasuredCurve[] {
  const groups = ["fixed", "share"].flatMap((step) =>
    grouped(records, ({ epsilon, norm, rounds, ...others }) => {
      // The axis is in levels of 255, which lengths in L2 are not.
      if (epsilon === null || epsilon === 0 || norm !== undefined) return null;
      const numbers = rounds.map(({ numbers: { stepSize, ...more }, ...round }) => ({
        ...round,
        numbers: {
          ...more,
          ...(stepSize === undefined
            ? {}
            : step === "fixed"
              ? { "step size": distanceText(stepSize) }
              : { "step size": `${Number((stepSize / epsilon).toPrecision(6))} of epsilon` }),
        },
      }));
      return { x: 255 * epsilon, common: commonOf({ ...others, rounds: numbers }) };
    }),
  );
  return curvesOf(withoutParts(groups)).map(({ curve, first }) => {
    const { clean, total } = evaluationOfRecord(first.key, first.record);
    return { ...curve, points: [{ x: 0, robust: shareOf(clean.correct, total) }, ...curve.points] };
  });
}

/** Robust accuracy against the number of steps, for every attack that was measured with several. */
export function stepCurves(records: readonly KeptRecord[]): MeasuredCurve[] {
  const groups = grouped(records, ({ epsilon, rounds, ...others }) => {
    const [round, ...more] = rounds;
    if (!round || more.length > 0 || round.numbers["steps"] === undefined) return null;
    const { steps, stepSize, ...numbers } = round.numbers;
    const size = stepSize === undefined ? {} : { "step size": distanceText(stepSize) };
    const common = commonOf({
      ...others,
      rounds: [{ ...round, numbers: { ...numbers, ...size } }],
    });
    return {
      x: steps,
      common: { ...common, epsilon: radiusText({ norm: others.norm, epsilon: epsilon ?? 0 }) },
    };
  });
  return curvesOf(groups).map(({ curve }) => curve);
}

/** What a key has besides the setting of a curve, by the name it has in the curve's. */
function commonOf({
  attack,
  rounds,
  images,
  batchSize,
  seed,
  surrogate,
  ...others
}: Omit<MeasurementKey, "epsilon" | "rounds"> & {
  readonly rounds: readonly {
    readonly attack: string;
    readonly restarts: number;
    readonly numbers: Readonly<Record<string, number | string>>;
  }[];
}): Record<string, string> {
  const numbers = rounds.flatMap((round) => [
    ...Object.entries(round.numbers).map(([name, value]) => [
      rounds.length === 1 ? name : `${name} of ${round.attack}`,
      String(value),
    ]),
    [rounds.length === 1 ? "restarts" : `restarts of ${round.attack}`, String(round.restarts)],
  ]);
  const more = Object.entries(others).flatMap(([name, value]) =>
    value === undefined || name === "model" || name === "data" ? [] : [[wordsOf(name), value]],
  );
  return {
    attack: String(attack),
    ...(Object.fromEntries([...numbers, ...more]) as Record<string, string>),
    images: String(images),
    "batch size": String(batchSize),
    seed: String(seed ?? "none"),
    surrogate: surrogate === null ? "none" : surrogate.slice(0, 12),
  };
}

function grouped(
  records: readonly KeptRecord[],
  placeOf: (key: MeasurementKey) => { x: number; common: Record<string, string> } | null,
): Group[] {
  const groups = new Map<string, Group & { members: { x: number; kept: KeptRecord }[] }>();
  for (const kept of records) {
    const { attack } = kept.key;
    const place = attack === null ? null : placeOf(kept.key);
    if (attack === null || place === null) continue;
    const name = JSON.stringify(Object.entries(place.common).sort());
    const group = groups.get(name) ?? { attack, common: place.common, members: [] };
    group.members.push({ x: place.x, kept });
    groups.set(name, group);
  }
  return [...groups.values()].filter(({ members }) => new Set(members.map(({ x }) => x)).size > 1);
}

/** Leaves out groups all of whose measurements another one has. */
function withoutParts(groups: readonly Group[]): Group[] {
  const keys = groups.map(({ members }) => new Set(members.map(({ kept }) => kept.key)));
  return groups.filter((_, index) => {
    const own = [...(keys[index] ?? [])];
    // Of two with the same measurements, the first one stays.
    return !keys.some(
      (other, at) =>
        at !== index && own.every((key) => other.has(key)) && (own.length < other.size || at < index),
    );
  });
}

/** Draws a curve through each group; its name has what tells it from others of its attack. */
function curvesOf(groups: readonly Group[]): { curve: MeasuredCurve; first: KeptRecord }[] {
  return groups.flatMap(({ attack, common, members }) => {
    const others = groups.filter((group) => group.attack === attack);
    const telling = Object.keys(common).filter((name) =>
      others.some((group) => group.common[name] !== common[name]),
    );
    const parts = telling.map((name) =>
      name === "images" ? `${common[name] ?? ""} images` : `${name} ${common[name] ?? ""}`,
    );
    const title = attacks[attack].title;
    const points = members
      .map(({ x, kept: { key, record } }) => {
        const { attacks: found, total } = evaluationOfRecord(key, record);
        return { x, robust: shareOf(found[attack]?.robust ?? 0, total) };
      })
      .sort((one, other) => one.x - other.x);
    const first = members[0]?.kept;
    if (!first) return [];
    const name = parts.length === 0 ? title : `${title} (${parts.join(", ")})`;
    return [{ curve: { name, attack, images: first.key.images, points }, first }];
  });
}
