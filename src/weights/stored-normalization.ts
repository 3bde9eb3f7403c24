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

/** What {@link takeNormalization} found. */
export interface TakenNormalization<T> {
  readonly normalization: Normalization | null;
  /** The tensors that are not part of it. */
  readonly others: ReadonlyMap<string, T>;
}

/**
 * Splits a file's tensors into the normalisation that it holds beside the parameters, if any, and the rest. A normalisation is a pair
 * such as `mu` and `sigma` or `0.mean` and `0.std`, with one number per channel in any shape.
 *
 * @throws {InputError} if the file holds two that differ, or one that cannot be applied.
 */
export function takeNormalization<T extends StoredTensor>(
  tensors: ReadonlyMap<string, T>,
  channels: number,
  source: string,
): TakenNormalization<T> {
  const others = new Map(tensors);
  let found: { readonly name: string; readonly normalization: Normalization } | undefined;
  for (const [name, tensor] of tensors) {
    const scope = name.slice(0, name.lastIndexOf(".") + 1);
    const partner = pairs
      .filter(([mean]) => `${scope}${mean}` === name)
      .map(([, std]) => `${scope}${std}`)
      .find((candidate) => tensors.has(candidate));
    const deviation = partner === undefined ? undefined : tensors.get(partner);
    if (partner === undefined || !deviation) continue;
    if (!isPerChannel(tensor.shape, channels) || !isPerChannel(deviation.shape, channels)) continue;
    others.delete(name);
    others.delete(partner);
    const normalization = { mean: decimals(tensor, channels), std: decimals(deviation, channels) };
    refuseUnusable(normalization, `${quoted(name)} and ${quoted(partner)}`, source);
    if (found && !sameNormalization(found.normalization, normalization))
      throw new InputError(`${source} holds two normalisations`, {
        expected: `${quoted(found.name)}: ${normalizationText(found.normalization)}`,
        found: `${quoted(name)}: ${normalizationText(normalization)}`,
        fix: "save the model's own weights alone: torch.save(model.state_dict(), FILE)",
      });
    found ??= { name, normalization };
  }
  return { normalization: found?.normalization ?? null, others };
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
function decimals(tensor: StoredTensor, channels: number): number[] {
  const values = Array.from(tensor.read(), (value) => {
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
