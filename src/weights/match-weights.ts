import { InputError } from "../errors.js";
import type { Network, Normalization } from "../graph/network.js";
import { type ParameterSpec, type StoredTensor, parameterSpecs } from "../graph/parameters.js";
import { type Dialect, dialectsOf, ownName } from "./dialects.js";
import { quoted } from "./source-file.js";
import { chooseNormalization, takeNormalization } from "./stored-normalization.js";
import { isBatchCount } from "./weights-file.js";

/** All that matching needs of a tensor; its values are never read. */
interface Shaped {
  readonly shape: readonly number[];
}

/** The prefix of the copy of the weights that a `robustness` attacker module keeps beside the model. */
const attackerCopy = "attacker.";

const SHOWN = 3;

/** A network recognised in a file: the variant, the dialect of its names, and its weights under the network's own names. */
export interface RecognisedWeights<T> {
  /** Includes the user's normalisation, else the file's, else its own. */
  readonly network: Network;
  readonly weights: ReadonlyMap<string, T>;
  readonly dialect: string;
  /** Other candidates that fit the names and shapes, but compute something else with the same weights. */
  readonly alsoFits: readonly string[];
  /** The normalisation that the file holds. */
  readonly storedNormalization: Normalization | null;
}

/**
 * Picks the weights a network needs, in its order, from tensors under its own names: prefixes that all of them share are taken off,
 * `num_batches_tracked` is ignored, and everything else must fit exactly.
 *
 * @param source What to call the weights in an error, such as the file's path.
 * @throws {InputError} if a parameter is missing, unknown or of another shape; the error counts them, names the first, and a near match.
 */
export function matchWeights<T extends Shaped>(
  network: Network,
  tensors: ReadonlyMap<string, T>,
  source: string,
): ReadonlyMap<string, T> {
  const specs = parameterSpecs(network);
  const fit = fitOf(network, specs, dialectsOf(specs)[0], withoutWrappers(tensors, specs));
  if (fit.misses > 0) throw misfit(fit, `${source} does not fit ${network.id}`);
  return fit.weights;
}

/**
 * Finds the first of several networks that a file's tensors fit exactly in one of its dialects, and the normalisation that the file
 * holds.
 *
 * @param candidates At least one, starting with the one that was asked for.
 * @param given The user's normalisation, if any.
 * @throws {InputError} if none fits, naming the dialects and what the nearest of them lacks; or if the normalisations differ.
 */
export function recogniseWeights<T extends StoredTensor>(
  candidates: readonly [Network, ...Network[]],
  tensors: ReadonlyMap<string, T>,
  source: string,
  given?: Normalization,
): RecognisedWeights<T> {
  const { normalization: stored, others } = takeNormalization(tensors, candidates[0].input.channels, source);
  const fits = candidates.flatMap((network) => {
    const specs = parameterSpecs(network);
    const named = withoutWrappers(others, specs);
    return dialectsOf(specs).map((dialect) => fitOf(network, specs, dialect, named));
  });
  const best = fits.reduce((least, fit) => (fit.misses < least.misses ? fit : least));
  if (best.misses > 0) {
    const tried = [...new Set(fits.map(({ dialect }) => dialect.id))];
    throw misfit(
      best,
      `${source} does not fit ${candidates[0].id} in the names of ${tried.join(", ")}; nearest is ${best.network.id} in ${best.dialect.id}'s`,
    );
  }
  const same = fits.filter(({ misses, network }) => misses === 0 && !sameLayers(network, best.network));
  const normalization = chooseNormalization(given, stored, best.network.normalization, source);
  return {
    network: normalization ? { ...best.network, normalization } : best.network,
    weights: best.weights,
    dialect: best.dialect.id,
    alsoFits: [...new Set(same.map(({ network }) => network.id))],
    storedNormalization: stored,
  };
}

function sameLayers(a: Network, b: Network): boolean {
  return JSON.stringify(a.layers) === JSON.stringify(b.layers);
}

/** How tensors fit one network in one dialect. */
interface Fit<T> {
  readonly network: Network;
  readonly dialect: Dialect;
  /** What was found, under the network's names and in its order. */
  readonly weights: ReadonlyMap<string, T>;
  readonly missing: readonly ParameterSpec[];
  /** Unknown tensors, by the file's names. */
  readonly extra: readonly (readonly [string, T])[];
  readonly reshaped: readonly { readonly spec: ParameterSpec; readonly found: readonly number[] }[];
  /** How many tensors are missing, unknown or of another shape. */
  readonly misses: number;
}

