import type { Network } from "../graph/network.js";
import { parameterSpecs } from "../graph/parameters.js";
import { dialectsOf } from "./dialects.js";
import { fitOf, misfit, type Shaped } from "./fit.js";
import { sharedPrefix } from "./prefixes.js";

/**
 * Picks the weights a network needs, in its order, from tensors under its own names, as mtard writes them: prefixes that all of them
 * share are taken off, `num_batches_tracked` is ignored, and everything else must fit exactly.
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
  const entries = [...tensors].filter(([name]) => !isBatchCount(name));
  const prefix = sharedPrefix(
    entries.map(([name]) => name),
    specs,
  );
  const named = new Map(entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  const fit = fitOf(network, specs, dialectsOf(specs)[0], named);
  if (fit.misses > 0) throw misfit(fit, `${source} does not fit ${network.id}`);
  return fit.weights;
}

/** Whether a name is batch norm's count of batches, which no network here reads. */
export function isBatchCount(name: string): boolean {
  return name === "num_batches_tracked" || name.endsWith(".num_batches_tracked");
}
