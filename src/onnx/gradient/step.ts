import type { AttributeProto, NodeProto } from "onnx-buf";

/** The extents of a value; null where the extent follows the batch. */
export type Shape = readonly (number | null)[];

/** Writes nodes and constants, for operator sets 18 and newer; each method returns the name of the value it makes. */
export interface NodeWriter {
  /** A name that no value has. */
  fresh(what: string): string;
  /** A node of the standard operator set with one output. */
  op(opType: string, inputs: readonly string[], attributes?: AttributeProto[]): string;
  /** A node with several outputs. */
  ops(opType: string, inputs: readonly string[], outputs: number, attributes?: AttributeProto[]): string[];
  /** A float32 constant, row-major; a scalar where no shape is given. */
  floats(values: readonly number[], shape?: readonly number[]): string;
  /** A one-dimensional int64 constant. */
  integers(values: readonly number[]): string;
}

/** A model's graph while its gradient is being written. */
export interface GradientGraph extends NodeWriter {
  /** The shape of a value that a node on the way reads or makes. */
  shape(value: string): Shape;
  /** The numbers of a value that is the same for all images and batches, row-major; null if it is not. */
  constant(value: string): readonly number[] | null;
  /** The gradient of the loss with respect to a value, or null if none arrives. */
  gradientOf(value: string): string | null;
  /** An optional output of a node, such as `MaxPool`'s indices; added if the node leaves it out. */
  optionalOutput(node: NodeProto, index: number): string;
}

/** One node of the model, and the input whose gradient is to be written. */
export interface Step {
  readonly graph: GradientGraph;
  readonly node: NodeProto;
  /** The index of the input whose gradient is wanted. */
  readonly input: number;
  /** The gradient of the loss with respect to the node's first output. */
  readonly gradient: string;
}

/**
 * Writes the gradient of a node's input, from that of its output; null if the operator has none for this input.
 *
 * @throws {InputError} if the node has an attribute or a shape for which no gradient can be written.
 */
export type OperatorGradient = (step: Step) => string | null;
