import { InputError } from "../errors.js";
import type { Network } from "../graph/network.js";
import { type ParameterSpec, parameterSpecs } from "../graph/parameters.js";
import { quoted } from "./source-file.js";
import { isBatchCount } from "./weights-file.js";

/** What wrappers put before every name: DataParallel, a field of a training class, torch.compile, Sequential (normalisation first). */
const wrapperPrefixes = ["module.", "model.", "net.", "network.", "_orig_mod.", "0.", "1."] as const;

const SHOWN = 3;

/** All that is matched of a tensor, stored or read, beside its name. */
interface Shaped {
  readonly shape: readonly number[];
}

/**
 * The weights a network needs, under its own names and in its order: prefixes that all names share are taken off,
 * `num_batches_tracked` is ignored, and everything else must fit exactly.
 *
 * @param source What to call the weights in an error, such as the file's path.
 * @throws {InputError} if a parameter is missing, unknown or of another shape: how many, the first of them, and what comes near.
 */
export function matchWeights<Tensor extends Shaped>(
  network: Network,
  weights: ReadonlyMap<string, Tensor>,
  source: string,
): ReadonlyMap<string, Tensor> {
  const specs = parameterSpecs(network);
  const named = withoutWrappers(weights, specs);
  const known = new Set(specs.map(({ name }) => name));
  const missing = specs.filter(({ name }) => !named.has(name));
  const extra = [...named].filter(([name]) => !known.has(name));
  const reshaped = specs.flatMap((spec) => {
    const found = named.get(spec.name);
    return found === undefined || sameShape(found.shape, spec.shape) ? [] : [{ spec, found: found.shape }];
  });

  if (missing.length + extra.length + reshaped.length > 0) {
    throw new InputError(
      `${source} does not fit ${network.id}: ${counts(missing.length, extra.length, reshaped.length)}`,
      {
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
      },
    );
  }
  return new Map(specs.map(({ name }) => [name, named.get(name) as Tensor]));
}

/** The weights without batch counts and without the prefixes that every name has. */
function withoutWrappers<Tensor>(
  weights: ReadonlyMap<string, Tensor>,
  specs: readonly ParameterSpec[],
): ReadonlyMap<string, Tensor> {
  let entries = [...weights].filter(([name]) => !isBatchCount(name));
  for (;;) {
    const prefix = wrapperPrefixes.find(
      (candidate) =>
        entries.every(([name]) => name.startsWith(candidate)) &&
        !specs.some(({ name }) => name.startsWith(candidate)),
    );
    if (prefix === undefined || entries.length === 0) return new Map(entries);
    entries = entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]);
  }
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

/** The missing tensor whose shape and last name an unknown one has is probably that one under another name. */
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
