import type { NodeProto } from "onnx-buf";
import { intsAttributeOf, textAttributeOf } from "./attributes.js";
import type { GradientGraph } from "./step.js";
import { noGradient } from "./unsupported.js";

/** How a window moves over the spatial axes, one entry an axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Rows of padding before the first and after the last row; `after` is negative where no window reaches the last rows. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The spatial extents of a value `[batch, channels, ...]`, which must not change with the batch. */
export function spatialExtents(graph: GradientGraph, node: NodeProto, value: string): number[] {
  return graph
    .shape(value)
    .slice(2)
    .map((extent) => {
      if (extent === null) throw noGradient(node, `spatial axes of "${value}" that change with the batch`);
      return extent;
    });
}

/**
 * The window of a convolution or pooling that turns `wide` into `narrow` spatial extents. Padding after the last row follows from the
 * extents, so rounding up (`ceil_mode`) and left-over rows need no special case.
 */
export function windowOf(
  node: NodeProto,
  kernel: readonly number[],
  wide: readonly number[],
  narrow: readonly number[],
): Window {
  const ones = kernel.map(() => 1);
  const strides = intsAttributeOf(node, "strides") ?? ones;
  const dilations = intsAttributeOf(node, "dilations") ?? ones;
  const spans = kernel.map((extent, axis) => at(dilations, axis) * (extent - 1) + 1);
  const total = spans.map((span, axis) => (at(narrow, axis) - 1) * at(strides, axis) + span - at(wide, axis));
  const before = paddingBefore(node, kernel.length, total);
  const after = total.map((sum, axis) => sum - at(before, axis));
  return { kernel, strides, dilations, before, after };
}

function paddingBefore(node: NodeProto, axes: number, total: readonly number[]): number[] {
  const automatic = textAttributeOf(node, "auto_pad", "NOTSET");
  switch (automatic) {
    case "NOTSET":
    case "":
      return intsAttributeOf(node, "pads")?.slice(0, axes) ?? total.map(() => 0);
    case "VALID":
      return total.map(() => 0);
    case "SAME_UPPER":
      return total.map((sum) => Math.floor(Math.max(sum, 0) / 2));
    case "SAME_LOWER":
      return total.map((sum) => Math.ceil(Math.max(sum, 0) / 2));
    default:
      throw noGradient(node, `auto_pad "${automatic}"`);
  }
}

/** An entry of a list that has one for every spatial axis. */
export function at(values: readonly number[], axis: number): number {
  return values[axis] ?? NaN;
}
