import { fileURLToPath } from "node:url";
import type { ModelProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { adaptClassifier } from "#mtard/onnx/adapt.js";
import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { parseModel, serializeModel } from "#mtard/onnx/model.js";
import { float32Values, readSafetensors } from "#mtard/weights/safetensors.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";
import { classifierNodes, type GraphInit, image, model, parameters, plainGraph, values } from "./models.js";

const expected = { name: "test-images", image, classes: 5 };
const { tensors } = await readSafetensors(fileURLToPath(new URL("exported.safetensors", import.meta.url)));

function floats(name: string): Float32Array {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`there is no "${name}"`);
  return float32Values(tensor);
}

const images = floats("images");

async function logitsOf(bytes: Uint8Array, count: number): Promise<Float32Array> {
  const { InferenceSession, Tensor } = onnxRuntime();
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const feed = new Tensor("float32", images.slice(0, count * 192), [count, 3, 8, 8]);
  const results = await session.run({ [session.inputNames[0] ?? ""]: feed });
  await session.release();
  const { dims, data } = results[session.outputNames[0] ?? ""] ?? { dims: [], data: [] };
  expect(dims).toEqual([count, 5]);
  return data as Float32Array;
}

/** Compares a freed model's logits for one, three and eight images. */
async function expectLogits(foreign: ModelProto, wanted: Float32Array): Promise<void> {
  const bytes = serializeModel(foreign);
  for (const count of [1, 3, 8]) {
    const found = await logitsOf(bytes, count);
    for (const [index, value] of found.entries())
      expect(Math.abs(value - (wanted[index] ?? NaN))).toBeLessThan(1e-4);
  }
}

const exported = [...tensors.keys()].filter((name) => name.includes(", "));

describe("a batch size that PyTorch's exporters fixed", () => {
  it.each(exported)("is made free: %s", async (name) => {
    const foreign = parseModel(tensors.get(name)?.bytes ?? new Uint8Array(), name);
    const { notes } = adaptClassifier(foreign, expected, { source: name });
    expect(notes.filter((note) => note.includes("made free")).length).toBeLessThanOrEqual(1);
    await expectLogits(foreign, floats(`${name.split("/")[0] ?? ""}/logits`));
    expect(differentiate(foreign).classes).toBe(5);
  });
});

const plain = await logitsOf(serializeModel(model(plainGraph())), 8);
const shape = (name: string, ...extents: number[]) => int64Tensor(name, extents.map(BigInt));

/** The plain classifier of a fixed batch, with nodes of its own between convolution and linear layer, from `b [batch, 4, 4, 4]` to `c`. */
function between(
  batch: number,
  nodes: NonNullable<GraphInit["node"]>,
  more: NonNullable<GraphInit["initializer"]>,
  opset = 17,
): ModelProto {
  const graph = plainGraph(batch);
  return model(
    { ...graph, node: classifierNodes("x", "y", nodes as never), initializer: [...parameters, ...more] },
    { opset },
  );
}

describe("a batch size", () => {
  const allowZero = [intAttribute("allowzero", 1)];
  const cases: [string, ModelProto][] = [
    [
      "of 1 beside -1 where 0 is no copy",
      between(1, [node("Reshape", ["b", "s"], "c", allowZero)], [shape("s", 1, -1)]),
    ],
    ["of 128 beside -1", between(128, [node("Reshape", ["b", "s"], "c", allowZero)], [shape("s", 128, -1)])],
    [
      "beside a copied extent",
      between(1, [node("Reshape", ["b", "s"], "r"), node("Flatten", ["r"], "c")], [shape("s", 1, 0, -1)]),
    ],
    [
      "folded into channels, and back",
      between(
        1,
        [node("Reshape", ["b", "s"], "r"), node("Relu", ["r"], "q"), node("Reshape", ["q", "t"], "c")],
        [shape("s", 4, 16), shape("t", 1, 64)],
      ),
    ],
    [
      "in a shape that nodes put together",
      between(
        8,
        [node("Concat", ["one", "rest"], "s", [intAttribute("axis", 0)]), node("Reshape", ["b", "s"], "c")],
        [shape("one", 8), shape("rest", 64)],
      ),
    ],
    [
      "in the end of a slice",
      between(
        8,
        [node("Slice", ["b", "from", "to"], "r"), node("Flatten", ["r"], "c")],
        [shape("from", 0, 0), shape("to", 8, 4)],
      ),
    ],
    [
      "in the end of a slice of an old operator set",
      between(
        8,
        [
          node("Slice", ["b"], "r", [intsAttribute("starts", [0, 0]), intsAttribute("ends", [8, 4])]),
          node("Flatten", ["r"], "c"),
        ],
        [],
        9,
      ),
    ],
    [
      "of 1 that a squeeze without axes would take",
      between(1, [node("Reshape", ["b", "s"], "r"), node("Squeeze", ["r"], "c")], [shape("s", 1, 64, 1, 1)]),
    ],
    [
      "in an Expand of the images",
      between(8, [node("Expand", ["b", "s"], "r"), node("Flatten", ["r"], "c")], [shape("s", 8, 4, 4, 4)]),
    ],
    [
      "in a constant with a row for each image",
      between(
        8,
        [node("Add", ["b", "zeros"], "r"), node("Flatten", ["r"], "c")],
        [floatTensor("zeros", [8, 4, 4, 4], new Float32Array(512))],
      ),
    ],
    [
      "in a resize to a size that scales do not meet",
      between(
        1,
        [
          node("Resize", ["b", "", "", "big"], "r"),
          node("Resize", ["r", "", "", "small"], "q"),
          node("Flatten", ["q"], "c"),
        ],
        [shape("big", 1, 4, 8, 8), shape("small", 1, 4, 4, 4)],
      ),
    ],
  ];
  it.each(cases)("%s is made free", async (_, foreign) => {
    adaptClassifier(foreign, expected, { source: "it" });
    await expectLogits(foreign, plain);
  });

  it("stays where rows of a constant differ: what they mean for other images is not known", async () => {
    const rows = floatTensor("rows", [8, 4, 1, 1], values(32, 1));
    const foreign = between(8, [node("Add", ["b", "rows"], "r"), node("Flatten", ["r"], "c")], [rows]);
    adaptClassifier(foreign, expected, { source: "it" });
    await expect(logitsOf(serializeModel(foreign), 3)).rejects.toThrow();
  });

  it("is no reason to take a part of free images for all of them", () => {
    const graph = {
      ...plainGraph("N"),
      node: [node("Slice", ["x", "from", "to"], "part"), ...classifierNodes("part", "y")],
    };
    const foreign = model({
      ...graph,
      initializer: [...parameters, shape("from", 0), shape("to", 1)],
      output: [floatValue("y", ["M", 5])],
    });
    const { notes } = adaptClassifier(foreign, expected, { source: "it" });
    expect(notes).toEqual([]);
  });
});
