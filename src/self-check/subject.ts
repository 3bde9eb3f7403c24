import { initialWeights } from "../graph/initialize.js";
import type { Network } from "../graph/network.js";
import type { HostTensor, Weights } from "../graph/parameters.js";
import { createNetwork } from "../networks/networks.js";
import { Random } from "../runtime/random.js";

const SEED = 20;
const SHAPE = { image: { height: 32, width: 32, channels: 3 }, classes: 10 } as const;
/** CIFAR-10's, near enough: the normalisation is part of what is checked. */
const NORMALIZATION = { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] } as const;

/** What is computed in all ways: a network with weights, and images with classes. The same on every machine. */
export interface Subject {
  readonly network: Network;
  readonly weights: Weights;
  /** `[count, height, width, channels]` in [0, 1]. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
}

/** Makes a subject for 32x32 images of ten classes from the id of a network; batch norm has statistics, scales and offsets unlike 1 and 0. */
export function subjectOf(id: string, count: number): Subject {
  const network = { ...createNetwork(id, SHAPE), normalization: NORMALIZATION };
  const random = Random.fromSeed(SEED);
  const weights = new Map<string, HostTensor>();
  for (const [name, { shape, data }] of initialWeights(network, random))
    weights.set(name, {
      shape,
      data: shape.length === 1 ? data.map((value) => value + noise(value, random)) : data,
    });
  const { height, width, channels } = network.input;
  return {
    network,
    weights,
    images: Float32Array.from({ length: count * height * width * channels }, () => random.uniform()),
    labels: Int32Array.from({ length: count }, () => random.below(network.classes)),
    count,
  };
}

/** Up to a third of 1, which scales and variances begin with, or up to a tenth for what begins with 0. */
function noise(value: number, random: Random): number {
  return (value === 1 ? 0.3 : 0.1) * (2 * random.uniform() - 1);
}
