import { InputError } from "../errors.js";
import type { Network } from "../graph/network.js";
import type { ParameterSpec, StoredTensor } from "../graph/parameters.js";
import { didYouMean } from "../nearest.js";
import { dialectsOf } from "./dialects.js";
import { type Fit, fitOf } from "./fit.js";
import { isBatchCount } from "./match-weights.js";
import { possiblePrefixes } from "./prefixes.js";
import { quoted } from "./source-file.js";
import {
  findNormalizations,
  hasNormalizationName,
  type StoredNormalization,
} from "./stored-normalization.js";
import type { WeightSet } from "./weights-file.js";

/** The prefix of the copy of the weights that a `robustness` attacker module keeps beside the model. */
export const ATTACKER = /(^|\.)attacker\./;

/** A prefix in a set, and how the tensors under it fit the candidate that they fit best. */
export interface Place {
  readonly name: string;
  readonly set: WeightSet;
  readonly prefix: string;
  readonly normalizations: readonly StoredNormalization[];
  readonly fits: readonly PlaceFit[];
  readonly best: PlaceFit;
}

/** `misses` leaves out what is no part of a network. */
export type PlaceFit = Fit<StoredTensor>;

/** How tensors of a set fit the candidates, under each prefix that is possible. */
export function placesIn(
  set: WeightSet,
  candidates: readonly [Network, ...Network[]],
  specs: ReadonlyMap<Network, readonly ParameterSpec[]>,
): Place[] {
  const normalizations = findNormalizations(set.weights, candidates[0].input.channels);
  const taken = new Set(normalizations.flatMap(({ names }) => names));
  const named = [...set.weights].filter(([name]) => !isBatchCount(name) && !taken.has(name));
  const own = named.filter(([name]) => !ATTACKER.test(name));
  const tensors = new Map(own.length === 0 ? named : own);
  const prefixes = new Set(
    candidates.flatMap((network) => {
      const parameters = specs.get(network) ?? [];
      return possiblePrefixes(tensors, parameters, dialectsOf(parameters));
    }),
  );
  return [...prefixes].map((prefix): Place => {
    const inner = new Map<string, StoredTensor>();
    for (const [name, tensor] of tensors)
      if (name.startsWith(prefix)) inner.set(name.slice(prefix.length), tensor);
    const stray = [...tensors.keys()].filter(
      (name) => !name.startsWith(prefix) && hasNormalizationName(name) && !name.includes("."),
    );
    const fits = candidates.flatMap((network) => {
      const parameters = specs.get(network) ?? [];
      const isPart = partOf(parameters);
      return dialectsOf(parameters).map((dialect): PlaceFit => {
        const fit = fitOf(network, parameters, dialect, inner);
        const parts = fit.extra.filter(([name]) => isPart(name)).length + stray.length;
        return { ...fit, misses: fit.missing.length + fit.reshaped.length + parts };
      });
    });
    const best = fits.reduce((least, fit) => (fit.misses < least.misses ? fit : least));
    const name = [set.key, prefix.slice(0, -1)].filter((part) => part !== "").join(".");
    return { name, set, prefix, normalizations, fits, best };
  });
}

/** What layers are usually called, beside the network's own names for them. */
const LAYERS = [
  "layer",
  "block",
  "conv",
  "bn",
  "norm",
  "fc",
  "linear",
  "classifier",
  "downsample",
  "shortcut",
];

/** Tells whether a tensor could be a parameter of a network like this one, such as one more block, rather than of a loss beside it. */
function partOf(specs: readonly ParameterSpec[]): (name: string) => boolean {
  const stemOf = (name: string): string => name.replace(/\..*$/, "").replace(/[\d_]*$/, "");
  const stems = new Set([...LAYERS, ...specs.map(({ name }) => stemOf(name))]);
  return (name) => stems.has(stemOf(name)) || hasNormalizationName(name);
}

/**
 * The places that a key names: in full, as the beginning of their names, or as the end.
 *
 * @throws {InputError} if it names none; the error has those that there are.
 */
export function placesUnder(key: string, places: readonly Place[], source: string): readonly Place[] {
  const exact = places.filter(
    ({ name, set }) => name === key || set.key === key || name.startsWith(`${key}.`),
  );
  const found = exact.length > 0 ? exact : places.filter(({ name }) => name.endsWith(`.${key}`));
  if (found.length > 0) return found;
  const fitting = places.filter(({ best }) => best.misses === 0);
  const names = [...new Set((fitting.length > 0 ? fitting : places).map(({ name }) => name))];
  const known = names.filter((name) => name !== "");
  throw new InputError(`there are no weights under ${quoted(key)} in ${source}${didYouMean(key, known)}`, {
    expected:
      known.length === 0
        ? "no key: the weights stand at the beginning of the file"
        : known.slice(0, 8).map(quoted).join(", "),
    found: quoted(key),
    fix: known[0] === undefined ? "leave the key out" : `name one of these, or leave the key out`,
  });
}
