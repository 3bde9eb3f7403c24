import { InputError } from "../errors.js";
import type { Normalization } from "../graph/network.js";
import type { StoredTensor } from "../graph/parameters.js";
import { quoted } from "./source-file.js";

/** What normalisation layers call their mean and their standard deviation, after any prefix. */
const pairs = [
  ["mu", "sigma"],
  ["mean", "std"],
  ["mean", "sigma"],
  ["new_mean", "new_std"],
] as const;

/** A normalisation that stands among tensors. */
export interface StoredNormalization {
  /** What its names have in front of them, with the last dot. */
  readonly scope: string;
  readonly names: readonly [mean: string, std: string];
}

/** Whether a tensor is called what normalisation layers call their mean or deviation. */
export function hasNormalizationName(name: string): boolean {
  const last = name.slice(name.lastIndexOf(".") + 1);
  return pairs.some((pair) => pair.some((each) => each === last));
}

/**
 * Finds the normalisations that tensors hold beside the parameters: pairs such as `mu` and `sigma` or `0.mean` and `0.std`, with one
 * number per channel in any shape.
 */
export function findNormalizations(
  tensors: ReadonlyMap<string, StoredTensor>,
  channels: number,
): StoredNormalization[] {
  const found: StoredNormalization[] = [];
  for (const [name, tensor] of tensors) {
    const scope = name.slice(0, name.lastIndexOf(".") + 1);
    const partner = pairs
      .filter(([mean]) => `${scope}${mean}` === name)
      .map(([, std]) => `${scope}${std}`)
      .find((candidate) => tensors.has(candidate));
    const deviation = partner === undefined ? undefined : tensors.get(partner);
    if (partner === undefined || !deviation) continue;
    if (isPerChannel(tensor.shape, channels) && isPerChannel(deviation.shape, channels))
      found.push({ scope, names: [name, partner] });
  }
  return found;
}

/**
 * The one normalisation that several say, or null if there are none.
 *
 * @throws {InputError} if two differ, or one cannot be applied.
 */
export function readNormalization(
  stored: readonly StoredNormalization[],
  tensors: ReadonlyMap<string, StoredTensor>,
  channels: number,
  source: string,
): Normalization | null {
  let found: { readonly name: string; readonly normalization: Normalization } | undefined;
  for (const { names } of stored) {
    const [mean = [], std = []] = names.map((name) => decimals(tensors.get(name), channels));
    const normalization = { mean, std };
    const [name] = names;
    refuseUnusable(normalization, names.map(quoted).join(" and "), source);
    if (found && !sameNormalization(found.normalization, normalization))
      throw new InputError(`${source} holds two normalisations`, {
        expected: `${quoted(found.name)}: ${normalizationText(found.normalization)}`,
        found: `${quoted(name)}: ${normalizationText(normalization)}`,
        fix: "save the model's own weights alone: torch.save(model.state_dict(), FILE)",
      });
    found ??= { name, normalization };
  }
  return found?.normalization ?? null;
}

/**
 * The normalisation of a network made from a file: what the user gave, else what the file holds, else what the network has by itself.
 *
 * @throws {InputError} if the user's and the file's differ.
 */
export function chooseNormalization(
  given: Normalization | undefined,
  stored: Normalization | null,
  own: Normalization | undefined,
  source: string,
): Normalization | undefined {
  if (given && stored && !sameNormalization(given, stored))
    throw new InputError(`${source} holds another normalisation than the one given`, {
      expected: normalizationText(stored),
      found: normalizationText(given),
      fix: "leave --mean and --std out: the file's own is taken",
    });
  return given ?? stored ?? own;
}

/** Prints a normalisation as command-line options. */
export function normalizationText({ mean, std }: Normalization): string {
  return `--mean ${mean.join(",")} --std ${std.join(",")}`;
}

/** Whether a tensor holds one number for each channel, or one for all: [3], [3, 1, 1], [1, 3, 1, 1], []. */
function isPerChannel(shape: readonly number[], channels: number): boolean {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const wide = shape.filter((extent) => extent !== 1);
  return count === 1 || (count === channels && wide.length === 1);
}

/** The values as the short decimals that somebody once wrote, where those are the same float32. */
function decimals(tensor: StoredTensor | undefined, channels: number): number[] {
  const values = Array.from(tensor?.read() ?? [], (value) => {
    const short = Number(value.toPrecision(6));
    return Math.fround(short) === value ? short : value;
  });
  const [only = NaN] = values;
  return values.length === 1 ? Array.from({ length: channels }, () => only) : values;
}

function sameNormalization(a: Normalization, b: Normalization): boolean {
  const close = (left: readonly number[], right: readonly number[]): boolean =>
    left.length === right.length &&
    left.every((value, index) => Math.abs(value - (right[index] ?? NaN)) <= 1e-6);
  return close(a.mean, b.mean) && close(a.std, b.std);
}

function refuseUnusable(normalization: Normalization, names: string, source: string): void {
  const { mean, std } = normalization;
  if ([...mean, ...std].every(Number.isFinite) && std.every((value) => value > 0)) return;
  throw new InputError(`${source} holds a normalisation that cannot be applied`, {
    expected: "finite numbers, the deviations above 0",
    found: `${names}: ${normalizationText(normalization)}`,
    fix: "check where the file comes from",
  });
}
