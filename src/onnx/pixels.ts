import { type GraphProto, type NodeProto, TensorProto_DataType } from "onnx-buf";
import { constantsOf, type GraphConstant } from "./constants.js";
import { intAttributeOf } from "./gradient/attributes.js";

/** The values that a black and a white pixel have in the images that a model takes. */
export const pixelRanges = ["0..1", "0..255"] as const;
export type PixelRange = (typeof pixelRanges)[number];

/** Operators that move numbers and change none. */
const MOVES: ReadonlySet<string> = new Set([
  ...["Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"],
]);

/** A first factor below this, or a first offset above the other, belongs to pixels up to 255: those up to 1 would nearly vanish. */
const SMALL_FACTOR = 1 / 32;
const LARGE_OFFSET = 16;

/**
 * Takes off, in place, the casts by which a graph brings whole-numbered images to float32, so that it takes float32 images.
 *
 * @returns Whether it could: nothing but moves and casts may come between the images and float32.
 */
export function takeFloats(graph: GraphProto, input: string): boolean {
  const whole = new Set([input]);
  const casts: NodeProto[] = [];
  for (const node of graph.node) {
    if (!node.input.some((name) => whole.has(name))) continue;
    const to = intAttributeOf(node, "to", 0);
    if (node.opType === "Shape") continue;
    if (node.opType === "Cast") {
      casts.push(node);
      if (to === (TensorProto_DataType.FLOAT as number)) continue;
      if (!isWide(to)) return false;
    } else if (!MOVES.has(node.opType) || node.input.slice(1).some((name) => whole.has(name))) return false;
    for (const name of node.output) whole.add(name);
  }
  if (graph.output.some(({ name }) => whole.has(name))) return false;
  for (const cast of casts) Object.assign(cast, { opType: "Identity", attribute: [] });
  return true;
}

/** Whether a type has all whole numbers from 0 to 255. */
export function isWide(type: number): boolean {
  return wholeTypes.has(type);
}

const wholeTypes: ReadonlySet<number> = new Set([
  TensorProto_DataType.UINT8,
  TensorProto_DataType.UINT16,
  TensorProto_DataType.UINT32,
  TensorProto_DataType.INT16,
  TensorProto_DataType.INT32,
  TensorProto_DataType.INT64,
]);

/** The values of pixels that a graph's first arithmetic is made for: division by 255, say, or a mean of 123.68. */
export function pixelRangeOf(graph: GraphProto, input: string): PixelRange {
  const constants = constantsOf(graph);
  const readers = new Map<string, NodeProto[]>();
  for (const node of graph.node) {
    for (const name of new Set(node.input)) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  }
  const seen = new Set<string>();
  for (let value = input; !seen.has(value);) {
    seen.add(value);
    const [node, ...others] = (readers.get(value) ?? []).filter(({ opType }) => opType !== "Shape");
    if (node === undefined || others.length > 0) break;
    const range = arithmeticRange(node, value, constants);
    if (range !== null) return range;
    if (node.opType !== "Cast" && !MOVES.has(node.opType)) break;
    value = node.output[0] ?? "";
  }
  return "0..1";
}

/** What a node with one constant says of the pixels' values; null if it is no arithmetic. */
function arithmeticRange(
  { opType, input }: NodeProto,
  value: string,
  constants: ReadonlyMap<string, GraphConstant>,
): PixelRange | null {
  const numbers = constants.get(input.find((name) => name !== value) ?? "")?.values.map(Math.abs);
  if (numbers === undefined || numbers.length === 0) return null;
  const [smallest, largest] = [Math.min(...numbers), Math.max(...numbers)];
  if (opType === "Mul") return largest < SMALL_FACTOR && largest > 0 ? "0..255" : "0..1";
  if (opType === "Div" && input[0] === value) return smallest > 1 / SMALL_FACTOR ? "0..255" : "0..1";
  if (opType === "Sub" || opType === "Add") return largest > LARGE_OFFSET ? "0..255" : "0..1";
  return null;
}
