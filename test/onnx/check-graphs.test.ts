import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { adaptClassifier } from "#mtard/onnx/adapt.js";
import { floatTensor, floatValue, node } from "#mtard/onnx/build.js";
import { parseModel, serializeModel } from "#mtard/onnx/model.js";
import { classifierNodes, type GraphInit, image, model, parameters, plainGraph } from "./models.js";

function withNodes(nodes: NodeProto[], graph: Partial<GraphInit> = {}): ModelProto {
  return model({ ...plainGraph(), node: [...classifierNodes("x", "y"), ...nodes], ...graph });
}

function refusal(broken: ModelProto): string {
  try {
    parseModel(serializeModel(broken), "it.onnx");
  } catch (error) {
    if (error instanceof InputError) return error.detail.found ?? "";
    throw error;
  }
  throw new Error("it was not refused");
}

function call(name: string, from: string, to: string): NodeProto {
  return create(NodeProtoSchema, { opType: name, domain: "own", input: [from], output: [to] });
}

function withFunctions(bodies: readonly NodeProto[][]): ModelProto {
  const made = withNodes([call("f0", "x", "z")]);
  made.functions = bodies.map((nodes, index) =>
    create(FunctionProtoSchema, {
      name: `f${index}`,
      domain: "own",
      input: ["a"],
      output: ["b"],
      node: nodes,
    }),
  );
  return made;
}

/** An `If` with one graph inside another. */
function nested(depth: number): NodeProto {
  let inner = node("Identity", ["fc.bias"], "inner");
  for (let level = 0; level < depth; level++) {
    const g = create(GraphProtoSchema, { name: "g", node: [inner] });
    const attribute = create(AttributeProtoSchema, {
      name: "g",
      type: AttributeProto_AttributeType.GRAPH,
      g,
    });
    inner = node("If", ["fc.bias"], `level${level}`, [attribute]);
  }
  return inner;
}

describe("checkGraphs refuses", () => {
  it.each<[string, ModelProto, string]>([
    [
      "a node that reads itself",
      withNodes([node("Cast", ["a1"], "a1")]),
      'a cycle: the Cast that makes "a1"',
    ],
    ["two that read each other", withNodes([node("Abs", ["q"], "p"), node("Exp", ["p"], "q")]), "a cycle"],
    ["a value made twice", withNodes([node("Relu", ["x"], "b")]), 'two makers of the value "b"'],
    ["an initializer that a node makes", withNodes([node("Relu", ["x"], "fc.bias")]), "two makers"],
    ["an input that a node makes", withNodes([node("Relu", ["b"], "x")]), "two makers"],
    [
      "a value that nothing makes",
      withNodes([node("Relu", ["no\nwhere"], "z")]),
      'makes the value "no\\nwhere"',
    ],
    [
      "two initializers of one name",
      withNodes([], { initializer: [...parameters, floatTensor("fc.bias", [1], Float32Array.of(0))] }),
      'two initializers called "fc.bias"',
    ],
    [
      "two inputs of one name",
      withNodes([], { input: [1, 2].map(() => floatValue("x", ["N", 3, 8, 8])) }),
      'two inputs called "x"',
    ],
    ["deep graphs", withNodes([nested(30)]), "more than 24 deep"],
    ["a function that calls itself", withFunctions([[call("f0", "a", "b")]]), "calls itself"],
    [
      "functions that call each other",
      withFunctions([[call("f1", "a", "b")], [call("f0", "a", "b")]]),
      "calls itself",
    ],
    [
      "functions that double, 2^20 nodes",
      withFunctions(
        Array.from({ length: 20 }, (_, index) =>
          index === 19
            ? [node("Relu", ["a"], "b")]
            : [call(`f${index + 1}`, "a", "m"), call(`f${index + 1}`, "m", "b")],
        ),
      ),
      "more than 20000 nodes",
    ],
  ])("%s", (_, broken, said) => {
    expect(refusal(broken)).toContain(said);
  });

  it("a chain of 100,000 nodes, at once", () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) =>
      node("Identity", [`i${index}`], `i${index + 1}`),
    );
    expect(refusal(withNodes([node("Relu", ["x"], "i0"), ...nodes]))).toContain("more than 20000 nodes");
  });
});

describe("checkGraphs", () => {
  it("puts nodes in order, those inside graphs too, and leaves ordered ones as they are", () => {
    const ordered = classifierNodes("x", "y");
    const read = parseModel(serializeModel(model({ ...plainGraph(), node: ordered.toReversed() })), "it");
    expect(read.graph?.node.map(({ output }) => output[0])).toEqual(["a", "b", "c", "y"]);

    const body = (nodes: NodeProto[]) =>
      create(AttributeProtoSchema, {
        name: "g",
        type: AttributeProto_AttributeType.GRAPH,
        g: create(GraphProtoSchema, { name: "g", node: nodes }),
      });
    const inside = [node("Relu", ["b"], "r"), node("Add", ["r", "late"], "s")];
    const late = node("Abs", ["x"], "late");
    const branching = node("If", ["fc.bias"], "z", [body(inside.toReversed())]);
    const again = parseModel(serializeModel(withNodes([branching, late])), "it");
    // The graph inside reads "late", which is then made before it.
    expect(again.graph?.node.map(({ output }) => output[0])).toEqual(["a", "b", "c", "y", "late", "z"]);
    const inner = again.graph?.node.at(-1)?.attribute[0]?.g?.node;
    expect(inner?.map(({ output }) => output[0])).toEqual(["r", "s"]);
  });

  it("takes a chain as long as it allows, which is then adapted in steps linear in it", () => {
    const count = 19_000;
    const links = Array.from({ length: count }, (_, index) =>
      node(
        "Reshape",
        [index === 0 ? "y0" : `y${index}`, "shape"],
        index === count - 1 ? "y" : `y${index + 1}`,
      ),
    );
    const { input = [], output = [] } = plainGraph(1);
    const shape = floatTensor("shape", [2], Float32Array.of(0, 0));
    const chain = model({
      node: [...classifierNodes("x", "y0"), ...links],
      initializer: [...parameters, shape],
      ...{ input, output },
    });
    const read = parseModel(serializeModel(chain), "it");
    adaptClassifier(read, { name: "test", image, classes: 5 }, { source: "it" });
    expect(read.graph?.node).toHaveLength(count + 4);
  });
});
