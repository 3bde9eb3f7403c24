import type { GraphProto } from "onnx-buf";
import { nodesOf, subgraphsOf } from "./model.js";

/** The names of all values that a graph, or a graph inside its nodes, makes or reads. */
export function valueNames(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  for (const inner of graphsOf(graph)) {
    for (const { name } of [...inner.input, ...inner.output, ...inner.initializer]) names.add(name);
    for (const { input, output } of inner.node) for (const name of [...input, ...output]) names.add(name);
  }
  return names;
}

/** A name like `wanted` that no value of the graph has. */
export function freshName(graph: GraphProto, wanted: string): string {
  const taken = valueNames(graph);
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted}.${count}`;
  return name;
}

/** Gives a value another name wherever the graph makes or reads it; `to` must be a name no other value has. */
export function renameValue(graph: GraphProto, from: string, to: string): void {
  if (from === to) return;
  const renamed = (name: string): string => (name === from ? to : name);
  for (const inner of graphsOf(graph)) {
    for (const value of [...inner.input, ...inner.output, ...inner.initializer])
      value.name = renamed(value.name);
    for (const node of inner.node) {
      node.input = node.input.map(renamed);
      node.output = node.output.map(renamed);
    }
  }
}

/** Drops the nodes and initializers that a graph's output does not depend on. */
export function keepWhatMakes(graph: GraphProto, output: string): void {
  const needed = new Set([output]);
  const kept = graph.node.toReversed().filter((node) => {
    if (!node.output.some((name) => needed.has(name))) return false;
    const inner = subgraphsOf(node).flatMap((subgraph) => [...valueNames(subgraph)]);
    for (const name of [...node.input, ...inner]) needed.add(name);
    return true;
  });
  graph.node = kept.reverse();
  graph.initializer = graph.initializer.filter(({ name }) => needed.has(name));
}

function graphsOf(graph: GraphProto): GraphProto[] {
  return [graph, ...[...nodesOf(graph)].flatMap(subgraphsOf)];
}
