import { InputError } from "../errors.js";
import type { Network, NetworkShape, Normalization } from "../graph/network.js";
import { cifarResNet, type CifarShortcut } from "./cifar-resnet.js";
import { mobileNetV2 } from "./mobilenet-v2.js";
import { resNet } from "./resnet.js";

type NetworkFactory = (shape: NetworkShape) => Network;

const CIFAR_DEPTHS = [8, 14, 20, 32, 44, 56, 110] as const;
const CIFAR_SUFFIXES: Record<CifarShortcut, string> = { "a-split": "", "a-end": "-a-end", b: "-b" };

function cifarResNets(shortcut: CifarShortcut): [string, NetworkFactory][] {
  return CIFAR_DEPTHS.map((depth) => {
    const id = `resnet-${depth}${CIFAR_SUFFIXES[shortcut]}`;
    return [id, (shape) => cifarResNet(id, depth, shortcut, shape)];
  });
}

/** Every architecture by id. */
const networks: ReadonlyMap<string, NetworkFactory> = new Map<string, NetworkFactory>([
  ...cifarResNets("a-split"),
  ...cifarResNets("a-end"),
  ...cifarResNets("b"),
  ["resnet-18", (shape) => resNet("resnet-18", [2, 2, 2, 2], shape)],
  ["resnet-34", (shape) => resNet("resnet-34", [3, 4, 6, 3], shape)],
  ["mobilenet-v2", (shape) => mobileNetV2("mobilenet-v2", shape)],
]);

/** The ids `createNetwork` knows. */
export const networkIds: readonly string[] = [...networks.keys()];

/**
 * The layer graph of an architecture.
 *
 * @param normalization Applied to images in [0, 1] before the first layer; none by default.
 * @throws {InputError} if no architecture has this id.
 */
export function createNetwork(id: string, shape: NetworkShape, normalization?: Normalization): Network {
  const factory = networks.get(id);
  if (!factory) {
    throw new InputError(`unknown network "${id}"`, {
      expected: `one of ${networkIds.filter((known) => !/-(a-end|b)$/.test(known)).join(", ")}`,
    });
  }
  return normalization ? { ...factory(shape), normalization } : factory(shape);
}

/** The ids of the same architecture with other shortcuts, `id` first: a weights file tells which of them it holds. */
export function networkVariants(id: string): readonly string[] {
  return [id, ...networkIds.filter((known) => known.startsWith(`${id}-`))];
}
