import type { GraphProto, NodeProto } from "onnx-buf";
import { InputError } from "../errors.js";
import { constantsOf, type GraphConstant } from "./constants.js";

/** Where a classifier's logits are, and what was taken off behind them. */
export interface FoundLogits {
  readonly output: string;
  readonly removed: "Softmax" | "LogSoftmax" | null;
  /** Whether a constant factor behind the softmax was taken off with it. */
  readonly scaled: boolean;
}

/** Operators that move numbers and change none. */
const MOVES: ReadonlySet<string> = new Set([
  ...["Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"],
]);

/** A node on the way back from the output, and which of its inputs the way goes on through. */
interface Step {
  readonly node: NodeProto;
  readonly input: number;
}

/**
 * Finds the logits in front of a softmax, or the logarithm of one, that ends the graph, and takes the softmax off, in place: teachers
 * must answer logits. Factors behind a softmax go with it; nodes that only move numbers stay.
 *
 * @throws {InputError} if the graph ends in a sigmoid instead.
 */
export function beforeSoftmax(graph: GraphProto, output: string, source: string): FoundLogits {
  const makers = new Map<string, NodeProto>();
  for (const node of graph.node) for (const name of node.output) makers.set(name, node);
  const constants = constantsOf(graph);
  const moves: Step[] = [];
  const seen = new Set<NodeProto>();
  let [scaled, logarithm] = [false, false];
  let value = output;
  for (;;) {
    const node = makers.get(value);
    // A graph can be a circle.
    if (node === undefined || seen.has(node) || node.output[0] !== value) break;
    seen.add(node);
    const [before] = node.input;
    if (before === undefined) break;
    if (node.opType === "Sigmoid") throw endsInSigmoid(source);
    if (isSoftmax(node, logarithm)) {
      const isLogarithm = logarithm || node.opType === "LogSoftmax";
      // Scaled logarithms are scaled logits; scaled probabilities are neither, and the scale goes.
      const kept = moves.filter(({ node: { opType } }) => isLogarithm || MOVES.has(opType));
      const last = kept.reduceRight((made, step) => {
        step.node.input[step.input] = made;
        return step.node.output[0] ?? "";
      }, before);
      return {
        output: last,
        removed: isLogarithm ? "LogSoftmax" : "Softmax",
        scaled: scaled && !isLogarithm,
      };
    }
    if (node.opType === "Log" && !logarithm) logarithm = true;
    else if (MOVES.has(node.opType)) moves.push({ node, input: 0 });
    else {
      const input = logarithm ? null : scaledInput(node, constants);
      if (input === null) break;
      scaled = true;
      moves.push({ node, input });
    }
    value = moves.at(-1)?.node === node ? (node.input[moves.at(-1)?.input ?? 0] ?? "") : before;
  }
  return { output, removed: null, scaled: false };
}

/** The input that a node multiplies by one positive constant, or divides by it; null for any other node. */
function scaledInput(
  { opType, input }: NodeProto,
  constants: ReadonlyMap<string, GraphConstant>,
): number | null {
  if (opType !== "Mul" && opType !== "Div") return null;
  const isFactor = (name: string | undefined): boolean => {
    const values = constants.get(name ?? "")?.values ?? [];
    return values[0] !== undefined && values[0] > 0 && values.every((one) => one === values[0]);
  };
  if (isFactor(input[1])) return 0;
  return opType === "Mul" && isFactor(input[0]) ? 1 : null;
}

/** Whether a node is a softmax over the classes of `[batch, classes]`. */
function isSoftmax({ opType, attribute }: NodeProto, logarithm: boolean): boolean {
  if (opType !== "Softmax" && (logarithm || opType !== "LogSoftmax")) return false;
  // The default is 1, and -1 since operator set 13: of two axes, both mean the second.
  const axis = attribute.find(({ name }) => name === "axis")?.i ?? 1n;
  return axis === 1n || axis === -1n;
}

function endsInSigmoid(source: string): InputError {
  return new InputError(`${source} ends in a sigmoid`, {
    expected: "logits of classes of which one is right",
    found: "numbers between 0 and 1, each for itself",
    fix: "export the model without its sigmoid, if it was trained with cross-entropy",
  });
}
