import type { NetworkBuilder } from "../graph/builder.js";

/** Two 3x3 convolutions with batch norm, and a shortcut added before the last activation. */
export function basicBlock(
  builder: NetworkBuilder,
  name: string,
  input: string,
  filters: number,
  stride: number,
  shortcut: (input: string) => string,
): string {
  const first = builder.conv(`${name}.conv1`, input, { filters, kernel: 3, stride });
  const middle = builder.relu(builder.batchNorm(`${name}.bn1`, first));
  const second = builder.batchNorm(
    `${name}.bn2`,
    builder.conv(`${name}.conv2`, middle, { filters, kernel: 3 }),
  );
  return builder.relu(builder.add(second, shortcut(input)));
}

/** A 1x1 convolution with batch norm, `NAME.0` and `NAME.1`: the shortcut across a change of size or width. */
export function projection(
  builder: NetworkBuilder,
  name: string,
  input: string,
  filters: number,
  stride: number,
): string {
  return builder.batchNorm(`${name}.1`, builder.conv(`${name}.0`, input, { filters, kernel: 1, stride }));
}
