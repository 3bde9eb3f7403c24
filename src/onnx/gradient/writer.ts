import type { GraphProto, NodeProto } from "onnx-buf";
import { changed, floatTensor, int64Tensor, node } from "../build.js";
import { valueNames } from "../values.js";
import type { NodeWriter } from "./step.js";

/** Makes a writer that adds nodes to `nodes` and constants to the graph, under names that no value of the graph has. */
export function nodeWriter(graph: GraphProto, nodes: Pick<NodeProto[], "push">, prefix: string): NodeWriter {
  const taken = valueNames(graph);
  const constants = new Map<string, string>();
  let count = 0;
  const fresh = (what: string): string => {
    let name: string;
    do name = `${prefix}.${what}.${count++}`;
    while (taken.has(name));
    return name;
  };
  const constant = (key: string, write: (name: string) => void): string => {
    const made = constants.get(key);
    if (made !== undefined) return made;
    const name = fresh("constant");
    constants.set(key, name);
    write(name);
    return name;
  };
  return {
    fresh,
    op(opType, inputs, attributes = []) {
      const output = fresh(opType);
      nodes.push(node(opType, inputs, output, attributes));
      return output;
    },
    ops(opType, inputs, outputs, attributes = []) {
      const names = Array.from({ length: outputs }, () => fresh(opType));
      nodes.push(changed(node(opType, inputs, names[0] ?? "", attributes), { output: names }));
      return names;
    },
    floats: (values, shape = []) =>
      constant(`float ${shape.join("x")}: ${values.join()}`, (name) =>
        graph.initializer.push(floatTensor(name, shape, Float32Array.from(values))),
      ),
    integers: (values) =>
      constant(`integer ${values.join()}`, (name) =>
        graph.initializer.push(int64Tensor(name, values.map(BigInt))),
      ),
  };
}
