import type { GraphProto, NodeProto } from "onnx-buf";
import { node as makeNode } from "../build.js";
import { valueNames } from "../values.js";
import { freshNames, isStandard, renamedGraph } from "./inline.js";

/** Branches inside branches, one round each. */
const MAXIMUM_ROUNDS = 20;

/**
 * Puts the branch that an `If` always takes in its place, in place: exporters write such nodes where they do not know a shape.
 *
 * @param constants Finds the numbers of values that are the same for all images and batches.
 */
export function takeBranches(
  graph: GraphProto,
  constants: (values: ReadonlySet<string>) => (value: string) => readonly number[] | null,
): void {
  for (let round = 0; round < MAXIMUM_ROUNDS; round++) {
    const conditions = new Set(
      graph.node.flatMap((node) => (isConditional(node) ? [node.input[0] ?? ""] : [])),
    );
    if (conditions.size === 0) return;
    const find = constants(conditions);
    const fresh = freshNames(valueNames(graph), "branch");
    let taken = 0;
    graph.node = graph.node.flatMap((node) => {
      const condition = isConditional(node) ? find(node.input[0] ?? "")?.[0] : undefined;
      if (condition === undefined) return [node];
      const name = condition === 0 ? "else_branch" : "then_branch";
      const inner = node.attribute.find((attribute) => attribute.name === name)?.g;
      if (!inner) return [node];
      taken++;
      const branch = renamedGraph(inner, fresh);
      graph.initializer.push(...branch.initializer);
      const ends = node.output.flatMap((output, index) =>
        output === "" ? [] : [makeNode("Identity", [branch.output[index]?.name ?? ""], output)],
      );
      return [...branch.node, ...ends];
    });
    if (taken === 0) return;
  }
}

function isConditional({ opType, domain }: NodeProto): boolean {
  return opType === "If" && isStandard(domain);
}
