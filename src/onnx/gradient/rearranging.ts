import { intAttribute, intsAttribute } from "../build.js";
import { intAttributeOf, textAttributeOf } from "./attributes.js";
import { extentOf } from "./axes.js";
import { sumOver } from "./reductions.js";
import { requireReshape } from "./shaping.js";
import type { OperatorGradient, Shape, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Operators that repeat, rearrange, mask or add up values along axes. */

/** Sums the gradients of the copies, after each axis is split into copies and what was copied. */
function tile({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const [x = "", repeatsName = ""] = node.input;
  const shape = graph.shape(x);
  const repeats = graph.constant(repeatsName);
  if (repeats === null) throw noGradient(node, "repeats that are not constant");
  const copies = requireReshape(
    graph,
    node,
    gradient,
    shape.flatMap((extent, axis) => [repeats[axis] ?? 1, extent]),
  );
  const sum = sumOver(
    graph,
    copies,
    shape.map((_, axis) => 2 * axis),
  );
  return requireReshape(graph, node, sum, shape);
}

/** The opposite operator undoes it, but for the order of columns, rows, depth, of which there is none. */
function depthToSpace({ graph, node, gradient }: Step): string {
  const size = intAttributeOf(node, "blocksize", 1);
  const block = [intAttribute("blocksize", size)];
  if (textAttributeOf(node, "mode", "DCR") === "DCR") return graph.op("SpaceToDepth", [gradient], block);
  const [x = ""] = node.input;
  const [batch = null] = graph.shape(x);
  const [channels = 0, height = 0, width = 0] = [1, 2, 3].map((axis) => extentOf(graph, node, x, axis));
  const split: Shape = [batch, channels / size ** 2, height, size, width, size];
  const parts = requireReshape(graph, node, gradient, split);
  const turned = graph.op("Transpose", [parts], [intsAttribute("perm", [0, 1, 3, 5, 2, 4])]);
  return requireReshape(graph, node, turned, graph.shape(x));
}

function spaceToDepth({ graph, node, gradient }: Step): string {
  return graph.op(
    "DepthToSpace",
    [gradient],
    [intAttribute("blocksize", intAttributeOf(node, "blocksize", 1))],
  );
}

/** Keeps the same triangle. */
function trilu({ graph, node, input, gradient }: Step): string | null {
  return input === 0 ? graph.op("Trilu", [gradient, ...node.input.slice(1)], node.attribute) : null;
}

/** The running sum from the other end. */
function cumulativeSum({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const flag = (name: string): number => intAttributeOf(node, name, 0);
  const attributes = [
    intAttribute("exclusive", flag("exclusive")),
    intAttribute("reverse", 1 - flag("reverse")),
  ];
  return graph.op("CumSum", [gradient, node.input[1] ?? ""], attributes);
}

export const rearrangingGradients = {
  CumSum: cumulativeSum,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Tile: tile,
  Trilu: trilu,
} as const satisfies Record<string, OperatorGradient>;
