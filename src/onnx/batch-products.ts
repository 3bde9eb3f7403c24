import type { NodeProto } from "onnx-buf";
import type { Rule, Trace } from "./batch-value.js";
import { intAttributeOf, intsAttributeOf, textAttributeOf } from "./gradient/attributes.js";

/* Shapes and the images' axis through convolutions and products: sums over the images would mix them. */

/** Convolution and pooling: the images lead. */
export function windowed(channels: (node: NodeProto, trace: Trace) => number | undefined): Rule {
  return (node, trace) => {
    const value = trace.traced(node.input[0]);
    if (!value) return null;
    const { shape, axis, inner } = value;
    if (axis !== null && axis !== 0) return "mixed";
    const kernel = intsAttributeOf(node, "kernel_shape") ?? trace.traced(node.input[1])?.shape.slice(2) ?? [];
    const spatial = shape
      .slice(2)
      .map((extent, at) => windowedExtent(node, extent, kernel[at] ?? NaN, at, shape.length - 2));
    return [{ shape: [shape[0] ?? NaN, channels(node, trace) ?? shape[1] ?? NaN, ...spatial], axis, inner }];
  };
}

function windowedExtent(
  node: NodeProto,
  extent: number,
  kernel: number,
  at: number,
  dimensions: number,
): number {
  const list = (name: string, missing: number): number => intsAttributeOf(node, name)?.[at] ?? missing;
  const stride = list("strides", 1);
  const automatic = textAttributeOf(node, "auto_pad", "NOTSET");
  if (automatic.startsWith("SAME")) return Math.ceil(extent / stride);
  const pads =
    automatic === "VALID" ? 0 : list("pads", 0) + (intsAttributeOf(node, "pads")?.[at + dimensions] ?? 0);
  const room = extent + pads - list("dilations", 1) * (kernel - 1) - 1;
  if (intAttributeOf(node, "ceil_mode", 0) === 0) return Math.floor(room / stride) + 1;
  const windows = Math.ceil(room / stride) + 1;
  // A window that begins in the padding behind is left out.
  return (windows - 1) * stride >= extent + list("pads", 0) ? windows - 1 : windows;
}

/** Products of matrices: the images are rows, or a stack of matrices. */
export const matrixProduct: Rule = ({ input }, trace) => {
  const [left, right] = input.map(trace.traced);
  if (!left || !right || left.shape.length < 2 || right.shape.length < 2) return null;
  const ranks = [left.shape.length, right.shape.length] as const;
  // Neither the inner extents nor, on both sides, rows and columns may have the images.
  if (left.axis === ranks[0] - 1 || right.axis === ranks[1] - 2) return "mixed";
  const rank = Math.max(...ranks);
  const places = [left, right].flatMap(({ axis, shape }) =>
    axis === null ? [] : [axis + rank - shape.length],
  );
  if (
    new Set(places).size > 1 ||
    (places.length === 2 && (left.inner !== right.inner || (places[0] ?? 0) >= rank - 2))
  )
    return "mixed";
  const [from] = [left, right].filter(({ axis }) => axis !== null);
  const shape = Array.from({ length: rank }, (_, at) => {
    if (at === rank - 2) return left.shape.at(-2) ?? NaN;
    if (at === rank - 1) return right.shape.at(-1) ?? NaN;
    const extents = [left, right].map((value) => value.shape[at - rank + value.shape.length] ?? 1);
    return extents.find((extent) => extent !== 1) ?? 1;
  });
  return [{ shape, axis: places[0] ?? null, inner: from?.inner ?? 1 }];
};

/** One product of matrices: the images are the rows of the first. */
export const gemm: Rule = (node, { traced }) => {
  const [left, right] = node.input.map(traced);
  if (!left || !right) return null;
  const turned = intAttributeOf(node, "transA", 0) !== 0;
  if (right.axis !== null || left.axis === (turned ? 0 : 1)) return "mixed";
  const columns = right.shape[intAttributeOf(node, "transB", 0) === 0 ? 1 : 0] ?? NaN;
  return [
    { ...left, shape: [left.shape[turned ? 1 : 0] ?? NaN, columns], axis: left.axis === null ? null : 0 },
  ];
};

/** A sum of products, in which the images have one letter, which stays. */
export const einsum: Rule = (node, { traced }) => {
  const equation = textAttributeOf(node, "equation", "").replaceAll(" ", "");
  const [from = "", to] = equation.split("->");
  const values = node.input.map(traced);
  if (to === undefined || equation.includes(".") || !values.every((value) => value !== undefined))
    return null;
  const extents = new Map<string, number>();
  const images = new Set<string>();
  let inner = 1;
  for (const [at, letters] of from.split(",").entries()) {
    const value = values[at];
    for (const [axis, letter] of Array.from(letters).entries()) {
      extents.set(letter, value?.shape[axis] ?? NaN);
      if (axis !== value?.axis) continue;
      images.add(letter);
      inner = value.inner;
    }
  }
  const [letter] = images;
  if (images.size > 1 || (letter !== undefined && !to.includes(letter))) return "mixed";
  const axis = letter === undefined ? null : to.indexOf(letter);
  return [{ shape: Array.from(to, (one) => extents.get(one) ?? NaN), axis, inner }];
};
