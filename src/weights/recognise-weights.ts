import { InputError } from "../errors.js";
import type { Network, Normalization } from "../graph/network.js";
import { parameterSpecs, type StoredTensor } from "../graph/parameters.js";
import { misfit, sameShape } from "./fit.js";
import { isBatchCount } from "./match-weights.js";
import { ATTACKER, type Place, type PlaceFit, placesIn, placesUnder } from "./places.js";
import { isAveraged, isBest, preferenceOf } from "./preference.js";
import { quoted } from "./source-file.js";
import { chooseNormalization, readNormalization, type StoredNormalization } from "./stored-normalization.js";
import type { UnnamedTensors } from "./torch-sets.js";
import type { WeightSet } from "./weights-file.js";

/** The sets of tensors that a file holds. */
export interface WeightSets {
  readonly sets: readonly WeightSet[];
  readonly unnamed: readonly UnnamedTensors[];
}

/** What is known beforehand of weights that are to be recognised. */
export interface RecogniseOptions {
  /** The user's normalisation. */
  readonly given?: Normalization | undefined;
  /** Which set to take: its keys joined by dots, and the prefix of its names. */
  readonly key?: string | undefined;
  /** The set to take where it is there. */
  readonly usualKey?: string | undefined;
  /** How a person names a set; `--key` by default. */
  readonly keyOption?: string | undefined;
}

/** A network recognised in a file: the variant, the dialect of its names, and its weights under the network's own names. */
export interface RecognisedWeights {
  /** Includes the user's normalisation, else the file's, else its own. */
  readonly network: Network;
  readonly weights: ReadonlyMap<string, StoredTensor>;
  readonly dialect: string;
  /** Other candidates that fit the names and shapes, but compute something else with the same weights. */
  readonly alsoFits: readonly string[];
  /** The normalisation that the file holds. */
  readonly storedNormalization: Normalization | null;
  /** Where in the file they were: keys and prefix joined by dots, "" for its beginning. */
  readonly key: string;
  /** What a person may want to know: where they were, which other sets there are, what was left out. */
  readonly notes: readonly string[];
}

/** More comparisons of values than a file has sets that fit. */
const MAXIMUM_FITTING = 32;
/** How many names a note shows. */
const SHOWN = 3;

/**
 * Finds the weights of the first of several networks among the sets of tensors in a file: those that fit exactly in one of its
 * dialects, under any prefix. What else stands there is ignored and named in a note, unless it could belong to the network. Of several
 * sets that fit and differ, an average comes before the others, the best before the last; where that decides nothing, it is refused.
 *
 * @param candidates At least one, starting with the one that was asked for.
 * @throws {InputError} if none fits, naming the dialects and what the nearest of them lacks; if it cannot be told which set is meant;
 * or if the normalisations differ.
 */
export function recogniseWeights(
  candidates: readonly [Network, ...Network[]],
  file: WeightSets,
  source: string,
  options: RecogniseOptions = {},
): RecognisedWeights {
  const specs = new Map(candidates.map((network) => [network, parameterSpecs(network)]));
  const all = file.sets.flatMap((set) => placesIn(set, candidates, specs));
  const places = options.key === undefined ? all : placesUnder(options.key, all, source);
  const fitting = places.filter(({ best }) => best.misses === 0);
  if (fitting.length === 0) throw noFit(places, candidates[0], source);
  const { chosen, others } = choose(fitting, source, options);
  const { best, set, prefix } = chosen;
  const { channels } = candidates[0].input;
  const stored = readNormalization(ownNormalizations(chosen), set.weights, channels, source);
  const normalization = chooseNormalization(options.given, stored, best.network.normalization, source);
  const same = chosen.fits.filter(
    ({ misses, network }) => misses === 0 && !sameLayers(network, best.network),
  );
  return {
    network: normalization ? { ...best.network, normalization } : best.network,
    weights: best.weights,
    dialect: best.dialect.id,
    alsoFits: [...new Set(same.map(({ network }) => network.id))],
    storedNormalization: stored,
    key: chosen.name,
    notes: [
      ...placeNotes(chosen, others, options.keyOption),
      ...(isAveraged(chosen.name) ? [] : averageNotes(chosen, file.unnamed, all)),
      ...leftOutNotes(set.leftOut, "that are not floating point"),
      ...leftOutNotes(ignoredNames(set, prefix, best, all), `that are no part of ${best.network.id}`),
    ],
  };
}

