import type { Network } from "./network.js";

/** One entry of a network's `state_dict`, in PyTorch's order and shape. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Trained by the optimiser, or a batch-norm statistic. */
  readonly kind: "trained" | "statistic";
}

/**
 * The weights a network needs, by PyTorch name, in the order its layers run; `num_batches_tracked` is left out, as nothing reads it.
 */
export function parameterSpecs(network: Network): ParameterSpec[] {
  return network.layers.flatMap((layer): ParameterSpec[] => {
    switch (layer.op) {
      case "conv": {
        const { name, filters, channels, kernel, groups } = layer;
        const weight = {
          name: `${name}.weight`,
          shape: [filters, channels / groups, kernel, kernel],
          kind: "trained",
        } as const;
        return layer.bias ? [weight, { name: `${name}.bias`, shape: [filters], kind: "trained" }] : [weight];
      }
      case "batchNorm": {
        const shape = [layer.channels];
        return [
          { name: `${layer.name}.weight`, shape, kind: "trained" },
          { name: `${layer.name}.bias`, shape, kind: "trained" },
          { name: `${layer.name}.running_mean`, shape, kind: "statistic" },
          { name: `${layer.name}.running_var`, shape, kind: "statistic" },
        ];
      }
      case "linear":
        return [
          { name: `${layer.name}.weight`, shape: [layer.outputs, layer.inputs], kind: "trained" },
          { name: `${layer.name}.bias`, shape: [layer.outputs], kind: "trained" },
        ];
      case "activation":
      case "add":
      case "subsample":
      case "globalAveragePool":
        return [];
    }
  });
}

/** A tensor on the host: row-major float32 in PyTorch's layout. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A tensor that stays where it is stored until it is read. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** Its values: row-major float32 in PyTorch's layout. Do not write into them. */
  readonly read: () => Float32Array;
}

/** A `state_dict`: host tensors by PyTorch name. */
export type Weights = ReadonlyMap<string, HostTensor>;

/** A `state_dict` that stays where it is stored until its tensors are read. */
export type StoredWeights = ReadonlyMap<string, StoredTensor>;

/** Wraps host tensors for code that reads stored ones. */
export function storedWeights(weights: Weights): StoredWeights {
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, read: () => data }]));
}

/** Reads every tensor. */
export function loadWeights(weights: StoredWeights): Weights {
  return new Map([...weights].map(([name, { shape, read }]) => [name, { shape, data: read() }]));
}

/** The number of trained values of a network, as PyTorch counts parameters. */
export function parameterCount(network: Network): number {
  return parameterSpecs(network)
    .filter((spec) => spec.kind === "trained")
    .reduce((total, spec) => total + spec.shape.reduce((size, extent) => size * extent, 1), 0);
}
