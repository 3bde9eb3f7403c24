import { readFileSync } from "node:fs";
import type { Network } from "#mtard/graph/network.js";
import { parameterSpecs, type HostTensor, type Weights } from "#mtard/graph/parameters.js";

/** A network as golden.py saw it: with the formula's weights and images, computed by PyTorch in float64. */
export interface GoldenNetwork {
  readonly id: string;
  readonly size: number;
  readonly classes: number;
  readonly parameters: number;
  readonly logits: readonly (readonly number[])[];
}

export const goldenNetworks = JSON.parse(
  readFileSync(new URL("golden.json", import.meta.url), "utf8"),
) as GoldenNetwork[];

/** What golden.py puts before a network that has no normalisation of its own. */
export const goldenNormalization = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };

/** `count` numbers in [-1, 1): golden.py's hash of the name and the index, mapped. */
function uniform(name: string, count: number, map: (value: number) => number): Float32Array {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    let hash = (Math.imul(index, 0x9e3779b1) + seed) >>> 0;
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39) >>> 0;
    values[index] = map(((hash ^ (hash >>> 15)) >>> 0) / 2 ** 31 - 1);
  }
  return values;
}

/** The formula's weights of a network, the same numbers as golden.py's for every name. */
export function formulaWeights(network: Network): Weights {
  return new Map(
    parameterSpecs(network).map(({ name, shape }): [string, HostTensor] => {
      const [filters = 1, ...rest] = shape;
      const fanIn = rest.reduce((product, extent) => product * extent, 1);
      const scale = Math.sqrt(3 / fanIn);
      const map = (value: number): number => {
        if (shape.length > 1) return value * scale;
        if (name.endsWith("running_var")) return 1 + value / 2;
        return name.endsWith("weight") ? 1 + value / 4 : value / 10;
      };
      return [name, { shape, data: uniform(name, filters * fanIn, map) }];
    }),
  );
}

/** The formula's images of a name, `[count, 3, size, size]` in [0, 1); those of "images" are golden.py's. */
export function formulaImages(size: number, count = 2, name = "images"): Float32Array {
  return uniform(name, count * 3 * size * size, (value) => value / 2 + 0.5);
}

/** The largest difference between two lists, over the larger of 1 and the largest number of the second. */
export function relativeError(found: ArrayLike<number>, expected: readonly number[]): number {
  const scale = Math.max(1, ...expected.map(Math.abs));
  if (found.length !== expected.length) return NaN;
  return Math.max(...expected.map((value, index) => Math.abs(value - (found[index] ?? NaN)) / scale));
}
