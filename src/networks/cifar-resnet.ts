import { networkBuilder, type NetworkBuilder } from "../graph/builder.js";
import { basicBlock, projection } from "./basic-block.js";
import type { Network, NetworkShape } from "../graph/network.js";

/**
 * How a CIFAR ResNet's shortcuts cross a change of size: A pads with zero channels, split before and after (akamaster's) or all
 * after; B is a 1x1 convolution with batch norm (chenyaofo's names).
 */
export type CifarShortcut = "a-split" | "a-end" | "b";

/**
 * The CIFAR ResNet of depth 6n + 2: three stages of n basic blocks, 16, 32 and 64 channels.
 *
 * @see He et al., "Deep Residual Learning for Image Recognition" (2016), section 4.2; akamaster/pytorch_resnet_cifar10 and
 * chenyaofo/pytorch-cifar-models for the parameter names.
 */
export function cifarResNet(
  id: string,
  depth: number,
  shortcut: CifarShortcut,
  shape: NetworkShape,
): Network {
  const builder = networkBuilder(shape.image.channels);
  let value = builder.relu(
    builder.batchNorm("bn1", builder.conv("conv1", "images", { filters: 16, kernel: 3 })),
  );
  for (const [stage, filters] of [16, 32, 64].entries()) {
    for (let index = 0; index < (depth - 2) / 6; index++) {
      const name = `layer${stage + 1}.${index}`;
      const stride = stage > 0 && index === 0 ? 2 : 1;
      value = basicBlock(builder, name, value, filters, stride, (input) =>
        stride === 1 ? input : crossing(builder, name, input, filters, shortcut),
      );
    }
  }
  const classifier = shortcut === "b" ? "fc" : "linear";
  const output = builder.linear(classifier, builder.globalAveragePool(value), shape.classes);
  return {
    id,
    input: shape.image,
    classes: shape.classes,
    initialization: "kaiming-normal",
    layers: builder.layers,
    output,
  };
}

function crossing(
  builder: NetworkBuilder,
  name: string,
  input: string,
  filters: number,
  shortcut: CifarShortcut,
): string {
  if (shortcut === "b") return projection(builder, `${name}.downsample`, input, filters, 2);
  const missing = filters - builder.channels(input);
  const before = shortcut === "a-split" ? missing / 2 : 0;
  return builder.subsample(input, before, missing - before);
}
