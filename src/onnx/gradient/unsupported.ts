import type { NodeProto } from "onnx-buf";
import { InputError } from "../../errors.js";

/** Describes a node for an error message. */
function describeNode({ name, opType, domain, output }: NodeProto): string {
  const operator = domain === "" || domain === "ai.onnx" ? opType : `${domain}.${opType}`;
  return `${operator}, node "${name === "" ? (output[0] ?? "") : name}"`;
}

/** A model without a gradient: attacks that need none can still be made on it. */
export class NoGradientError extends InputError {
  /** What can be done beside such attacks. */
  readonly otherwise: string | null;

  constructor(message: string, found: string, otherwise: string | null) {
    super(message, {
      expected: "operators that mtard can differentiate between images and logits",
      found,
      fix: ["attacks that need no gradient", ...(otherwise === null ? [] : [otherwise])].join(", or "),
    });
    this.otherwise = otherwise;
  }
}

/** The error of a node whose gradient cannot be written; `found` says why. */
export function noGradient(node: NodeProto, found: string): NoGradientError {
  return new NoGradientError(
    `no gradient of ${describeNode(node)}`,
    found,
    "export the model without this operator",
  );
}
