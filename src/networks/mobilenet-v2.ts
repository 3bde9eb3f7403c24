import { networkBuilder, type NetworkBuilder } from "../graph/builder.js";
import { projection } from "./basic-block.js";
import type { Network, NetworkShape } from "../graph/network.js";

/** Each stage's expansion, filters, number of blocks and stride; the stem and the first two stages keep the image's size. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 1],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/**
 * MobileNet-v2 in its CIFAR form: inverted residual blocks, ReLU in place of ReLU6, a projection where a shortcut changes width.
 *
 * @see Sandler et al., "MobileNetV2" (2018); kuangliu/pytorch-cifar for the form and the parameter names.
 */
export function mobileNetV2(id: string, shape: NetworkShape): Network {
  const builder = networkBuilder(shape.image.channels);
  let value = builder.relu(
    builder.batchNorm("bn1", builder.conv("conv1", "images", { filters: 32, kernel: 3 })),
  );
  let block = 0;
  for (const [expansion, filters, count, stride] of STAGES) {
    for (let index = 0; index < count; index++) {
      value = invertedResidual(
        builder,
        `layers.${block++}`,
        value,
        expansion,
        filters,
        index === 0 ? stride : 1,
      );
    }
  }
  value = builder.relu(builder.batchNorm("bn2", builder.conv("conv2", value, { filters: 1280, kernel: 1 })));
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

function invertedResidual(
  builder: NetworkBuilder,
  name: string,
  input: string,
  expansion: number,
  filters: number,
  stride: number,
): string {
  const planes = expansion * builder.channels(input);
  const expanded = builder.conv(`${name}.conv1`, input, { filters: planes, kernel: 1 });
  const wide = builder.relu(builder.batchNorm(`${name}.bn1`, expanded));
  const spatial = builder.conv(`${name}.conv2`, wide, { filters: planes, kernel: 3, stride, groups: planes });
  const filtered = builder.relu(builder.batchNorm(`${name}.bn2`, spatial));
  const narrow = builder.batchNorm(
    `${name}.bn3`,
    builder.conv(`${name}.conv3`, filtered, { filters, kernel: 1 }),
  );
  if (stride !== 1) return narrow;
  if (builder.channels(input) === filters) return builder.add(narrow, input);
  return builder.add(narrow, projection(builder, `${name}.shortcut`, input, filters, 1));
}
