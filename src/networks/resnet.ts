import { networkBuilder, type NetworkBuilder } from "../graph/builder.js";
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
      value = basicBlock(
        builder,
        `layer${stage + 1}.${index}`,
        value,
        64 * 2 ** stage,
        stage > 0 && index === 0 ? 2 : 1,
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

function basicBlock(
  builder: NetworkBuilder,
  name: string,
  input: string,
  filters: number,
  stride: number,
): string {
  const first = builder.conv(`${name}.conv1`, input, { filters, kernel: 3, stride });
  const middle = builder.relu(builder.batchNorm(`${name}.bn1`, first));
  const second = builder.batchNorm(
    `${name}.bn2`,
    builder.conv(`${name}.conv2`, middle, { filters, kernel: 3 }),
  );
  if (stride === 1 && builder.channels(input) === filters) return builder.relu(builder.add(second, input));
  const projected = builder.conv(`${name}.shortcut.0`, input, { filters, kernel: 1, stride });
  return builder.relu(builder.add(second, builder.batchNorm(`${name}.shortcut.1`, projected)));
}
