import { networkBuilder } from "../graph/builder.js";
import { basicBlock, projection } from "./basic-block.js";
import type { Network, NetworkShape } from "../graph/network.js";

/**
 * ResNet of basic blocks in its CIFAR form: a 3x3 stem without pooling, four stages of 64 to 512 channels.
 *
 * @see He et al. (2016); kuangliu/pytorch-cifar for the form and the parameter names.
 */
export function resNet(id: string, blocks: readonly number[], shape: NetworkShape): Network {
  const builder = networkBuilder(shape.image.channels);
  let value = builder.relu(
    builder.batchNorm("bn1", builder.conv("conv1", "images", { filters: 64, kernel: 3 })),
  );
  for (const [stage, count] of blocks.entries()) {
    for (let index = 0; index < count; index++) {
      const name = `layer${stage + 1}.${index}`;
      const filters = 64 * 2 ** stage;
      const stride = stage > 0 && index === 0 ? 2 : 1;
      value = basicBlock(builder, name, value, filters, stride, (input) =>
        stride === 1 ? input : projection(builder, `${name}.shortcut`, input, filters, stride),
      );
    }
  }
  const output = builder.linear("linear", builder.globalAveragePool(value), shape.classes);
  return {
    id,
    input: shape.image,
    classes: shape.classes,
    initialization: "uniform",
    layers: builder.layers,
    output,
  };
}
