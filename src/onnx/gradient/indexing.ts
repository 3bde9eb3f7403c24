import { intAttribute, textAttribute } from "../build.js";
import { intAttributeOf, textAttributeOf } from "./attributes.js";
import { axisOf, extentOf, positive } from "./axes.js";
import { requireReshape } from "./shaping.js";
import type { GradientGraph, OperatorGradient, Shape, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Operators that take elements from the places that another value says, or put them there. */

/** Adds each element's gradient to the element it was taken from. */
function gather(step: Step): string | null {
  const { node, graph, input } = step;
  if (input !== 0) return null;
  const [x = "", places = ""] = node.input;
  return gathered(step, axisOf(node, graph.shape(x), 0), places, graph.shape(places));
}

/** The gradient of what was taken along an axis: by `places`, whose numbers stand in a value of shape `taken`. */
function gathered({ graph, node, gradient }: Step, axis: number, places: string, taken: Shape): string {
  const [x = ""] = node.input;
  const shape = graph.shape(x);
  const constant = graph.constant(places);
  const count = constant?.length ?? countOf(taken);
  const rows = requireReshape(graph, node, gradient, shape.with(axis, count));
  if (constant === null || shape[axis] === null) {
    const extents = shape.map((_, index) => (index === axis ? -1 : 1));
    return addAlong(graph, x, rows, axis, graph.op("Reshape", [places, graph.integers(extents)]));
  }
  const extent = extentOf(graph, node, x, axis);
  const indices = constant.map((index) => positive(index, extent));
  if (indices.every((index, row) => index === (indices[0] ?? 0) + row)) {
    const [first = 0] = indices;
    const pads = Array<number>(2 * shape.length).fill(0);
    pads[axis] = first;
    pads[shape.length + axis] = extent - first - indices.length;
    return graph.op("Pad", [rows, graph.integers(pads)]);
  }
  const back = Array.from({ length: extent }, (_, index) => indices.indexOf(index));
  if (indices.length === extent && !back.includes(-1))
    return graph.op("Gather", [rows, graph.integers(back)], [intAttribute("axis", axis)]);
  const extents = shape.map((_, index) => (index === axis ? indices.length : 1));
  return addAlong(
    graph,
    x,
    rows,
    axis,
    graph.op("Reshape", [graph.integers(indices), graph.integers(extents)]),
  );
}

/** Adds rows to zeros of the shape of `x`, each to the row along `axis` that `places` says. */
function addAlong(graph: GradientGraph, x: string, rows: string, axis: number, places: string): string {
  const repeated = graph.op("Expand", [places, graph.op("Shape", [rows])]);
  return addElements(graph, x, repeated, rows, axis);
}

function addElements(graph: GradientGraph, x: string, places: string, values: string, axis: number): string {
  const attributes = [intAttribute("axis", axis), textAttribute("reduction", "add")];
  return graph.op("ScatterElements", [zerosLike(graph, x), places, values], attributes);
}

function gatherElements({ graph, node, input, gradient }: Step): string | null {
  const [x = "", places = ""] = node.input;
  return input === 0 ? addElements(graph, x, places, gradient, axisOf(node, graph.shape(x), 0)) : null;
}

function gatherND(step: Step): string | null {
  const { graph, node, input, gradient } = step;
  const [x = "", places = ""] = node.input;
  if (input !== 0) return null;
  const shared = intAttributeOf(node, "batch_dims", 0);
  const taken = graph.shape(places);
  if (shared === 0 && taken.at(-1) === 1) return gathered(step, 0, places, taken.slice(0, -1));
  const whole = shared === 0 ? places : withOwnPlaces(graph, places, taken, shared);
  return graph.op("ScatterND", [zerosLike(graph, x), whole, gradient], [textAttribute("reduction", "add")]);
}

/** Puts the places along the first `shared` axes, which index and data have in common, in front of those that are indexed. */
function withOwnPlaces(graph: GradientGraph, places: string, taken: Shape, shared: number): string {
  const all = graph.op("Shape", [places]);
  const scalar = (value: number): string => graph.op("Squeeze", [graph.integers([value])]);
  const parts = Array.from({ length: shared }, (_, axis) => {
    const end = graph.op("Gather", [all, scalar(axis)]);
    const range = graph.op("Range", [scalar(0), end, scalar(1)]);
    return graph.op("Reshape", [range, graph.integers(taken.map((_, index) => (index === axis ? -1 : 1)))]);
  });
  const rows = graph.op("Slice", [all, graph.integers([0]), graph.integers([-1])]);
  const one = graph.op("Concat", [rows, graph.integers([1])], [intAttribute("axis", 0)]);
  const spread = parts.map((part) => graph.op("Expand", [part, one]));
  return graph.op("Concat", [...spread, places], [intAttribute("axis", -1)]);
}

/** What was put into other values: their own gradient, without that of what was put over it; or that of what was put there. */
function scatter(operator: "ScatterElements" | "ScatterND"): OperatorGradient {
  return ({ graph, node, input, gradient }) => {
    const [x = "", places = "", updates = ""] = node.input;
    const reduction = textAttributeOf(node, "reduction", "none");
    if (reduction !== "none" && reduction !== "add") throw noGradient(node, `reduction "${reduction}"`);
    const axis =
      operator === "ScatterElements" ? [intAttribute("axis", axisOf(node, graph.shape(x), 0))] : [];
    switch (input) {
      case 0:
        return reduction === "add"
          ? graph.op("Identity", [gradient])
          : graph.op(operator, [gradient, places, zerosLike(graph, updates)], axis);
      case 2:
        return graph.op(operator === "ScatterND" ? "GatherND" : "GatherElements", [gradient, places], axis);
      default:
        return null;
    }
  };
}

function topK({ graph, node, input, gradient }: Step): string | null {
  const [x = ""] = node.input;
  if (input !== 0) return null;
  return addElements(graph, x, graph.optionalOutput(node, 1), gradient, axisOf(node, graph.shape(x), -1));
}

function zerosLike(graph: GradientGraph, value: string): string {
  return graph.op("ConstantOfShape", [graph.op("Shape", [value])]);
}

function countOf(shape: Shape): number | null {
  return shape.reduce<number | null>(
    (count, extent) => (count === null || extent === null ? null : count * extent),
    1,
  );
}

export const indexingGradients = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatter("ScatterElements"),
  ScatterND: scatter("ScatterND"),
  TopK: topK,
} as const satisfies Record<string, OperatorGradient>;
