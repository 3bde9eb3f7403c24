import type { NodeProto } from "onnx-buf";
import {
  gathered,
  joined,
  positive,
  reduced,
  sliced,
  squeezed,
  transposed,
  unsqueezed,
} from "./batch-axes.js";
import { einsum, gemm, matrixProduct, windowed } from "./batch-products.js";
import { reshaped } from "./batch-reshape.js";
import type { Rule, Ruled, Trace, Traced } from "./batch-value.js";
import { intAttributeOf, intsAttributeOf } from "./gradient/attributes.js";

/* How each operator changes shapes, and where it leaves the axis of the images. An operator that would mix images says so. */

const same: Rule = ({ input }, { traced }) => only(traced(input[0]));

/** Operators along `axis` and what comes after it, or along it alone: the images' must not be among them. */
function along(missing: number, isAlone: boolean): Rule {
  return (node, trace) => {
    const value = trace.traced(node.input[0]);
    if (!value) return null;
    // Before operator set 13, a softmax took all axes from its own on.
    const alone = isAlone && trace.opset >= 13;
    const axis = positive(intAttributeOf(node, "axis", isAlone && trace.opset < 13 ? 1 : missing), value);
    const touched = value.axis !== null && (alone ? value.axis === axis : value.axis >= axis);
    return touched ? "mixed" : [value];
  };
}

const broadcast: Rule = ({ input }, { traced }) => {
  const values = input.map(traced);
  if (!values.every((value) => value !== undefined)) return null;
  const rank = Math.max(0, ...values.map(({ shape }) => shape.length));
  let axis: number | null = null;
  let inner = 1;
  for (const value of values) {
    if (value.axis === null) continue;
    const at = value.axis + rank - value.shape.length;
    if (axis !== null && (axis !== at || inner !== value.inner)) return "mixed";
    [axis, inner] = [at, value.inner];
  }
  const shape = Array.from({ length: rank }, (_, at) => {
    const extents = values.map((value) => value.shape[at - rank + value.shape.length] ?? 1);
    return extents.find((extent) => extent !== 1) ?? 1;
  });
  // What is the same for all images has one row for all, or one for each.
  if (axis !== null) {
    const from = values.find((value) => value.axis !== null);
    const extent = from?.shape[from.axis ?? 0] ?? NaN;
    if (shape[axis] !== extent && !Number.isNaN(extent)) return "mixed";
  }
  return [{ shape, axis, inner }];
};

/** Operators that change the extent of other axes than the images', by how much is not followed. */
function resizing(rule: (node: NodeProto, value: Traced, trace: Trace) => readonly number[] | null): Rule {
  return (node, trace) => {
    const value = trace.traced(node.input[0]);
    if (!value) return null;
    const shape = rule(node, value, trace);
    if (shape === null) return null;
    return [
      { ...value, shape: shape.map((extent, at) => (at === value.axis ? (value.shape[at] ?? NaN) : extent)) },
    ];
  };
}

const expanded: Rule = (node, { traced, numbers, batch }) => {
  const value = traced(node.input[0]);
  const wanted = numbers(node.input[1])?.elements.map((element) => element.value);
  if (!value || !wanted) return null;
  const rank = Math.max(value.shape.length, wanted.length);
  const axis = value.axis === null ? null : value.axis + rank - value.shape.length;
  const shape = Array.from({ length: rank }, (_, at) => {
    const [own, asked] = [
      value.shape[at - rank + value.shape.length] ?? 1,
      wanted[at - rank + wanted.length] ?? 1,
    ];
    return own === 1 && at !== axis ? asked : own;
  });
  return axis !== null && batch === 1 && (wanted[axis - rank + wanted.length] ?? 1) > 1 && shape[axis] === 1
    ? "mixed"
    : [{ ...value, shape, axis }];
};

/** A value that is the same for all images. */
function alike(shape: readonly number[]): Traced {
  return { shape, axis: null, inner: 1 };
}

function only(value: Traced | undefined): Ruled {
  return value ? [value] : null;
}

function rulesOf(rule: Rule, ...operators: readonly string[]): Record<string, Rule> {
  return Object.fromEntries(operators.map((operator) => [operator, rule]));
}

