import { create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  OperatorSetIdProtoSchema,
} from "onnx-buf";
import { InputError } from "../../errors.js";
import { changed, node as makeNode } from "../build.js";
import { graphOf, subgraphsOf } from "../model.js";
import { valueNames } from "../values.js";

/** Functions inside functions multiply: few lines can stand for more nodes than memory holds. */
const MAXIMUM_NODES = 200_000;
/** How deep functions may call each other. */
const MAXIMUM_DEPTH = 100;

/**
 * Puts the nodes of a model's own functions in the place of the nodes that call them, in place.
 *
 * @returns The operator set that a function's nodes are written for, by node, where it is not the model's.
 * @throws {InputError} if a function calls itself, or stands for too many nodes.
 */
export function inlineFunctions(model: ModelProto): ReadonlyMap<NodeProto, bigint> {
  const versions = new Map<NodeProto, bigint>();
  if (model.functions.length === 0) return versions;
  const graph = graphOf(model);
  const functions = new Map(model.functions.map((one) => [keyOf(one.domain, one.name, one.overload), one]));
  const fresh = freshNames(valueNames(graph), "inlined");
  let written = 0;

  /** Writes a list of nodes without calls; `calls` are the functions that it is inside of. */
  const expand = (nodes: readonly NodeProto[], calls: readonly FunctionProto[]): NodeProto[] =>
    nodes.flatMap((node) => {
      const called = functions.get(keyOf(node.domain, node.opType, node.overload));
      if (called === undefined) {
        if (++written > MAXIMUM_NODES) throw endless(calls, `more than ${MAXIMUM_NODES} nodes`);
        const version = calls.at(-1)?.opsetImport.find(({ domain }) => isStandard(domain))?.version;
        const whole = withSubgraphs(node, (inner) => changed(inner, { node: expand(inner.node, calls) }));
        if (version !== undefined) versions.set(whole, version);
        return [whole];
      }
      if (calls.includes(called)) throw endless([...calls, called], "a function that calls itself");
      if (calls.length >= MAXIMUM_DEPTH)
        throw endless(calls, `more than ${MAXIMUM_DEPTH} calls inside each other`);
      return expand(bodyOf(called, node, fresh), [...calls, called]);
    });

  graph.node = expand(graph.node, []);
  const domains = new Map(model.opsetImport.map((set) => [set.domain, set]));
  for (const { opsetImport } of model.functions)
    for (const { domain, version } of opsetImport)
      if (!isStandard(domain) && !domains.has(domain)) {
        const added = create(OperatorSetIdProtoSchema, { domain, version });
        domains.set(domain, added);
        model.opsetImport.push(added);
      }
  model.functions = [];
  return versions;
}

/** Makes names like others that are not taken. */
export function freshNames(taken: ReadonlySet<string>, prefix: string): (name: string) => string {
  let count = 0;
  return (name) => {
    let made: string;
    do made = `${prefix}.${count++}.${name}`;
    while (taken.has(made));
    return made;
  };
}

/** A graph from inside a node, with names of its own for the values that it makes. */
export function renamedGraph(graph: GraphProto, fresh: (name: string) => string): GraphProto {
  return rewrittenGraph(graph, new Map(), new Map(), fresh);
}

/** Whether a domain is that of ONNX's own operators. */
export function isStandard(domain: string): boolean {
  return domain === "" || domain === "ai.onnx";
}

function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([isStandard(domain) ? "" : domain, name, overload]);
}

function endless(calls: readonly FunctionProto[], found: string): InputError {
  return new InputError(`function "${calls.at(-1)?.name ?? ""}" of the model cannot be written out`, {
    expected: `functions that stand for at most ${MAXIMUM_NODES} nodes and do not call themselves`,
    found,
    fix: "export the model without functions of its own",
  });
}

/** A function's nodes for one call, with the call's inputs, outputs and attributes, and names of their own for all else. */
function bodyOf(called: FunctionProto, call: NodeProto, fresh: (name: string) => string): NodeProto[] {
  const names = new Map<string, string>();
  for (const [index, name] of called.input.entries()) names.set(name, call.input[index] ?? "");
  const passed: NodeProto[] = [];
  for (const [index, name] of called.output.entries()) {
    const wanted = call.output[index] ?? "";
    if (wanted === "") continue;
    const source = names.get(name);
    if (source === undefined) names.set(name, wanted);
    else passed.push(makeNode("Identity", [source], wanted));
  }
  for (const { output } of called.node)
    for (const name of output) if (name !== "" && !names.has(name)) names.set(name, fresh(name));
  const given = new Map(called.attributeProto.map((attribute) => [attribute.name, attribute]));
  for (const attribute of call.attribute) given.set(attribute.name, attribute);
  return [...called.node.map((inner) => rewritten(inner, names, given, fresh)), ...passed];
}

/** A node under other names, with the values that its attributes refer to. */
function rewritten(
  node: NodeProto,
  names: ReadonlyMap<string, string>,
  given: ReadonlyMap<string, AttributeProto>,
  fresh: (name: string) => string,
): NodeProto {
  const renamed = (name: string): string => names.get(name) ?? name;
  const attribute = node.attribute.flatMap((one) => {
    if (one.refAttrName === "") return [one];
    const value = given.get(one.refAttrName);
    return value ? [changed(value, { name: one.name })] : [];
  });
  const copy = changed(node, { input: node.input.map(renamed), output: node.output.map(renamed), attribute });
  return withSubgraphs(copy, (inner) => rewrittenGraph(inner, names, given, fresh));
}

function rewrittenGraph(
  graph: GraphProto,
  outer: ReadonlyMap<string, string>,
  given: ReadonlyMap<string, AttributeProto>,
  fresh: (name: string) => string,
): GraphProto {
  const names = new Map(outer);
  const own = [
    ...[...graph.input, ...graph.initializer].map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ];
  for (const name of own) if (name !== "") names.set(name, fresh(name));
  const renamed = (name: string): string => names.get(name) ?? name;
  return changed(graph, {
    input: graph.input.map((value) => changed(value, { name: renamed(value.name) })),
    output: graph.output.map((value) => changed(value, { name: renamed(value.name) })),
    initializer: graph.initializer.map((tensor) => changed(tensor, { name: renamed(tensor.name) })),
    node: graph.node.map((node) => rewritten(node, names, given, fresh)),
    valueInfo: [],
  });
}

/** A copy of a node with other graphs inside it; the node itself where it has none. */
export function withSubgraphs(node: NodeProto, change: (graph: GraphProto) => GraphProto): NodeProto {
  if (subgraphsOf(node).length === 0) return node;
  const attribute = node.attribute.map((one) =>
    one.g || one.graphs.length > 0
      ? changed(one, { ...(one.g ? { g: change(one.g) } : {}), graphs: one.graphs.map(change) })
      : one,
  );
  return changed(node, { attribute });
}
