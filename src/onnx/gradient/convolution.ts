import type { AttributeProto, NodeProto } from "onnx-buf";
import { intAttribute, intsAttribute } from "../build.js";
import { intAttributeOf, intsAttributeOf, textAttributeOf } from "./attributes.js";
import type { GradientGraph, OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";
import { at, spatialExtents, type Window, windowOf } from "./window.js";

/* Convolutions. Nodes of the graph also flip the filters; ONNX Runtime folds these nodes into constants when it loads the model. */

/**
 * The gradient of a convolution's input. At stride 1 it is a convolution of the output's gradient with flipped filters, which ONNX
 * Runtime runs more than twice as fast on a CPU as the transposed convolution used otherwise.
 */
function conv({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const [x = "", filters = ""] = node.input;
  const groups = intAttributeOf(node, "group", 1);
  const [outputs = 0, inputsPerGroup = 0, ...kernel] = staticShape(graph, node, filters);
  const window = windowOf(
    node,
    kernel,
    spatialExtents(graph, node, x),
    spatialExtents(graph, node, node.output[0] ?? ""),
  );
  const opposite = oppositeWindow(window);
  if (opposite === null) return transposedConvolution(graph, gradient, filters, window, groups);
  const turned = turnFilters(graph, filters, [outputs, inputsPerGroup, ...kernel], groups);
  return graph.op("Conv", [gradient, turned], [...windowAttributes(opposite), intAttribute("group", groups)]);
}

/** The window of the convolution with flipped filters; null if a stride is not 1 or padding is as wide as the filter. */
function oppositeWindow({ kernel, strides, dilations, before, after }: Window): Window | null {
  const turn = (padding: readonly number[]): number[] =>
    padding.map((rows, axis) => at(dilations, axis) * (at(kernel, axis) - 1) - rows);
  const opposite = { kernel, strides, dilations, before: turn(before), after: turn(after) };
  const possible =
    strides.every((stride) => stride === 1) &&
    [...opposite.before, ...opposite.after].every((rows) => rows >= 0);
  return possible ? opposite : null;
}

/** Spreads a gradient `[batch, channels, narrow...]` back over what the windows covered, weighted by filters laid out as `Conv`'s. */
export function transposedConvolution(
  graph: GradientGraph,
  gradient: string,
  filters: string,
  window: Window,
  groups: number,
): string {
  const unreached = window.after.map((rows) => Math.max(-rows, 0));
  const attributes = windowAttributes({ ...window, after: window.after.map((rows) => Math.max(rows, 0)) });
  return graph.op(
    "ConvTranspose",
    [gradient, filters],
    [...attributes, intsAttribute("output_padding", unreached), intAttribute("group", groups)],
  );
}

/** Turns filters `[outputs, inputs / groups, ...]` into `[inputs, outputs / groups, ...]`, each flipped along every spatial axis. */
function turnFilters(
  graph: GradientGraph,
  filters: string,
  [outputs = 0, inputsPerGroup = 0, ...kernel]: readonly number[],
  groups: number,
): string {
  const spatial = kernel.map((_, axis) => axis + 2);
  const reversed = kernel.every((extent) => extent === 1)
    ? filters
    : graph.op("Slice", [
        filters,
        graph.integers(kernel.map(() => -1)),
        graph.integers(kernel.map((extent) => -extent - 1)),
        graph.integers(spatial),
        graph.integers(kernel.map(() => -1)),
      ]);
  if (groups === 1) return graph.op("Transpose", [reversed], [intsAttribute("perm", [1, 0, ...spatial])]);
  const grouped = [groups, outputs / groups, inputsPerGroup, ...kernel];
  const split = graph.op("Reshape", [reversed, graph.integers(grouped)]);
  const turned = graph.op(
    "Transpose",
    [split],
    [intsAttribute("perm", [0, 2, 1, ...spatial.map((axis) => axis + 1)])],
  );
  return graph.op("Reshape", [
    turned,
    graph.integers([groups * inputsPerGroup, outputs / groups, ...kernel]),
  ]);
}

/** The gradient of a transposed convolution's input: a convolution with the same filters. */
function convTranspose({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const [x = "", filters = ""] = node.input;
  const [, , ...kernel] = staticShape(graph, node, filters);
  const narrow = spatialExtents(graph, node, x);
  const wide = spatialExtents(graph, node, node.output[0] ?? "");
  const window = transposedWindow(node, kernel, wide, narrow);
  // Rows of output padding that no window reaches are cut off: a convolution may not have negative padding.
  const ends = wide.map((extent, axis) => extent + Math.min(at(window.after, axis), 0));
  const cut = ends.some((end, axis) => end !== wide[axis]);
  const axes = graph.integers(kernel.map((_, axis) => axis + 2));
  const reached = cut
    ? graph.op("Slice", [gradient, graph.integers(kernel.map(() => 0)), graph.integers(ends), axes])
    : gradient;
  const after = window.after.map((rows) => Math.max(rows, 0));
  return graph.op(
    "Conv",
    [reached, filters],
    [...windowAttributes({ ...window, after }), intAttribute("group", intAttributeOf(node, "group", 1))],
  );
}

/** The window of a transposed convolution, which splits padding by its own rule where `output_shape` or `auto_pad` decides it. */
function transposedWindow(
  node: NodeProto,
  kernel: readonly number[],
  wide: readonly number[],
  narrow: readonly number[],
): Window {
  const window = windowOf(node, kernel, wide, narrow);
  const automatic = textAttributeOf(node, "auto_pad", "NOTSET");
  const asked = intsAttributeOf(node, "output_shape") !== null;
  if (!asked && (automatic === "NOTSET" || automatic === "VALID" || automatic === "")) return window;
  const extra = intsAttributeOf(node, "output_padding") ?? kernel.map(() => 0);
  const total = kernel.map((_, axis) =>
    Math.max(at(window.before, axis) + at(window.after, axis) + at(extra, axis), 0),
  );
  const before = total.map((sum) => (automatic === "SAME_UPPER" ? Math.floor(sum / 2) : Math.ceil(sum / 2)));
  const after = total.map((sum, axis) => sum - at(before, axis) - at(extra, axis));
  return { ...window, before, after };
}

/** A window as the attributes of `Conv`. */
function windowAttributes({ kernel, strides, dilations, before, after }: Window): AttributeProto[] {
  return [
    intsAttribute("kernel_shape", kernel),
    intsAttribute("strides", strides),
    intsAttribute("dilations", dilations),
    intsAttribute("pads", [...before, ...after]),
  ];
}

function staticShape(graph: GradientGraph, node: NodeProto, value: string): number[] {
  return graph.shape(value).map((extent) => {
    if (extent === null) throw noGradient(node, `"${value}", whose shape changes with the batch`);
    return extent;
  });
}

export const convolutionGradients = { Conv: conv, ConvTranspose: convTranspose } as const satisfies Record<
  string,
  OperatorGradient
>;
