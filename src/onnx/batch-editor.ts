import type { GraphProto, NodeProto } from "onnx-buf";
import { floatTensor, int64Tensor, intAttribute, node } from "./build.js";
import { freshName } from "./values.js";

/** Adds to a graph what changed nodes read. */
export interface BatchEditor {
  /** The name of a new row of int64. */
  readonly row: (values: readonly (number | bigint)[]) => string;
  /** The name of a new row of float32. */
  readonly floats: (values: readonly number[]) => string;
  /** The name of a row that has the number of images in one place. */
  readonly sizes: (before: readonly number[], after: readonly number[]) => string;
  /** The output of a new node in front of another. */
  readonly before: (place: NodeProto, opType: string, inputs: readonly string[], axis?: number) => string;
  /** Notes a change that adds nothing. */
  readonly change: () => void;
  /** Puts the new nodes into the graph, and says whether anything was changed. */
  readonly finish: () => boolean;
}

/** @param input The name of the images' value. */
export function batchEditor(graph: GraphProto, input: string): BatchEditor {
  const prefix = freshName(graph, "batch.freed");
  let [count, isChanged, size] = [0, false, ""];
  const front: NodeProto[] = [];
  const added = new Map<NodeProto, NodeProto[]>();
  const fresh = (): string => `${prefix}.${count++}`;
  const make = (opType: string, inputs: readonly string[], axis?: number): NodeProto => {
    const made = node(opType, inputs, fresh(), axis === undefined ? [] : [intAttribute("axis", axis)]);
    made.name = "";
    return made;
  };
  const row = (values: readonly (number | bigint)[]): string => {
    isChanged = true;
    const tensor = int64Tensor(fresh(), values.map(BigInt));
    graph.initializer.push(tensor);
    return tensor.name;
  };
  const inFront = (opType: string, inputs: readonly string[], axis?: number): string => {
    const made = make(opType, inputs, axis);
    front.push(made);
    return made.output[0] ?? "";
  };
  return {
    row,
    floats(values) {
      isChanged = true;
      const tensor = floatTensor(fresh(), [values.length], Float32Array.from(values));
      graph.initializer.push(tensor);
      return tensor.name;
    },
    sizes(before, after) {
      if (size === "") size = inFront("Gather", [inFront("Shape", [input]), row([0])], 0);
      return inFront(
        "Concat",
        [...(before.length > 0 ? [row(before)] : []), size, ...(after.length > 0 ? [row(after)] : [])],
        0,
      );
    },
    before(place, opType, inputs, axis) {
      const made = make(opType, inputs, axis);
      added.set(place, [...(added.get(place) ?? []), made]);
      return made.output[0] ?? "";
    },
    change() {
      isChanged = true;
    },
    finish() {
      if (isChanged)
        graph.node = [...front, ...graph.node.flatMap((each) => [...(added.get(each) ?? []), each])];
      return isChanged;
    },
  };
}