function fitOf<T extends Shaped>(
  network: Network,
  specs: readonly ParameterSpec[],
  dialect: Dialect,
  tensors: ReadonlyMap<string, T>,
): Fit<T> {
  const known = new Set(specs.map(({ name }) => name));
  const named = new Map<string, T>();
  const extra: (readonly [string, T])[] = [];
  for (const [name, tensor] of tensors) {
    if (dialect.unused?.test(name) === true) continue;
    const own = ownName(dialect, name);
    if (known.has(own) && !named.has(own)) named.set(own, tensor);
    else extra.push([name, tensor]);
  }
  const weights = new Map<string, T>();
  const missing: ParameterSpec[] = [];
  const reshaped: { spec: ParameterSpec; found: readonly number[] }[] = [];
  for (const spec of specs) {
    const tensor = named.get(spec.name);
    if (tensor === undefined) missing.push(spec);
    else if (sameShape(tensor.shape, spec.shape)) weights.set(spec.name, tensor);
    else reshaped.push({ spec, found: tensor.shape });
  }
  const misses = missing.length + extra.length + reshaped.length;
  return { network, dialect, weights, missing, extra, reshaped, misses };
}

/** Drops batch counts and attackers' copies, and strips leading parts that all names share and the network's names lack. */
function withoutWrappers<T>(
  tensors: ReadonlyMap<string, T>,
  specs: readonly ParameterSpec[],
): ReadonlyMap<string, T> {
  let entries = [...tensors].filter(([name]) => !isBatchCount(name));
  for (;;) {
    const name = entries[0]?.[0] ?? "";
    const prefix = name.slice(0, name.indexOf(".") + 1);
    const isWrapper =
      prefix !== "" &&
      entries.every(([other]) => other.startsWith(prefix)) &&
      !specs.some((spec) => spec.name.startsWith(prefix));
    if (isWrapper) {
      entries = entries.map(([other, tensor]) => [other.slice(prefix.length), tensor]);
      continue;
    }
    const once = entries.filter(([other]) => !other.startsWith(attackerCopy));
    if (once.length === entries.length) return new Map(entries);
    entries = once;
  }
}

function misfit<T extends Shaped>({ missing, extra, reshaped }: Fit<T>, message: string): InputError {
  return new InputError(`${message}: ${counts(missing.length, extra.length, reshaped.length)}`, {
    expected: describe(
      [
        ...reshaped.map(({ spec }) => tensorText(spec.name, spec.shape)),
        ...missing.map(({ name, shape }) => tensorText(name, shape)),
      ],
      "no other tensors",
    ),
    found: describe(
      [
        ...reshaped.map(({ spec, found }) => tensorText(spec.name, found)),
        ...extra.map(([name, { shape }]) => tensorText(name, shape)),
      ],
      "no such tensors",
    ),
    fix: advice(missing, extra),
  });
}

function counts(missing: number, extra: number, reshaped: number): string {
  return [
    ...(missing === 0 ? [] : [`${missing} missing`]),
    ...(extra === 0 ? [] : [`${extra} unknown`]),
    ...(reshaped === 0 ? [] : [`${reshaped} of another shape`]),
  ].join(", ");
}

function describe(tensors: readonly string[], none: string): string {
  if (tensors.length === 0) return none;
  const more = tensors.length > SHOWN ? `, and ${tensors.length - SHOWN} more` : "";
  return tensors.slice(0, SHOWN).join(", ") + more;
}

/** An unknown tensor with the shape and last name of a missing one is probably that one, under another name. */
function advice(missing: readonly ParameterSpec[], extra: readonly (readonly [string, Shaped])[]): string {
  for (const spec of missing) {
    const near = extra.find(
      ([name, { shape }]) => lastPart(name) === lastPart(spec.name) && sameShape(shape, spec.shape),
    );
    if (near !== undefined) {
      return `${quoted(near[0])} may be this network's ${quoted(spec.name)}: choose the variant with that name, or rename it in the file`;
    }
  }
  return "check that the network, its number of classes and its shortcut kind are those the weights were trained with";
}

function tensorText(name: string, shape: readonly number[]): string {
  return `${quoted(name)} [${shape.join(", ")}]`;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
