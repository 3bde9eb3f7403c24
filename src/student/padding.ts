import { type ConvLayer, extentAfter, type Padding } from "../graph/network.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";

/** How TensorFlow can express a layer's padding on maps of one size: SAME, or VALID after padding by hand. */
export interface Placement {
  readonly kind: "SAME" | "VALID";
  /** Zero rows, and columns, to put around a map before a VALID convolution. */
  readonly rows: Padding;
  readonly columns: Padding;
}

/** The padding a convolution needs around maps `[N, H, W, C]`; none where no window would read it. */
export function placement(layer: ConvLayer, [, height = 0, width = 0]: readonly number[]): Placement {
  const rows = neededPadding(layer, height);
  const columns = neededPadding(layer, width);
  const padded = Math.max(...rows, ...columns) > 0;
  return padded && isSame(layer, height, rows) && isSame(layer, width, columns)
    ? { kind: "SAME", rows: [0, 0], columns: [0, 0] }
    : { kind: "VALID", rows, columns };
}

function neededPadding(layer: ConvLayer, size: number): Padding {
  const { padding, kernel, stride } = layer;
  const [before] = padding;
  const outputs = extentAfter(layer, size);
  return [before, Math.max(0, (outputs - 1) * stride + kernel - size - before)];
}

/** Whether this padding equals TensorFlow's SAME, which puts an odd row after. */
function isSame({ kernel, stride }: ConvLayer, size: number, [before, after]: Padding): boolean {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernel - size);
  return before === Math.floor(total / 2) && before + after === total;
}

/** Puts zeros around images as they are placed. */
export function padImages(images: Tensor4D, { rows, columns }: Placement): Tensor4D {
  if (Math.max(...rows, ...columns) === 0) return images;
  return tf.pad4d(images, [[0, 0], [...rows], [...columns], [0, 0]]);
}

/** Pads images by all that the windows read, where that is within the map too. */
export function padWindows(images: Tensor4D, layer: ConvLayer): Tensor4D {
  const [, height, width] = images.shape;
  const place = { rows: neededPadding(layer, height), columns: neededPadding(layer, width) };
  return padImages(images, { kind: "VALID", ...place });
}
