import { create } from "@bufbuild/protobuf";
import { FunctionProtoSchema, type ModelProto, type NodeProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { changed, floatValue, node } from "#mtard/onnx/build.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { inlineFunctions } from "#mtard/onnx/gradient/inline.js";
import { model } from "../models.js";

const local = (name: string, input: string, output: string): NodeProto =>
  changed(node(name, [input], output), { domain: "local" });

/** A function of `x` that answers `y`. */
function made(name: string, nodes: NodeProto[]) {
  return create(FunctionProtoSchema, { name, domain: "local", input: ["x"], output: ["y"], node: nodes });
}

/** A classifier that calls `first`. */
function calling(...functions: ReturnType<typeof made>[]): ModelProto {
  const caller = model({
    node: [local("first", "images", "called"), node("Flatten", ["called"], "logits")],
    input: [floatValue("images", ["batch", 1, 1, 3])],
    output: [floatValue("logits", ["batch", 3])],
  });
  caller.functions = functions;
  return caller;
}

describe("a model's own functions are refused", () => {
  const refused = (caller: ModelProto): InputError => {
    try {
      differentiate(caller);
    } catch (error) {
      if (error instanceof InputError) return error;
      throw error;
    }
    throw new Error("they were not refused");
  };

  it("where one calls itself, at once or by another", () => {
    const itself = calling(made("first", [local("first", "x", "y")]));
    const another = calling(
      made("first", [local("second", "x", "y")]),
      made("second", [local("first", "x", "y")]),
    );
    for (const caller of [itself, another])
      expect(refused(caller).detail.found).toBe("a function that calls itself");
  });

  it("where few lines stand for more nodes than memory holds", () => {
    const doubling = Array.from({ length: 60 }, (_, level) =>
      made(level === 0 ? "first" : `f${level}`, [
        local(`f${level + 1}`, "x", "half"),
        local(`f${level + 1}`, "half", "y"),
      ]),
    );
    const end = made("f60", [node("Neg", ["x"], "y")]);
    expect(refused(calling(...doubling, end)).detail.found).toBe("more than 200000 nodes");
  });

  it("where they call each other without end", () => {
    const chain = Array.from({ length: 5000 }, (_, level) =>
      made(level === 0 ? "first" : `f${level}`, [local(`f${level + 1}`, "x", "y")]),
    );
    const end = made("f5000", [node("Neg", ["x"], "y")]);
    expect(refused(calling(...chain, end)).detail.found).toBe("more than 100 calls inside each other");
  });
});

it("names inside a function do not meet those of the graph, or of another call", () => {
  const caller = calling(made("first", [node("Neg", ["x"], "called"), node("Exp", ["called"], "y")]));
  const graph = caller.graph;
  if (!graph) throw new Error("no graph");
  graph.node.splice(1, 1, local("first", "called", "again"), node("Flatten", ["again"], "logits"));
  inlineFunctions(caller);
  expect(graph.node.map(({ opType }) => opType)).toEqual(["Neg", "Exp", "Neg", "Exp", "Flatten"]);
  const outputs = graph.node.flatMap(({ output }) => output);
  expect(new Set(outputs).size).toBe(outputs.length);
  expect(graph.node.map(({ input }) => input[0])).toEqual(["images", ...outputs.slice(0, 4)]);
  expect(outputs.filter((name) => name === "called")).toEqual(["called"]);
  expect(caller.functions).toEqual([]);
});
