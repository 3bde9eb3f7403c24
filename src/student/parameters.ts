import type { Network } from "../graph/network.js";
import { parameterSpecs, type Weights } from "../graph/parameters.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";

/**
 * A network's weights as tensors by PyTorch name, in the layout the kernels take; the tensors are replaced as training goes on.
 *
 * Convolution filters are `[kernel, kernel, channels, filters]` (depthwise: `[kernel, kernel, channels, 1]`), all else as in PyTorch.
 */
export type Parameters = Map<string, Tensor>;

/** Copies weights to the student's device; every parameter and statistic of the network must be there. */
export function parametersFromWeights(network: Network, weights: Weights): Parameters {
  const missing = parameterSpecs(network).find(({ name }) => !weights.has(name));
  if (missing) throw new Error(`no weights for "${missing.name}"`);
  return tensorsFromWeights(network, weights);
}

/** Copies weights, or momenta under the names of their parameters, to the student's device; missing ones are left out. */
export function tensorsFromWeights(network: Network, weights: Weights): Parameters {
  const depthwise = depthwiseNames(network);
  return new Map(
    parameterSpecs(network).flatMap(({ name, shape }) => {
      const host = weights.get(name);
      if (!host) return [];
      const made = tf.tidy(() => {
        const tensor = tf.tensor(host.data, [...shape]);
        if (shape.length !== 4) return tensor;
        return tf.transpose(tensor, depthwise.has(name) ? [2, 3, 0, 1] : [2, 3, 1, 0]);
      });
      return [[name, tf.keep(made)]];
    }),
  );
}

/** Copies parameters, or momenta of the same names, back to the host in PyTorch's layout. */
export function weightsFromParameters(network: Network, parameters: ReadonlyMap<string, Tensor>): Weights {
  const depthwise = depthwiseNames(network);
  return new Map(
    parameterSpecs(network).flatMap(({ name, shape }) => {
      const tensor = parameters.get(name);
      if (!tensor) return [];
      const data = tf.tidy(() => {
        const ordered =
          shape.length === 4
            ? tf.transpose(tensor, depthwise.has(name) ? [2, 3, 0, 1] : [3, 2, 0, 1])
            : tensor;
        return ordered.dataSync<"float32">();
      });
      return [[name, { shape, data }]];
    }),
  );
}

/** The names of what the optimiser trains. */
export function trainedParameters(network: Network): string[] {
  return parameterSpecs(network).flatMap((spec) => (spec.kind === "trained" ? [spec.name] : []));
}

/** Frees all tensors of a set. */
export function disposeParameters(parameters: Map<string, Tensor>): void {
  for (const tensor of parameters.values()) tensor.dispose();
  parameters.clear();
}

/** Replaces a parameter's tensor and frees the old one. */
export function replaceParameter(parameters: Map<string, Tensor>, name: string, tensor: Tensor): void {
  parameters.get(name)?.dispose();
  parameters.set(name, tf.keep(tensor));
}

/** Looks up a tensor by a name that the network must have. */
export function parameter<T extends Tensor>(parameters: ReadonlyMap<string, Tensor>, name: string): T {
  const tensor = parameters.get(name);
  if (!tensor) throw new Error(`the student has no parameter "${name}"`);
  return tensor as T;
}

function depthwiseNames(network: Network): Set<string> {
  return new Set(
    network.layers.flatMap((layer) =>
      layer.op === "conv" && layer.groups > 1 ? [`${layer.name}.weight`] : [],
    ),
  );
}