function noFit(places: readonly Place[], asked: Network, source: string): InputError {
  const nearest = places.reduce((least, place) => {
    const difference = place.best.misses - least.best.misses;
    return difference < 0 || (difference === 0 && preferenceOf(place.name) > preferenceOf(least.name))
      ? place
      : least;
  });
  const { best, name, set, prefix } = nearest;
  const tried = [...new Set(nearest.fits.map(({ dialect }) => dialect.id))];
  const outside = ignoredNames(set, prefix, best, places).flatMap((each) => {
    const tensor = set.weights.get(each);
    return tensor && !each.startsWith(prefix) ? [[each, tensor] as const] : [];
  });
  const under = set.key === "" ? "" : ` under ${quoted(name)}`;
  return misfit(
    best.missing.length > 0 ? { ...best, extra: [...best.extra, ...outside] } : best,
    `${source} does not fit ${asked.id} in the names of ${tried.join(", ")}; nearest is ${best.network.id} in ${best.dialect.id}'s${under}`,
  );
}

/** The set that is meant, and the others that fit and hold other values. */
function choose(
  fitting: readonly Place[],
  source: string,
  { usualKey, keyOption = "--key" }: RecogniseOptions,
): { chosen: Place; others: readonly Place[] } {
  const rank = ({ name, set }: Place): number =>
    usualKey !== undefined && (name === usualKey || set.key === usualKey) ? Infinity : preferenceOf(name);
  const [chosen, ...rest] = fitting
    .toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)))
    .slice(0, MAXIMUM_FITTING);
  if (!chosen) throw new Error("no set fits");
  const others = rest.filter((place) => !sameValues(chosen.best.weights, place.best.weights));
  const equal = others.filter((place) => rank(place) === rank(chosen));
  if (equal.length > 0) {
    const names = [chosen, ...equal].map(({ name }) => name);
    throw new InputError(
      `${source} holds ${names.length} sets of weights that fit ${chosen.best.network.id}, and which is meant cannot be told`,
      {
        expected: "one set, or names that say which is the average or the best",
        found: names.map(placeText).join(", "),
        fix: names
          .filter((name) => name !== "")
          .slice(0, SHOWN)
          .map((name) => `${keyOption} ${shown(name)}`)
          .join(", or "),
      },
    );
  }
  return { chosen, others };
}

