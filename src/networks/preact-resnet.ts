import { networkBuilder, type NetworkBuilder } from "../graph/builder.js";
import type { Network, NetworkShape } from "../graph/network.js";

/**
 * Pre-activation ResNet of basic blocks in its CIFAR form: a 3x3 stem without pooling, four stages of 64 to 512 channels, and
 * shortcuts that, where the size changes, are a bare 1x1 convolution of the block's first activation.
 *
 * @param finalNorm Whether a last batch norm `bn` and an activation come before the pool, as with RobustBench's `bn_before_fc`;
 * kuangliu's form has neither.
 * @see He et al., "Identity Mappings in Deep Residual Networks" (2016); kuangliu/pytorch-cifar for the form and the parameter names.
 */
export function preActResNet(
  id: string,
  blocks: readonly number[],
  finalNorm: boolean,
  shape: NetworkShape,
): Network {
  const builder = networkBuilder(shape.image.channels);
  let value = builder.conv("conv1", "images", { filters: 64, kernel: 3 });
  for (const [stage, count] of blocks.entries()) {
    for (let index = 0; index < count; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      value = preActBlock(builder, `layer${stage + 1}.${index}`, value, 64 * 2 ** stage, stride);
    }
  }
  if (finalNorm) value = builder.relu(builder.batchNorm("bn", value));
  return {
    id,
    input: shape.image,
    classes: shape.classes,
    initialization: "uniform",
    layers: builder.layers,
    output: builder.linear("linear", builder.globalAveragePool(value), shape.classes),
  };
}

function preActBlock(
  builder: NetworkBuilder,
  name: string,
  input: string,
  filters: number,
  stride: number,
): string {
  const active = builder.relu(builder.batchNorm(`${name}.bn1`, input));
  const shortcut =
    stride === 1 && builder.channels(input) === filters
      ? input
      : builder.conv(`${name}.shortcut.0`, active, { filters, kernel: 1, stride });
  const first = builder.conv(`${name}.conv1`, active, { filters, kernel: 3, stride });
  const middle = builder.relu(builder.batchNorm(`${name}.bn2`, first));
  return builder.add(builder.conv(`${name}.conv2`, middle, { filters, kernel: 3 }), shortcut);
}