/** The rules, by operator; what has none is unknown. */
export const shapeRules: Readonly<Partial<Record<string, Rule>>> = {
  ...rulesOf(
    same,
    "Abs",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "DequantizeLinear",
    "Dropout",
    "Elu",
  ),
  ...rulesOf(
    same,
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
  ),
  ...rulesOf(
    same,
    "InstanceNormalization",
    "LRN",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Not",
    "QuantizeLinear",
    "Reciprocal",
  ),
  ...rulesOf(
    same,
    "Relu",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
  ),
  ...rulesOf(same, "Tan", "Tanh", "ThresholdedRelu", "Trilu"),
  ...rulesOf(
    broadcast,
    "Add",
    "And",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
  ),
  ...rulesOf(broadcast, "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor"),
  ...rulesOf(
    reduced,
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
  ),
  ...rulesOf(reduced, "ReduceProd", "ReduceSum", "ReduceSumSquare"),
  ...rulesOf(along(-1, true), "Hardmax", "LogSoftmax", "LpNormalization", "Softmax"),
  ...rulesOf(along(-1, false), "LayerNormalization", "RMSNormalization"),
  Conv: windowed((node, { traced }) => traced(node.input[1])?.shape[0]),
  ...rulesOf(
    windowed(() => undefined),
    "AveragePool",
    "LpPool",
    "MaxPool",
  ),
  ...rulesOf(
    resizing((_, { shape }) => [...shape.slice(0, 2), ...shape.slice(2).map(() => 1)]),
    ...["GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"],
  ),
  ...rulesOf(
    resizing((_, { shape }) => [...shape.slice(0, 2), ...shape.slice(2).map(() => NaN)]),
    "ConvTranspose",
  ),
  ...rulesOf(
    resizing((_, { shape }) => shape.map((extent, at) => (at < 2 ? extent : NaN))),
    "Resize",
    "Upsample",
  ),
  Pad: resizing((node, { shape }, { numbers }) => {
    const pads =
      intsAttributeOf(node, "pads") ?? numbers(node.input[1])?.elements.map((element) => element.value);
    const isWhole = pads?.length === 2 * shape.length;
    return shape.map((extent, at) =>
      isWhole ? extent + (pads[at] ?? NaN) + (pads[at + shape.length] ?? NaN) : NaN,
    );
  }),
  Tile: resizing((node, { shape, axis }, { numbers }) => {
    const times = numbers(node.input[1])?.elements.map((element) => element.value);
    // Images that are repeated are no longer one row each.
    if (axis !== null && times?.[axis] !== 1) return null;
    return shape.map((extent, at) => extent * (times?.[at] ?? NaN));
  }),
  Split: resizing((node, value) => {
    const axis = positive(intAttributeOf(node, "axis", 0), value);
    const even = (value.shape[axis] ?? NaN) / node.output.length;
    return value.shape.map((extent, at) => (at === axis ? (node.input.length > 1 ? NaN : even) : extent));
  }),
  DepthToSpace: resizing((node, { shape: [n = NaN, c = NaN, h = NaN, w = NaN] }) => {
    const size = intAttributeOf(node, "blocksize", 1);
    return [n, c / size ** 2, h * size, w * size];
  }),
  SpaceToDepth: resizing((node, { shape: [n = NaN, c = NaN, h = NaN, w = NaN] }) => {
    const size = intAttributeOf(node, "blocksize", 1);
    return [n, c * size ** 2, h / size, w / size];
  }),
  Concat: joined,
  Constant: ({ attribute }) => {
    const tensor = attribute.find(({ name }) => name === "value")?.t;
    return tensor ? [alike(tensor.dims.map(Number))] : null;
  },
  ConstantOfShape: ({ input }, { numbers }) => {
    const shape = numbers(input[0])?.elements.map((element) => element.value);
    return shape ? [alike(shape)] : null;
  },
  Einsum: einsum,
  Expand: expanded,
  Flatten: (node, trace) => {
    const value = trace.traced(node.input[0]);
    if (!value) return null;
    const axis = positive(intAttributeOf(node, "axis", 1), value);
    const product = (extents: readonly number[]): number =>
      extents.reduce((total, extent) => total * extent, 1);
    return reshaped(
      value,
      [product(value.shape.slice(0, axis)), product(value.shape.slice(axis))],
      null,
      trace.batch,
    );
  },
  Gather: gathered,
  Gemm: gemm,
  MatMul: matrixProduct,
  Reshape: (node, trace) => {
    const value = trace.traced(node.input[0]);
    const shape = trace.numbers(node.input[1])?.elements.map((element) => element.value);
    if (!value || !shape) return null;
    const copies = intAttributeOf(node, "allowzero", 0) === 0;
    const copied = shape.map((extent, at) => (extent === 0 && copies ? (value.shape[at] ?? NaN) : extent));
    const rest = copied.indexOf(-1);
    const total = value.shape.reduce((product, extent) => product * extent, 1);
    const given = copied.reduce((product, extent) => (extent === -1 ? product : product * extent), 1);
    return reshaped(
      value,
      copied.map((extent) => (extent === -1 ? total / given : extent)),
      rest < 0 ? null : rest,
      trace.batch,
    );
  },
  Shape: ({ input }, { traced }) => {
    const value = traced(input[0]);
    return value ? [alike([value.shape.length])] : null;
  },
  Size: () => [alike([])],
  Slice: sliced,
  Squeeze: squeezed,
  Transpose: transposed,
  Unsqueeze: unsqueezed,
};
