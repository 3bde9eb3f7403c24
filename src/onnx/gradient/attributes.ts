import type { AttributeProto, NodeProto } from "onnx-buf";

/* A node's attributes by name. */

/** Finds an attribute of a node by its name. */
export function findAttribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

/** An integer attribute, or `missing` if the node leaves it out. */
export function intAttributeOf<Missing>(node: NodeProto, name: string, missing: Missing): number | Missing {
  const attribute = findAttribute(node, name);
  return attribute ? Number(attribute.i) : missing;
}

/** A float attribute, or `missing` if the node leaves it out. */
export function floatAttributeOf(node: NodeProto, name: string, missing: number): number {
  return findAttribute(node, name)?.f ?? missing;
}

/** A text attribute, or `missing` if the node leaves it out. */
export function textAttributeOf(node: NodeProto, name: string, missing: string): string {
  const attribute = findAttribute(node, name);
  return attribute ? new TextDecoder().decode(attribute.s) : missing;
}

/** A list of integers, or null where it is left out. */
export function intsAttributeOf(node: NodeProto, name: string): number[] | null {
  return findAttribute(node, name)?.ints.map(Number) ?? null;
}
