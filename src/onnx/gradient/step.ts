import type { AttributeProto, NodeProto } from "onnx-buf";

/** The extents of a value; null where the extent follows the batch. */
export type Shape = readonly (number | null)[];

/** Writes nodes and constants, for operator sets 17 to 21; every method returns the name of the value it makes. */
export interface NodeWriter {
  /** A node of the standard operator set with one output. */
  op(opType: string, inputs: readonly string[], attributes?: AttributeProto[]): string;
  /** A node with several outputs. */
  ops(opType: string, inputs: readonly string[], outputs: number, attributes?: AttributeProto[]): string[];
  /** A float32 constant, row-major; a scalar where no shape is given. */
  floats(values: readonly number[], shape?: readonly number[]): string;
  /** A one-dimensional int64 constant. */
  integers(values: readonly number[]): string;
}

/** The graph of a model on the way back. */
export interface GradientGraph extends NodeWriter {
  /** The shape of a value that a node on the way reads or makes. */
  shape(value: string): Shape;
  /** The numbers of a value that is the same for all images and batches, row-major; null if it is not. */
  constant(value: string): readonly number[] | null;
  /** The gradient of the loss in a value, or null where none arrives. */
  gradientOf(value: string): string | null;
  /** An output of a node of the model that it may leave out, such as `MaxPool`'s indices. */
  optionalOutput(node: NodeProto, index: number): string;
}

/** One node of the model on the way back. */
export interface Step {
  readonly graph: GradientGraph;
  readonly node: NodeProto;
  /** Which of the node's inputs the gradient is wanted of. */
  readonly input: number;
  /** The gradient of the loss in the node's first output. */
  readonly gradient: string;
}

/**
 * Writes the gradient of a node's input, from that of its output; null if the operator has none for this input.
 *
 * @throws {InputError} if the node has an attribute or a shape that its gradient cannot follow.
 */
export type OperatorGradient = (step: Step) => string | null;
