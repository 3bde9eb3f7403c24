import type { NodeProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
  textAttribute,
} from "#mtard/onnx/build.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { model, values } from "../models.js";

const weights = [
  floatTensor("kernel", [2, 2, 3, 3], values(36, 1)),
  int64Tensor("one", [1n]),
  int64Tensor("zero", [0n]),
  int64Tensor("inner", [1n, 2n, 3n]),
  int64Tensor("others", [0n, 2n, 3n]),
];

/** Nodes from `images [batch, 2, 4, 4]` to `y`, flattened to the logits. */
function refusal(...nodes: NodeProto[]): InputError {
  const graph = {
    node: [...nodes, node("Flatten", ["y"], "logits")],
    initializer: weights,
    input: [floatValue("images", ["batch", 2, 4, 4])],
    output: [floatValue("logits", ["batch", "classes"])],
  };
  try {
    differentiate(model(graph, { opset: 18 }));
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

const second = (first: NodeProto, name: string): NodeProto => {
  first.output.push(name);
  return first;
};

describe("a graph is refused, and the node named,", () => {
  it.each<[string, NodeProto[], string, RegExp]>([
    ["with an operator that has no gradient", [node("Sin", ["images"], "y")], "Sin", /cannot differentiate/],
    [
      "with an operator of another domain",
      [Object.assign(node("FusedConv", ["images", "kernel"], "y"), { domain: "com.microsoft" })],
      "com.microsoft.FusedConv",
      /cannot differentiate/,
    ],
    [
      "with filters that are made of the images",
      [
        node("ReduceMean", ["images", "zero"], "mean", [intAttribute("keepdims", 1)]),
        node("Conv", ["images", "mean"], "y"),
      ],
      "Conv",
      /input 1, "mean", depends on the images/,
    ],
    [
      "that multiplies where it scatters",
      [
        node("ReduceMax", ["images", "one"], "updates", [intAttribute("keepdims", 1)]),
        node("ArgMax", ["images"], "places", [intAttribute("axis", 1)]),
        node("ScatterElements", ["images", "places", "updates"], "y", [
          intAttribute("axis", 1),
          textAttribute("reduction", "mul"),
        ]),
      ],
      "ScatterElements",
      /reduction "mul"/,
    ],
    [
      "with a diagonal over the batch",
      [
        node("Flatten", ["images"], "rows"),
        node("Transpose", ["rows"], "columns", [intsAttribute("perm", [1, 0])]),
        node("MatMul", ["rows", "columns"], "square"),
        node("Einsum", ["square"], "diagonal", [textAttribute("equation", "ii->i")]),
        node("Unsqueeze", ["diagonal", "one"], "y"),
      ],
      "Einsum",
      /a diagonal over the batch/,
    ],
    [
      "with a scale of instance norm that is made of the images",
      [
        node("ReduceMean", ["images", "others"], "scale", [intAttribute("keepdims", 0)]),
        node("InstanceNormalization", ["images", "scale", "scale"], "y"),
      ],
      "InstanceNormalization",
      /input 1, "scale", depends on the images/,
    ],
    [
      "that reads the places of the largest values",
      [
        second(node("MaxPool", ["images"], "pooled", [intsAttribute("kernel_shape", [2, 2])]), "places"),
        node("Cast", ["places"], "numbers", [intAttribute("to", 1)]),
        node("Add", ["pooled", "numbers"], "y"),
      ],
      "MaxPool",
      /second output/,
    ],
    [
      "that slices where the images say",
      [
        node("Flatten", ["images"], "rows"),
        node("ArgMax", ["rows"], "place", [intAttribute("axis", 1), intAttribute("keepdims", 0)]),
        node("ReduceMax", ["place"], "end", [intAttribute("keepdims", 1)]),
        node("Add", ["end", "one"], "after"),
        node("Slice", ["rows", "end", "after", "one"], "y"),
      ],
      "Slice",
      /"end", which is not constant/,
    ],
    [
      "with a mean over the batch",
      [
        node("ReduceMean", ["images", "zero"], "mean", [intAttribute("keepdims", 1)]),
        node("Sub", ["images", "mean"], "y"),
      ],
      "ReduceMean",
      /a mean over the batch/,
    ],
    [
      "whose nodes are not in order",
      [node("Relu", ["later"], "y"), node("Neg", ["images"], "later")],
      "Relu",
      /reads "later" before a node makes it/,
    ],
    [
      "with batch norm in training mode",
      [
        node("ReduceMean", ["kernel", "inner"], "scale", [intAttribute("keepdims", 0)]),
        second(
          second(
            node("BatchNormalization", ["images", "scale", "scale", "scale", "scale"], "y", [
              intAttribute("training_mode", 1),
            ]),
            "mean",
          ),
          "variance",
        ),
      ],
      "BatchNormalization",
      /training mode/,
    ],
  ])("%s", (_, nodes, operator, found) => {
    const error = refusal(...nodes);
    expect(error.message).toContain(`no gradient of ${operator}, node "`);
    expect(error.detail.found).toMatch(found);
    expect(error.detail.fix).toContain("attacks that need no gradient");
  });
});

it("a graph that only jumps has no gradient", () => {
  expect(refusal(node("Sign", ["images"], "y")).message).toContain("do not depend smoothly");
});
