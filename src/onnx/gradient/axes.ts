import type { NodeProto } from "onnx-buf";
import { intAttributeOf } from "./attributes.js";
import type { GradientGraph, Shape } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Axes and their extents. */

/** The axis a node names, counted from the front. */
export function axisOf(node: NodeProto, shape: Shape, missing = 0): number {
  return positive(intAttributeOf(node, "axis", missing), shape.length);
}

/** An index that may count from the end, counted from the front. */
export function positive(index: number, extent: number): number {
  return index < 0 ? index + extent : index;
}

/**
 * The extent of a value along an axis.
 *
 * @throws {InputError} if it follows the batch.
 */
export function extentOf(graph: GradientGraph, node: NodeProto, value: string, axis: number): number {
  const extent = graph.shape(value)[axis];
  if (extent === undefined || extent === null)
    throw noGradient(node, `axis ${axis} of "${value}", which changes with the batch`);
  return extent;
}
