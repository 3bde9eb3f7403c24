import type { Random } from "../runtime/random.js";
import type { Network } from "./network.js";
import { parameterSpecs, type HostTensor, type ParameterSpec, type Weights } from "./parameters.js";

/**
 * Draws fresh weights, as PyTorch would for this network.
 *
 * `"uniform"` is PyTorch's default for convolutions and linear layers, U(-1/sqrt(fanIn), 1/sqrt(fanIn)). `"kaiming-normal"` draws
 * weights from N(0, 2 / fanIn) and biases as `"uniform"` does. `"fan-out-normal"` draws convolutions from N(0, 2 / fanOut), linear
 * weights as `"uniform"` does, and starts biases at 0.
 *
 * @see torch.nn.init.kaiming_uniform_ with a = sqrt(5), torch.nn.init.kaiming_normal_; for the last, TRADES' models/wideresnet.py.
 */
export function initialWeights(network: Network, random: Random): Weights {
  const fanIns = new Map<string, number>();
  for (const spec of parameterSpecs(network)) {
    if (spec.shape.length > 1) fanIns.set(layerName(spec), size(spec.shape.slice(1)));
  }
  return new Map(
    parameterSpecs(network).map((spec) => [
      spec.name,
      draw(spec, fanIns.get(layerName(spec)), network, random),
    ]),
  );
}

function draw(spec: ParameterSpec, fanIn: number | undefined, network: Network, random: Random): HostTensor {
  const data = new Float32Array(size(spec.shape));
  const [filters = 1, , ...kernel] = spec.shape;
  const { initialization } = network;
  if (fanIn === undefined) {
    data.fill(spec.name.endsWith(".weight") || spec.name.endsWith(".running_var") ? 1 : 0);
  } else if (initialization === "kaiming-normal" && spec.shape.length > 1) {
    fillNormal(data, Math.sqrt(2 / fanIn), random);
  } else if (initialization === "fan-out-normal" && spec.shape.length !== 2) {
    if (spec.shape.length > 1) fillNormal(data, Math.sqrt(2 / (filters * size(kernel))), random);
  } else {
    const bound = 1 / Math.sqrt(fanIn);
    for (let index = 0; index < data.length; index++) data[index] = bound * (2 * random.uniform() - 1);
  }
  return { shape: spec.shape, data };
}

function fillNormal(data: Float32Array, deviation: number, random: Random): void {
  for (let index = 0; index < data.length; index++) data[index] = deviation * random.normal();
}

function layerName(spec: ParameterSpec): string {
  return spec.name.slice(0, spec.name.lastIndexOf("."));
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
