import type { NodeProto } from "onnx-buf";
import { changed, floatAttribute, intAttribute } from "../build.js";
import { floatAttributeOf, intAttributeOf } from "./attributes.js";
import type { NodeWriter } from "./step.js";

/* Operators that are written as others, whose gradients are known. */

/** How a node is written as others; the last of them, which has its outputs, is returned. */
export type Rewrite = (node: NodeProto, writer: NodeWriter, version: bigint) => NodeProto;

/** The operator set from which on the scale and the offset are those of channels, not of groups. */
const SCALE_OF_CHANNELS = 21n;

/** The groups of each image as channels, each with its own mean and deviation. */
function groupNormalization(node: NodeProto, writer: NodeWriter, version: bigint): NodeProto {
  const [x = "", scale = "", offset = ""] = node.input;
  const groups = intAttributeOf(node, "num_groups", 1);
  const epsilon = [floatAttribute("epsilon", floatAttributeOf(node, "epsilon", 1e-5))];
  const split = writer.op("Reshape", [x, writer.integers([0, groups, -1])]);
  const constant = (value: number): string => writer.floats(Array<number>(groups).fill(value), [groups]);
  const ofGroups = version < SCALE_OF_CHANNELS;
  const [factor, shift] = ofGroups ? [scale, offset] : [constant(1), constant(0)];
  const normalized = writer.op("InstanceNormalization", [split, factor, shift], epsilon);
  const shape = writer.op("Shape", [x]);
  if (ofGroups) return standing(node, "Reshape", [normalized, shape]);
  const rows = [writer.integers([0]), writer.op("Shape", [scale]), writer.integers([-1])];
  const channels = writer.op("Reshape", [normalized, writer.op("Concat", rows, [intAttribute("axis", 0)])]);
  const [factors, shifts] = [scale, offset].map((one) => writer.op("Unsqueeze", [one, writer.integers([1])]));
  const scaled = writer.op("Mul", [channels, factors ?? ""]);
  return standing(node, "Reshape", [writer.op("Add", [scaled, shifts ?? ""]), shape]);
}

/** A function of many as a function of two, again and again. */
function pairwise(node: NodeProto, writer: NodeWriter): NodeProto {
  const [first = "", ...more] = node.input;
  const last = more.pop();
  if (last === undefined) return standing(node, "Identity", [first]);
  const others = more.reduce((one, other) => writer.op(node.opType, [one, other]), first);
  return standing(node, node.opType, [others, last]);
}

function mean(node: NodeProto, writer: NodeWriter): NodeProto {
  const share = writer.floats([1 / node.input.length]);
  return standing(node, "Mul", [writer.op("Sum", node.input), share]);
}

/** A node in the place of another, whose outputs it makes. */
export function standing(node: NodeProto, opType: string, input: string[]): NodeProto {
  return changed(node, { opType, domain: "", input, attribute: [] });
}

/** Every operator that is written as others, whatever its operator set. */
export const composites = {
  GroupNormalization: groupNormalization,
  Max: pairwise,
  Mean: mean,
  Min: pairwise,
} as const satisfies Record<string, Rewrite>;
