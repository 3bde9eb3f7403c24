import type { AttributeProto, NodeProto } from "onnx-buf";
import { floatAttribute, intsAttribute } from "../build.js";
import { intsAttributeOf, textAttributeOf } from "./attributes.js";
import { extentOf, positive } from "./axes.js";
import type { GradientGraph, OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/** How one axis is resized. */
interface AxisResize {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  /** The scale, where the node gives scales in place of sizes. */
  readonly scale: number | null;
  /** Where the part of the image that is taken begins and ends, of 0 to 1. */
  readonly region: readonly [number, number];
}

/**
 * Resizing is linear, and each axis has a matrix of its own: what `Resize` itself makes of the rows of an identity matrix. So the
 * gradient follows ONNX Runtime in every mode. ONNX Runtime folds these matrices into constants.
 */
function resize({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const { length: rank } = graph.shape(node.input[0] ?? "");
  const axes = resizedAxes(graph, node);
  if (axes.length === 0) return graph.op("Identity", [gradient]);
  return axes.reduce((value, change) => {
    const matrix = matrixOf(graph, node, change);
    if (change.axis === rank - 2) return graph.op("MatMul", [matrix, value]);
    const order = [...Array(rank).keys()];
    const last = rank - 1;
    const swap = [intsAttribute("perm", order.with(change.axis, last).with(last, change.axis))];
    const moved = change.axis === last ? value : graph.op("Transpose", [value], swap);
    const turned = graph.op("Transpose", [matrix], [intsAttribute("perm", [1, 0])]);
    const product = graph.op("MatMul", [moved, turned]);
    return change.axis === last ? product : graph.op("Transpose", [product], swap);
  }, gradient);
}

/** The axes along which something changes. */
function resizedAxes(graph: GradientGraph, node: NodeProto): AxisResize[] {
  const [x = "", regionsName = "", scalesName = "", sizesName = ""] = node.input;
  const { length: rank } = graph.shape(x);
  const axes = intsAttributeOf(node, "axes")?.map((axis) => positive(axis, rank)) ?? [...Array(rank).keys()];
  const crops =
    textAttributeOf(node, "coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize";
  const read = (name: string, what: string): readonly number[] => {
    const values = name === "" ? [] : graph.constant(name);
    if (values === null) throw noGradient(node, `${what} that are not constant`);
    return values;
  };
  const scales = sizesName === "" ? read(scalesName, "scales") : [];
  const regions = crops ? read(regionsName, "regions") : [];
  const changes = axes.flatMap((axis, place): AxisResize[] => {
    const [scale = null] = [scales[place]];
    const [start = 0, end = 1] = [regions[place], regions[place + axes.length]];
    const [before, after] = [graph.shape(x)[axis], graph.shape(node.output[0] ?? "")[axis]];
    if (before === after && (scale === null || scale === 1) && start === 0 && end === 1) return [];
    return [
      {
        axis,
        before: extentOf(graph, node, x, axis),
        after: extentOf(graph, node, node.output[0] ?? "", axis),
        scale,
        region: [start, end],
      },
    ];
  });
  const kept = textAttributeOf(node, "keep_aspect_ratio_policy", "stretch") !== "stretch";
  const ratios = new Set(changes.map(({ before, after }) => after / before));
  if (kept && sizesName !== "" && ratios.size > 1) throw noGradient(node, "sizes that keep an aspect ratio");
  return changes;
}

/** `[before, after]`: what each row becomes. */
function matrixOf(graph: GradientGraph, node: NodeProto, change: AxisResize): string {
  const { before, after, scale, region } = change;
  const identity = graph.floats(
    Array.from({ length: before ** 2 }, (_, place) => (place % (before + 1) === 0 ? 1 : 0)),
    [1, 1, before, before],
  );
  const [start, end] = region;
  const settings =
    scale === null ? ["", graph.integers([1, 1, before, after])] : [graph.floats([1, 1, 1, scale], [4])];
  const resized = graph.op(
    "Resize",
    [identity, graph.floats([0, 0, 0, start, 1, 1, 1, end], [8]), ...settings],
    matrixAttributes(node),
  );
  return graph.op("Reshape", [resized, graph.integers([before, after])]);
}

/** A node's attributes, with nothing beyond the image's edges, which is no part of the gradient. */
function matrixAttributes(node: NodeProto): AttributeProto[] {
  const others = new Set(["axes", "extrapolation_value", "keep_aspect_ratio_policy"]);
  return [
    ...node.attribute.filter(({ name }) => !others.has(name)),
    floatAttribute("extrapolation_value", 0),
  ];
}

export const resizingGradients = { Resize: resize } as const satisfies Record<string, OperatorGradient>;
