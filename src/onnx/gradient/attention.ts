import { intAttribute, intsAttribute } from "../build.js";
import { findAttribute, floatAttributeOf, intAttributeOf } from "./attributes.js";
import { extentOf } from "./axes.js";
import { sumOver } from "./reductions.js";
import { requireReshape } from "./shaping.js";
import type { OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/** How an `Attention` node's values are laid out: `[batch, tokens, heads * size]`, or `[batch, heads, tokens, size]`. */
interface Layout {
  /** How many heads queries have, and keys and values: several query heads may share one. */
  readonly queryHeads: number;
  readonly keyHeads: number;
  readonly flat: boolean;
}

/** The value of `qk_matmul_output_mode` that makes the fourth output the softmax. */
const AFTER_SOFTMAX = 3;

/** Softmax attention: Y = P V with P = softmax(scale Q K' + mask), which the node itself is asked for. */
function attention(step: Step): string | null {
  const { graph, node, input, gradient } = step;
  if (input > 2) return null;
  const [q = "", k = "", v = "", , ...more] = node.input;
  if (more.some((name) => name !== "")) throw noGradient(node, "keys and values of the past");
  if (floatAttributeOf(node, "softcap", 0) !== 0) throw noGradient(node, "a softcap");
  const layout = layoutOf(step);
  const weights = softmaxOf(step, layout);
  const queryGradient = heads(step, gradient, node.output[0] ?? "", layout.queryHeads, layout);
  const turned = (value: string): string =>
    graph.op("Transpose", [value], [intsAttribute("perm", [0, 1, 2, 4, 3])]);
  if (input === 2) return joined(step, graph.op("MatMul", [turned(weights), queryGradient]), v, layout);

  const change = graph.op("MatMul", [queryGradient, turned(heads(step, v, v, layout.keyHeads, layout))]);
  const mean = sumOver(graph, graph.op("Mul", [change, weights]), [4]);
  const scores = graph.op("Mul", [weights, graph.op("Sub", [change, mean])]);
  const size = extentOf(graph, node, q, layout.flat ? 2 : 3) / (layout.flat ? layout.queryHeads : 1);
  const scale = findAttribute(node, "scale")?.f ?? 1 / Math.sqrt(size);
  const scaled = graph.op("Mul", [scores, graph.floats([scale])]);
  return input === 0
    ? joined(step, graph.op("MatMul", [scaled, heads(step, k, k, layout.keyHeads, layout)]), q, layout)
    : joined(
        step,
        graph.op("MatMul", [turned(scaled), heads(step, q, q, layout.queryHeads, layout)]),
        k,
        layout,
      );
}

function layoutOf({ graph, node }: Step): Layout {
  const [q = "", k = ""] = node.input;
  const flat = graph.shape(q).length === 3;
  const count = (name: string, value: string): number =>
    flat ? intAttributeOf(node, name, 0) : extentOf(graph, node, value, 1);
  const [queryHeads, keyHeads] = [count("q_num_heads", q), count("kv_num_heads", k)];
  if (!(queryHeads > 0 && keyHeads > 0 && queryHeads % keyHeads === 0))
    throw noGradient(node, `${queryHeads} heads of queries and ${keyHeads} of keys`);
  return { queryHeads, keyHeads, flat };
}

/** P, `[batch, key heads, query heads of each, asking tokens, asked tokens]`. */
function softmaxOf({ graph, node }: Step, { queryHeads, keyHeads, flat }: Layout): string {
  const [q = "", k = ""] = node.input;
  const mode = "qk_matmul_output_mode";
  const taken = (node.output[3] ?? "") !== "";
  if (taken && intAttributeOf(node, mode, 0) !== AFTER_SOFTMAX)
    throw noGradient(node, "scores from before the softmax as an output");
  node.attribute = [...node.attribute.filter(({ name }) => name !== mode), intAttribute(mode, AFTER_SOFTMAX)];
  const axis = flat ? 1 : 2;
  const [batch = null] = graph.shape(q);
  const tokens = [extentOf(graph, node, q, axis), extentOf(graph, node, k, axis)];
  return requireReshape(graph, node, graph.optionalOutput(node, 3), [
    batch,
    keyHeads,
    queryHeads / keyHeads,
    ...tokens,
  ]);
}

/** Brings a value shaped as `like` to `[batch, key heads, query heads of each, tokens, size]`. */
function heads({ graph, node }: Step, value: string, like: string, count: number, layout: Layout): string {
  const [batch = null] = graph.shape(like);
  const { flat, keyHeads } = layout;
  const tokens = extentOf(graph, node, like, flat ? 1 : 2);
  const size = extentOf(graph, node, like, flat ? 2 : 3) / (flat ? count : 1);
  const split = flat
    ? graph.op(
        "Transpose",
        [requireReshape(graph, node, value, [batch, tokens, count, size])],
        [intsAttribute("perm", [0, 2, 1, 3])],
      )
    : value;
  return requireReshape(graph, node, split, [batch, keyHeads, count / keyHeads, tokens, size]);
}

/** Undoes `heads` for the gradient of `like`; what query heads shared is summed over them. */
function joined({ graph, node, input }: Step, value: string, like: string, layout: Layout): string {
  const { flat, keyHeads, queryHeads } = layout;
  const shape = graph.shape(like);
  const count = input === 0 ? queryHeads : keyHeads;
  const whole = input === 0 || queryHeads === keyHeads ? value : sumOver(graph, value, [2]);
  if (!flat) return requireReshape(graph, node, whole, shape);
  const [batch = null] = shape;
  const size = extentOf(graph, node, like, 2) / count;
  const apart = requireReshape(graph, node, whole, [batch, count, extentOf(graph, node, like, 1), size]);
  const together = graph.op("Transpose", [apart], [intsAttribute("perm", [0, 2, 1, 3])]);
  return requireReshape(graph, node, together, shape);
}

export const attentionGradients = { Attention: attention } as const satisfies Record<
  string,
  OperatorGradient
>;
