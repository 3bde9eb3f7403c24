import type { FunctionProto, GraphProto, ModelProto, NodeProto } from "onnx-buf";

/** More nodes than any classifier of small images has, functions counted as often as they are called. */
const MAXIMUM_NODES = 20_000;
/** How deep graphs may lie inside nodes of graphs, and functions call functions. */
const MAXIMUM_DEPTH = 24;

/** What is wrong with a model's graphs. */
export class GraphProblem extends Error {}

/**
 * Checks what every walk over a model's graphs relies on, and that walks are short: values are made once and before they are read, by
 * at most 20,000 nodes, in graphs and functions at most 24 deep. Nodes in another order are put in order. Takes time linear in the
 * model.
 *
 * @throws {GraphProblem} that names the first value, node or function that breaks this.
 */
export function checkGraphs(model: ModelProto): void {
  const { graph, functions } = model;
  if (!graph) return;
  const calls = callsOf(functions);
  let nodes = 0;
  const count = (node: NodeProto): void => {
    nodes += calls.get(functionKey(node)) ?? 1;
    if (nodes > MAXIMUM_NODES) throw new GraphProblem(`more than ${MAXIMUM_NODES} nodes`);
  };
  requireNone(checkGraph(graph, 0, count));
  for (const body of functions) requireNone(checkBody(body.node, body.input, [], 0, () => undefined));
}

function requireNone(outside: ReadonlySet<string>): void {
  for (const name of outside) throw new GraphProblem(`nothing makes the value ${quoted(name)}`);
}

type Count = (node: NodeProto) => void;

/** Checks a graph and those inside it, and returns the values that they take from outside. */
function checkGraph(graph: GraphProto, depth: number, count: Count): Set<string> {
  if (depth > MAXIMUM_DEPTH) throw new GraphProblem(`graphs inside graphs more than ${MAXIMUM_DEPTH} deep`);
  const inputs = graph.input.map(({ name }) => name);
  requireDistinct(inputs, "inputs");
  const constants = [
    ...graph.initializer.map(({ name }) => name),
    ...graph.sparseInitializer.map(({ values }) => values?.name ?? ""),
  ];
  requireDistinct(constants, "initializers");
  // What the outer graph is to answer is looked for by whoever wants it.
  const outputs = depth === 0 ? [] : graph.output.map(({ name }) => name);
  return checkBody(graph.node, [...new Set([...inputs, ...constants])], outputs, depth, count);
}

/** Checks nodes and puts them in order, in place. */
function checkBody(
  nodes: NodeProto[],
  given: readonly string[],
  outputs: readonly string[],
  depth: number,
  count: Count,
): Set<string> {
  /** The node that makes each value; -1 for what is there from the start. */
  const makers = new Map(given.map((name) => [name, -1]));
  const reads = nodes.map((node, index) => {
    count(node);
    for (const name of node.output) {
      if (name === "") continue;
      if (makers.has(name)) throw new GraphProblem(`two makers of the value ${quoted(name)}`);
      makers.set(name, index);
    }
    const read = new Set(node.input);
    for (const { g, graphs } of node.attribute)
      for (const inner of g ? [g, ...graphs] : graphs)
        for (const name of checkGraph(inner, depth + 1, count)) read.add(name);
    read.delete("");
    return read;
  });
  const outside = new Set<string>();
  for (const read of [...reads, outputs]) for (const name of read) if (!makers.has(name)) outside.add(name);
  const before = reads.map((read) => [...read].map((name) => makers.get(name) ?? -1));
  if (before.some((makersOf, index) => makersOf.some((maker) => maker >= index)))
    nodes.splice(0, nodes.length, ...inOrder(nodes, before));
  return outside;
}

/** Nodes after those whose values they read, otherwise in the order they have. */
function inOrder(nodes: readonly NodeProto[], before: readonly (readonly number[])[]): NodeProto[] {
  const ordered: NodeProto[] = [];
  const state = new Uint8Array(nodes.length); // 1 while what a node reads is being placed, 2 once it is placed
  for (const first of nodes.keys()) {
    const way: { index: number; next: number }[] = [{ index: first, next: 0 }];
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const { index } = top;
      if (state[index] === 2) {
        way.pop();
        continue;
      }
      state[index] = 1;
      const maker = before[index]?.[top.next++];
      if (maker === undefined) {
        state[index] = 2;
        ordered.push(nodes[index] as NodeProto);
      } else if (maker >= 0) {
        if (state[maker] === 1) throw cycle(nodes[maker] as NodeProto);
        if (state[maker] === 0) way.push({ index: maker, next: 0 });
      }
    }
  }
  return ordered;
}

function cycle({ opType, output }: NodeProto): GraphProblem {
  const value = output.find((name) => name !== "") ?? "";
  return new GraphProblem(`a cycle: the ${opType} that makes ${quoted(value)} reads what follows from it`);
}

/** How many nodes a call of each function becomes. */
function callsOf(functions: readonly FunctionProto[]): Map<string, number> {
  const bodies = new Map(
    functions.map((body) => {
      const { domain, name, overload } = body;
      return [functionKey({ domain, opType: name, overload }), body];
    }),
  );
  const sizes = new Map<string, number>();
  const open = new Set<string>();
  const sizeOf = (key: string, body: FunctionProto): number => {
    const known = sizes.get(key);
    if (known !== undefined) return known;
    if (open.has(key)) throw new GraphProblem(`the function ${quoted(body.name)} calls itself`);
    if (open.size >= MAXIMUM_DEPTH)
      throw new GraphProblem(`functions that call functions more than ${MAXIMUM_DEPTH} deep`);
    open.add(key);
    let size = 0;
    const add = (nodes: readonly NodeProto[], depth: number): void => {
      if (depth > MAXIMUM_DEPTH) throw new GraphProblem(`graphs more than ${MAXIMUM_DEPTH} deep`);
      for (const node of nodes) {
        const called = bodies.get(functionKey(node));
        size += called ? sizeOf(functionKey(node), called) : 1;
        if (size > MAXIMUM_NODES) throw new GraphProblem(`more than ${MAXIMUM_NODES} nodes`);
        for (const { g, graphs } of node.attribute)
          for (const inner of g ? [g, ...graphs] : graphs) add(inner.node, depth + 1);
      }
    };
    add(body.node, 0);
    open.delete(key);
    sizes.set(key, size);
    return size;
  };
  for (const [key, body] of bodies) sizeOf(key, body);
  return sizes;
}

function functionKey({
  domain,
  opType,
  overload,
}: Pick<NodeProto, "domain" | "opType" | "overload">): string {
  return JSON.stringify([domain, opType, overload]);
}

function requireDistinct(names: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new GraphProblem(`two ${what} called ${quoted(name)}`);
    seen.add(name);
  }
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}
