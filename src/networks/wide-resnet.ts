import { networkBuilder, type NetworkBuilder } from "../graph/builder.js";
import type { ActivationLayer, Network, NetworkShape, Normalization, Padding } from "../graph/network.js";

/** Where the public WideResNets differ: names, activation, the padding at stride 2, initial weights. */
export interface WideResNetForm {
  readonly stem: string;
  /** Names a block, given its group and its place in the group, both counted from 0. */
  readonly block: (group: number, index: number) => string;
  /** The parts of a block, in the order they run. */
  readonly norms: readonly [string, string];
  readonly convolutions: readonly [string, string];
  readonly shortcut: string;
  readonly finalNorm: string;
  readonly classifier: string;
  readonly activation: ActivationLayer["function"];
  /** The padding of the convolution that halves a map. */
  readonly halving: Padding;
  readonly initialization: Network["initialization"];
  /** The normalisation that belongs to the network when none is asked for. */
  readonly normalization?: (classes: number) => Normalization;
}

/** TRADES' and RobustBench's. @see yaodongyu/TRADES, models/wideresnet.py */
export const tradesForm: WideResNetForm = {
  stem: "conv1",
  block: (group, index) => `block${group + 1}.layer.${index}`,
  norms: ["bn1", "bn2"],
  convolutions: ["conv1", "conv2"],
  shortcut: "convShortcut",
  finalNorm: "bn1",
  classifier: "fc",
  activation: "relu",
  halving: [1, 1],
  initialization: "fan-out-normal",
};

/**
 * DeepMind's form: Swish, TensorFlow's padding, and its own normalisation. The MTARD authors use it for WideResNet-22-6 as well.
 *
 * @see deepmind/deepmind-research, adversarial_robustness/pytorch/model_zoo.py; zhaoshiji123/MTARD, mtard/cifar100_models/wideresnet.py
 */
export const deepMindForm: WideResNetForm = {
  stem: "init_conv",
  block: (group, index) => `layer.${group}.block.${index}`,
  norms: ["batchnorm_0", "batchnorm_1"],
  convolutions: ["conv_0", "conv_1"],
  shortcut: "shortcut",
  finalNorm: "batchnorm",
  classifier: "logits",
  activation: "silu",
  halving: [0, 1],
  initialization: "uniform",
  normalization: (classes) => (classes === 100 ? CIFAR100_STATISTICS : CIFAR10_STATISTICS),
};

/** The constants in model_zoo.py, where CIFAR-10's are the default for all other data. */
const CIFAR10_STATISTICS: Normalization = { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] };
const CIFAR100_STATISTICS: Normalization = { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] };

/**
 * WideResNet of depth 6n + 4: three groups of n pre-activation blocks, 16, 32 and 64 times `width` channels.
 *
 * @see Zagoruyko and Komodakis, "Wide Residual Networks" (2016)
 */
export function wideResNet(
  id: string,
  depth: number,
  width: number,
  form: WideResNetForm,
  shape: NetworkShape,
): Network {
  const builder = networkBuilder(shape.image.channels);
  let value = builder.conv(form.stem, "images", { filters: 16, kernel: 3 });
  for (const [group, filters] of [16 * width, 32 * width, 64 * width].entries()) {
    for (let index = 0; index < (depth - 4) / 6; index++) {
      const stride = group > 0 && index === 0 ? 2 : 1;
      value = wideBlock(builder, form.block(group, index), value, filters, stride, form);
    }
  }
  value = builder.activation(builder.batchNorm(form.finalNorm, value), form.activation);
  return {
    id,
    input: shape.image,
    classes: shape.classes,
    ...(form.normalization ? { normalization: form.normalization(shape.classes) } : {}),
    initialization: form.initialization,
    layers: builder.layers,
    output: builder.linear(form.classifier, builder.globalAveragePool(value), shape.classes),
  };
}

function wideBlock(
  builder: NetworkBuilder,
  name: string,
  input: string,
  filters: number,
  stride: number,
  form: WideResNetForm,
): string {
  const part = (suffix: string): string => `${name}.${suffix}`;
  const { activation, norms, convolutions } = form;
  const active = builder.activation(builder.batchNorm(part(norms[0]), input), activation);
  const first = builder.conv(part(convolutions[0]), active, {
    filters,
    kernel: 3,
    stride,
    padding: stride === 1 ? [1, 1] : form.halving,
  });
  const middle = builder.activation(builder.batchNorm(part(norms[1]), first), activation);
  const second = builder.conv(part(convolutions[1]), middle, { filters, kernel: 3 });
  const shortcut =
    builder.channels(input) === filters
      ? input
      : builder.conv(part(form.shortcut), active, { filters, kernel: 1, stride });
  return builder.add(second, shortcut);
}
