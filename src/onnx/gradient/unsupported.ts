import type { NodeProto } from "onnx-buf";
import { InputError } from "../../errors.js";

/** Describes a node for an error message. */
function describeNode({ name, opType, domain, output }: NodeProto): string {
  const operator = domain === "" || domain === "ai.onnx" ? opType : `${domain}.${opType}`;
  return `${operator}, node "${name === "" ? (output[0] ?? "") : name}"`;
}

/** The error of a node whose gradient cannot be written; `found` says why. */
export function noGradient(node: NodeProto, found: string): InputError {
  return new InputError(`no gradient of ${describeNode(node)}`, {
    expected: "operators that mtard can differentiate between images and logits",
    found,
    fix: "attacks that need no gradient, or export the model without this operator",
  });
}
