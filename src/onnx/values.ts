import type { GraphProto, NodeProto, TensorProto } from "onnx-buf";
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

/** A name like `wanted` that no value of the graph has. Walks the whole graph: see {@link freshNames} for many. */
export function freshName(graph: GraphProto, wanted: string): string {
  return freshNames(graph)(wanted);
}

/** Makes names that no value of the graph has, and none that was made before; the graph is walked once. */
export function freshNames(graph: GraphProto): (wanted: string) => string {
  const taken = valueNames(graph);
  const next = new Map<string, number>();
  return (wanted) => {
    let name = wanted;
    let count = next.get(wanted) ?? 2;
    for (; taken.has(name); count++) name = `${wanted}.${count}`;
    next.set(wanted, count);
    taken.add(name);
    return name;
  };
}

/** The node that makes each value of a graph; not of the graphs inside its nodes. */
export function makersOf(graph: GraphProto): Map<string, NodeProto> {
  return new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
}

/** The initializers of a graph by their names. */
export function initializersOf(graph: GraphProto): Map<string, TensorProto> {
  return new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
}

/** How many inputs of nodes read each value of a graph; not in the graphs inside its nodes. */
export function readersOf(graph: GraphProto): Map<string, number> {
  const readers = new Map<string, number>();
  for (const { input } of graph.node)
    for (const name of new Set(input)) readers.set(name, (readers.get(name) ?? 0) + 1);
  return readers;
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