function sameValues(
  one: ReadonlyMap<string, StoredTensor>,
  other: ReadonlyMap<string, StoredTensor>,
): boolean {
  return [...one].every(([name, tensor]) => {
    const [left, right] = [tensor.read(), other.get(name)?.read() ?? new Float32Array()];
    return bytesOf(left).equals(bytesOf(right));
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The normalisations of a set that belong to a place: those that do not stand in another module that has more than them. */
function ownNormalizations({ prefix, set, normalizations }: Place): StoredNormalization[] {
  const taken = new Set(normalizations.flatMap(({ names }) => names));
  const others = [...set.weights.keys()].filter((name) => !taken.has(name) && !isBatchCount(name));
  const near = normalizations.filter(({ scope }) => {
    const parts = scope.split(".").slice(0, -1);
    const shared = sharedParts(scope, prefix);
    const module = parts.slice(0, shared + 1).join(".");
    return parts.length === shared || !others.some((name) => name.startsWith(`${module}.`));
  });
  const most = Math.max(0, ...near.map(({ scope }) => sharedParts(scope, prefix)));
  return near.filter(({ scope }) => sharedParts(scope, prefix) === most);
}

/** How many leading parts two prefixes share. */
function sharedParts(one: string, other: string): number {
  const [left, right] = [one.split("."), other.split(".")];
  const differs = left.findIndex((part, index) => part === "" || part !== right[index]);
  return differs < 0 ? left.length : differs;
}

function sameLayers(a: Network, b: Network): boolean {
  return JSON.stringify(a.layers) === JSON.stringify(b.layers);
}

/** The names in a set that a place does not need and no other place that fits has. */
function ignoredNames(set: WeightSet, prefix: string, best: PlaceFit, places: readonly Place[]): string[] {
  const used = new Set(best.weights.values());
  const others = places.filter((place) => place.set === set && place.prefix !== prefix);
  const normalizations = new Set(
    others.flatMap((place) => place.normalizations.flatMap(({ names }) => names)),
  );
  const fitting = others.filter((place) => place.best.misses === 0 && place.prefix !== "");
  return [...set.weights]
    .filter(
      ([name, tensor]) =>
        !used.has(tensor) &&
        !isBatchCount(name) &&
        !ATTACKER.test(name) &&
        !normalizations.has(name) &&
        best.dialect.unused?.test(name.slice(prefix.length)) !== true &&
        !fitting.some((place) => name.startsWith(place.prefix) && !prefix.startsWith(place.prefix)),
    )
    .map(([name]) => name);
}

function placeNotes({ name, set }: Place, others: readonly Place[], keyOption = "--key"): string[] {
  if (others.length === 0) return set.key === "" ? [] : [`weights found under ${quoted(set.key)}`];
  const why = isAveraged(name)
    ? "the averaged ones"
    : isBest(name)
      ? "the best ones"
      : "as theirs is the likeliest name";
  const all = [name, ...others.map((place) => place.name)].map(placeText).join(", ");
  return [
    `${others.length + 1} sets of weights fit: ${all}; taken are those under ${placeText(name)}, ${why}; ${keyOption} NAME takes others`,
  ];
}

/** A name from a file as part of a command. */
function shown(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : quoted(name);
}

function placeText(name: string): string {
  return name === "" ? "the file's own" : quoted(name);
}

/** Averages that are there, and cannot be taken: lists without names, or trained parameters without batch norm's statistics. */
function averageNotes(chosen: Place, unnamed: readonly UnnamedTensors[], places: readonly Place[]): string[] {
  const trained = parameterSpecs(chosen.best.network).filter(({ kind }) => kind === "trained");
  const lists = unnamed.filter(
    ({ key, shapes }) =>
      isAveraged(key) &&
      shapes.length === trained.length &&
      trained.every(({ shape }) => shapes.some((each) => sameShape(each, shape))),
  );
  const partial = places.filter(
    ({ name, best }) =>
      isAveraged(name) &&
      best.weights.size === trained.length &&
      best.missing.every(({ kind }) => kind === "statistic") &&
      best.misses === best.missing.length,
  );
  return [
    ...lists.map(({ key }) => `${quoted(key)} holds tensors without names`),
    ...partial.map(({ name }) => `${quoted(name)} holds no statistics of batch norm`),
  ].map(
    (text) =>
      `${text}, and may be an average of these weights: it is not taken. To have it, copy it into the model in PyTorch and save model.state_dict()`,
  );
}

/** Counts and names what was left out; batch norm's counts, and averages', say nothing to anyone. */
function leftOutNotes(names: readonly string[], why: string): string[] {
  const others = names.filter((name) => !isBatchCount(name) && !/(^|\.)n_averaged$/.test(name));
  if (others.length === 0) return [];
  const more = others.length > SHOWN ? ", ..." : "";
  return [`left out ${others.length} ${why}: ${others.slice(0, SHOWN).map(quoted).join(", ")}${more}`];
}
