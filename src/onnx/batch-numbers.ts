import type { NodeProto } from "onnx-buf";
import type { Element, Numbers, Trace } from "./batch-value.js";
import { constantOf } from "./constants.js";
import { intAttributeOf, intsAttributeOf } from "./gradient/attributes.js";

/** More numbers than a shape's arithmetic has. */
const MOST = 64;

/** The whole numbers that a node makes, by the arithmetic of shapes; null for any other node. */
export function numbersOf(node: NodeProto, { traced, numbers, batch }: Trace): Numbers | null {
  const [first, second, third] = node.input.map(numbers);
  const row = (elements: readonly Element[]): Numbers | null =>
    elements.length > MOST ? null : { isScalar: false, elements };
  switch (node.opType) {
    case "Shape": {
      const value = traced(node.input[0]);
      if (!value || value.shape.some(Number.isNaN)) return null;
      const all = value.shape.map((extent, axis) => ({ value: extent, follows: axis === value.axis }));
      return row(all.slice(intAttributeOf(node, "start", 0), intAttributeOf(node, "end", all.length)));
    }
    case "Identity":
    case "Cast":
      return first ?? null;
    case "Unsqueeze":
      return first?.isScalar ? row(first.elements) : null;
    case "Squeeze":
      return first?.elements.length === 1 ? { ...first, isScalar: true } : null;
    case "Reshape":
      return first && second ? { isScalar: second.elements.length === 0, elements: first.elements } : null;
    case "Gather": {
      if (!first || first.isScalar || !second) return null;
      const picked = second.elements.flatMap(({ value }) => first.elements.at(value) ?? []);
      return picked.length === second.elements.length
        ? { isScalar: second.isScalar, elements: picked }
        : null;
    }
    case "Concat": {
      const parts = node.input.map(numbers);
      return parts.every((part) => part !== undefined)
        ? row(parts.flatMap(({ elements }) => elements))
        : null;
    }
    case "Slice": {
      const start = second?.elements[0]?.value ?? intsAttributeOf(node, "starts")?.[0];
      const end = third?.elements[0]?.value ?? intsAttributeOf(node, "ends")?.[0];
      const step = numbers(node.input[4])?.elements[0]?.value ?? 1;
      return first && start !== undefined && end !== undefined && step === 1
        ? row(first.elements.slice(start, end))
        : null;
    }
    case "ConstantOfShape": {
      const count = first?.elements[0]?.value ?? 0;
      const filled = node.attribute.find(({ name }) => name === "value")?.t;
      const one = { value: (filled && constantOf(filled)?.values[0]) ?? 0, follows: false };
      return first?.elements.length === 1 && count <= MOST ? row(Array<Element>(count).fill(one)) : null;
    }
    case "Where":
      return first && second && third
        ? elementwise([first, second, third], ([test = 0, yes = 0, no = 0]) => (test ? yes : no))
        : null;
    default: {
      const combine = arithmetic[node.opType];
      if (!combine || !first || !second) return null;
      // Half of all images is no whole number to rely on.
      if (
        node.opType === "Div" &&
        first.elements.some(({ follows, value }) => follows && value % batch !== 0)
      )
        return null;
      return elementwise([first, second], ([left = 0, right = 0]) => combine(left, right));
    }
  }
}

const arithmetic: Readonly<Partial<Record<string, (left: number, right: number) => number>>> = {
  Add: (left, right) => left + right,
  Sub: (left, right) => left - right,
  Mul: (left, right) => left * right,
  Div: (left, right) => Math.trunc(left / right),
  Max: Math.max,
  Min: Math.min,
  Mod: (left, right) => left - right * Math.floor(left / right),
  Equal: (left, right) => (left === right ? 1 : 0),
};

function elementwise(parts: readonly Numbers[], combine: (values: number[]) => number): Numbers | null {
  const count = Math.max(...parts.map(({ elements }) => elements.length));
  if (count > MOST || parts.some(({ elements }) => elements.length !== 1 && elements.length !== count))
    return null;
  const elements = Array.from({ length: count }, (_, index) => {
    const each = parts.map((part) => part.elements[part.elements.length === 1 ? 0 : index]);
    return {
      value: combine(each.map((element) => element?.value ?? 0)),
      follows: each.some((element) => element?.follows === true),
    };
  });
  return { isScalar: parts.every(({ isScalar }) => isScalar), elements };
}
