import type { NodeProto } from "onnx-buf";
import { intAttribute, textAttribute } from "../build.js";
import { textAttributeOf } from "./attributes.js";
import { axisOf, extentOf, positive } from "./axes.js";
import type { GradientGraph, OperatorGradient, Shape, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Operators that take parts of values and put parts together. */

/** Takes the part of the output's gradient that belongs to this input. */
function concat({ graph, node, input, gradient }: Step): string {
  const axis = axisOf(node, graph.shape(node.output[0] ?? ""));
  const extents = node.input.slice(0, input + 1).map((value) => extentOf(graph, node, value, axis));
  const end = extents.reduce((total, extent) => total + extent, 0);
  const start = end - (extents.at(-1) ?? 0);
  return graph.op("Slice", [gradient, ...[start, end, axis].map((place) => graph.integers([place]))]);
}

function split({ graph, node }: Step): string {
  const axis = axisOf(node, graph.shape(node.input[0] ?? ""));
  const parts = node.output.map(
    (value) => graph.gradientOf(value) ?? graph.op("ConstantOfShape", [graph.op("Shape", [value])]),
  );
  return graph.op("Concat", parts, [intAttribute("axis", axis)]);
}

/** Puts the gradient back where the slice was taken, with zeros around it and, at steps above 1, between its elements. */
function slice({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const [x = "", ...settings] = node.input;
  const shape = graph.shape(x);
  const [starts = [], ends = [], axes, steps] = settings.map((name) => {
    const values = name === "" ? undefined : graph.constant(name);
    if (values === null) throw noGradient(node, `"${name}", which is not constant`);
    return values;
  });
  const before = shape.map(() => 0);
  const after = shape.map(() => 0);
  const strides = shape.map(() => 1);
  let value = gradient;
  for (const [place, end] of ends.entries()) {
    const [start = 0, step = 1] = [starts[place], steps?.[place]];
    const axis = positive(axes?.[place] ?? place, shape.length);
    if (shape[axis] === null && start === 0 && step === 1 && end >= WHOLE) continue;
    const extent = extentOf(graph, node, x, axis);
    const count = extentOf(graph, node, node.output[0] ?? "", axis);
    let first = firstTaken(start, step, extent);
    if (step < 0) {
      value = reversed(graph, value, axis);
      first += step * (count - 1);
    }
    const stride = Math.abs(step);
    strides[axis] = stride;
    before[axis] = first;
    after[axis] = extent - first - count * stride;
  }
  if (strides.some((stride) => stride > 1))
    value = spreadOut(graph, value, graph.shape(node.output[0] ?? ""), strides);
  const pads = [...before, ...after];
  return pads.some((rows) => rows !== 0)
    ? graph.op("Pad", [value, graph.integers(pads)])
    : graph.op("Identity", [value]);
}

/** Ends beyond this mean "to the end". */
const WHOLE = 2 ** 31 - 1;

/** The first element that a slice takes along an axis. */
function firstTaken(start: number, step: number, extent: number): number {
  const counted = start < 0 ? start + extent : start;
  return Math.min(Math.max(counted, 0), step < 0 ? extent - 1 : extent);
}

function reversed(graph: GradientGraph, value: string, axis: number): string {
  return graph.op("Slice", [value, ...[-1, -WHOLE, axis, -1].map((place) => graph.integers([place]))]);
}

/** Puts zeros after each element, so that along each axis one element becomes as many as `strides` says. */
function spreadOut(graph: GradientGraph, value: string, shape: Shape, strides: readonly number[]): string {
  // Each element repeated, and a mask that keeps the first: ONNX Runtime pads between elements many times slower.
  const repeated = graph.op(
    "Resize",
    [value, "", graph.floats(strides, [strides.length])],
    [
      textAttribute("mode", "nearest"),
      textAttribute("coordinate_transformation_mode", "asymmetric"),
      textAttribute("nearest_mode", "floor"),
    ],
  );
  const extents = strides.map((stride, axis) => (stride > 1 ? stride * (shape[axis] ?? NaN) : 1));
  const firsts = extents.reduce(
    (mask, extent, axis) =>
      mask.flatMap((kept) =>
        Array.from({ length: extent }, (_, row) => (row % (strides[axis] ?? 1) === 0 ? kept : 0)),
      ),
    [1],
  );
  return graph.op("Mul", [repeated, graph.floats(firsts, extents)]);
}

/** Adds the rows of one value to those of another, each to the row along `axis` that `indices` says. */
function addAlong(
  graph: GradientGraph,
  base: string,
  rows: string,
  rank: number,
  axis: number,
  indices: readonly number[],
): string {
  const extents = Array.from({ length: rank }, (_, index) => (index === axis ? indices.length : 1));
  const places = graph.op("Expand", [
    graph.op("Reshape", [graph.integers(indices), graph.integers(extents)]),
    graph.op("Shape", [rows]),
  ]);
  const attributes = [intAttribute("axis", axis), textAttribute("reduction", "add")];
  return graph.op("ScatterElements", [base, places, rows], attributes);
}

/** Takes the padding off; where it repeated rows, adds its gradient to theirs. */
function pad({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const [x = "", padsName = "", , axesName = ""] = node.input;
  const shape = graph.shape(x);
  const axes = axesName === "" ? shape.map((_, axis) => axis) : graph.constant(axesName);
  const pads = graph.constant(padsName);
  if (!pads || !axes) throw noGradient(node, "padding that is not constant");
  const whole = Array<number>(2 * shape.length).fill(0);
  for (const [place, axis] of axes.entries()) {
    const index = positive(axis, shape.length);
    whole[index] = pads[place] ?? 0;
    whole[shape.length + index] = pads[place + axes.length] ?? 0;
  }
  const mode = textAttributeOf(node, "mode", "constant");
  if (mode === "constant") return graph.op("Pad", [gradient, graph.integers(whole.map((rows) => 0 - rows))]);
  return shape.reduce((value, _, axis) => {
    const [before = 0, after = 0] = [whole[axis], whole[shape.length + axis]];
    if (before === 0 && after === 0) return value;
    return foldPadding(graph, node, value, { axis, before, after, mode });
  }, gradient);
}

interface AxisPadding {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  readonly mode: string;
}

function foldPadding(graph: GradientGraph, node: NodeProto, value: string, padding: AxisPadding): string {
  const { axis, before, after, mode } = padding;
  const { length: rank } = graph.shape(node.input[0] ?? "");
  const extent = extentOf(graph, node, node.input[0] ?? "", axis);
  if (before < 0 || after < 0) throw noGradient(node, `negative padding in mode "${mode}"`);
  const part = (start: number, end: number): string =>
    graph.op("Slice", [value, ...[start, end, axis].map((place) => graph.integers([place]))]);
  const padded = before + extent + after;
  const sides = [
    ...(before > 0 ? [part(0, before)] : []),
    ...(after > 0 ? [part(before + extent, padded)] : []),
  ];
  const [first = ""] = sides;
  const border = sides.length === 1 ? first : graph.op("Concat", sides, [intAttribute("axis", axis)]);
  const rows = Array.from({ length: padded }, (_, row) => row - before).filter(
    (row) => row < 0 || row >= extent,
  );
  const sources = rows.map((row) => sourceRow(row, extent, mode));
  if (sources.includes(null)) throw noGradient(node, `mode "${mode}"`);
  return addAlong(graph, part(before, before + extent), border, rank, axis, sources.map(Number));
}

/** The row that the padding at `row`, outside 0 to `extent` - 1, repeats; null for an unknown mode. */
function sourceRow(row: number, extent: number, mode: string): number | null {
  switch (mode) {
    case "edge":
      return row < 0 ? 0 : extent - 1;
    case "reflect":
      return row < 0 ? -row : 2 * (extent - 1) - row;
    case "wrap":
      return ((row % extent) + extent) % extent;
    default:
      return null;
  }
}

export const slicingGradients = {
  Concat: concat,
  Pad: pad,
  Slice: slice,
  Split: split,
} as const satisfies Record<string, OperatorGradient>;
