import type { ParameterSpec } from "../graph/parameters.js";

/** How one public repository names the parameters of a network. */
export interface Dialect {
  /** The repository's owner, or the library, that people know the names by. */
  readonly id: string;
  /** Applied in order to a name in the file; the result is the network's name. */
  readonly rules: readonly (readonly [pattern: RegExp, replacement: string])[];
  /** Parameters that the repository's files carry and its network never uses. */
  readonly unused?: RegExp;
}

/** The dialects of the networks that have `parameter`; the first is the network's own names. */
interface Family {
  readonly parameter: string;
  readonly dialects: readonly [Dialect, ...Dialect[]];
}

/** The stem and the blocks' layers are in Sequentials, and the stages are called conv2_x to conv5_x. */
const weiaicunzai: Dialect = {
  id: "weiaicunzai",
  rules: [
    [/^conv1\.0\./, "conv1."],
    [/^conv1\.1\./, "bn1."],
    [/^conv2_x\./, "layer1."],
    [/^conv3_x\./, "layer2."],
    [/^conv4_x\./, "layer3."],
    [/^conv5_x\./, "layer4."],
    [/\.residual_function\.0\./, ".conv1."],
    [/\.residual_function\.1\./, ".bn1."],
    [/\.residual_function\.3\./, ".conv2."],
    [/\.residual_function\.4\./, ".bn2."],
    [/^fc\./, "linear."],
  ],
};

const torchvision: Dialect = {
  id: "torchvision",
  rules: [
    [/\.downsample\./, ".shortcut."],
    [/^fc\./, "linear."],
  ],
};

/**
 * The families of public networks and their dialects. A network belongs to the first family whose parameter it has.
 *
 * @see akamaster/pytorch_resnet_cifar10, chenyaofo/pytorch-cifar-models (and the clean teachers of zhaoshiji123/MTARD),
 * kuangliu/pytorch-cifar (and the students of zibojia/RSLAD and zhaoshiji123/MTARD), weiaicunzai/pytorch-cifar100, yaodongyu/TRADES
 * (and RobustBench), deepmind/deepmind-research (and the other WideResNets of zhaoshiji123/MTARD).
 */
const families: readonly Family[] = [
  { parameter: "init_conv.weight", dialects: [{ id: "deepmind", rules: [] }] },
  {
    parameter: "block1.layer.0.conv1.weight",
    dialects: [
      // A second first block, which TRADES' `forward` never runs.
      { id: "trades", rules: [[/^linear\./, "fc."]], unused: /^sub_block1\./ },
    ],
  },
  {
    // CIFAR ResNets with shortcut B.
    parameter: "layer2.0.downsample.0.weight",
    dialects: [
      { id: "chenyaofo", rules: [] },
      {
        id: "akamaster",
        rules: [
          [/\.shortcut\./, ".downsample."],
          [/^linear\./, "fc."],
        ],
      },
    ],
  },
  {
    parameter: "layer2.0.shortcut.0.weight",
    dialects: [
      // The first layer once more, which some of RobustBench's PreActResNets carry.
      { id: "kuangliu", rules: [], unused: /^model_preact_hl1\./ },
      torchvision,
      weiaicunzai,
    ],
  },
  { parameter: "layers.0.conv1.weight", dialects: [{ id: "kuangliu", rules: [] }] },
  // CIFAR ResNets with shortcut A.
  { parameter: "layer1.0.conv1.weight", dialects: [{ id: "akamaster", rules: [] }, torchvision] },
];

/** The dialects in which a file may name these parameters, the network's own names first. */
export function dialectsOf(parameters: readonly ParameterSpec[]): readonly [Dialect, ...Dialect[]] {
  const names = new Set(parameters.map(({ name }) => name));
  const family = families.find(({ parameter }) => names.has(parameter));
  return family?.dialects ?? [{ id: "own", rules: [] }];
}

/** The network's name for a parameter that a dialect calls `name`. */
export function ownName({ rules }: Dialect, name: string): string {
  return rules.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), name);
}
