import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { type ModelProto, ModelProtoSchema, TensorProto_DataType } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { type AdaptOptions, adaptClassifier } from "#mtard/onnx/adapt.js";
import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { parseModel, serializeModel } from "#mtard/onnx/model.js";
import { hasShared, shared } from "../shared.js";
import { classifierNodes, image, model, parameters, plainGraph, reshapedGraph, values } from "./models.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";

const ort = onnxRuntime();

const expected = { name: "test-images", image, classes: 5 };

async function run(
  bytes: Uint8Array,
  feed: Float32Array,
  dims: readonly number[],
): Promise<{ dims: readonly number[]; data: Float32Array }> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const results = await session.run({ [session.inputNames[0] ?? ""]: new ort.Tensor("float32", feed, dims) });
  const output = results[session.outputNames[0] ?? ""];
  await session.release();
  if (!output) throw new Error("no output");
  return { dims: output.dims, data: output.data as Float32Array };
}

function adapted(foreign: ModelProto, options: Partial<AdaptOptions> = {}): Uint8Array {
  const copy = parseModel(serializeModel(foreign), "the test's model");
  adaptClassifier(copy, expected, { source: "the test's model", ...options });
  return serializeModel(copy);
}

const images = values(3 * 192, 9).map((value) => value / 2 + 0.5);

/** What the plain classifier, untouched, answers for three images. */
const plain = await run(serializeModel(model(plainGraph())), images, [3, 3, 8, 8]);

function expectClose(found: Float32Array, wanted: Float32Array): void {
  expect(found.length).toBe(wanted.length);
  for (const [index, value] of wanted.entries()) expect(found[index]).toBeCloseTo(value, 4);
}

describe("adaptClassifier", () => {
  it("names input and output the standard way and leaves the logits alone", async () => {
    const bytes = adapted(model(plainGraph()));
    const session = await ort.InferenceSession.create(bytes);
    expect(session.inputMetadata).toMatchObject([{ name: "images", shape: ["batch", 3, 8, 8] }]);
    expect(session.outputMetadata).toMatchObject([{ name: "logits", shape: ["batch", 5] }]);
    expect((await run(bytes, images, [3, 3, 8, 8])).data).toEqual(plain.data);
  });

  it.each([
    ["[1, -1]", [1n, -1n]],
    ["[1, 64]", [1n, 64n]],
    ["[-1, 64]", [-1n, 64n]],
  ])("frees a batch of 1 that a Reshape to %s has baked in", async (_, shape) => {
    const bytes = adapted(model(reshapedGraph(shape)));
    expectClose((await run(bytes, images, [3, 3, 8, 8])).data, plain.data);
  });

  it("leaves a Reshape of a weight alone", async () => {
    const graph = reshapedGraph([1n, -1n]);
    const [first = { opType: "" }, ...rest] = graph.node ?? [];
    const twisted = model({
      ...graph,
      node: [node("Reshape", ["conv.bias", "shape"], "bias.row"), first, ...rest],
      output: [floatValue("y", [1, 5])],
    });
    expectClose((await run(adapted(twisted), images, [3, 3, 8, 8])).data, plain.data);
  });

  it("takes initializers that are inputs too, as before IR version 4", async () => {
    const graph = plainGraph(1);
    const listed = parameters.map(({ name, dims }) => floatValue(name, dims.map(Number)));
    const old = model({ ...graph, input: [...(graph.input ?? []), ...listed] }, { opset: 9, ir: 3 });
    expectClose((await run(adapted(old), images, [3, 3, 8, 8])).data, plain.data);
  });

  it("puts a normalisation in front", async () => {
    const normalization = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] };
    const normalized = images.map((value, index) => {
      const channel = Math.floor(index / 64) % 3;
      return (value - (normalization.mean[channel] ?? 0)) / (normalization.std[channel] ?? 1);
    });
    const wanted = await run(serializeModel(model(plainGraph())), normalized, [3, 3, 8, 8]);
    const bytes = adapted(model(plainGraph()), { normalization });
    expectClose((await run(bytes, images, [3, 3, 8, 8])).data, wanted.data);
  });

  it("turns images for a model that takes NHWC, after the normalisation", async () => {
    const normalization = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] };
    const turned = {
      ...plainGraph(),
      node: [
        node("Transpose", ["x"], "turned", [intsAttribute("perm", [0, 3, 1, 2])]),
        ...classifierNodes("turned", "y"),
      ],
      input: [floatValue("x", ["N", 8, 8, 3])],
    };
    expectClose((await run(adapted(model(turned)), images, [3, 3, 8, 8])).data, plain.data);
    const both = await run(adapted(model(turned), { normalization }), images, [3, 3, 8, 8]);
    const wanted = await run(adapted(model(plainGraph()), { normalization }), images, [3, 3, 8, 8]);
    expectClose(both.data, wanted.data);
  });

  it.each([9, 11, 13, 17, 21])("reads operator set %i, with a normalisation and a softmax", async (opset) => {
    const graph = { ...plainGraph(1), node: [...classifierNodes("x", "z"), node("Softmax", ["z"], "y")] };
    const foreign = model(graph, { opset, ir: opset < 11 ? 4 : opset < 21 ? 7 : 10 });
    const bytes = adapted(foreign, { normalization: { mean: [0, 0, 0], std: [1, 1, 1] } });
    expectClose((await run(bytes, images, [3, 3, 8, 8])).data, plain.data);
  });

  it.each([
    ["Softmax", ["Softmax"], 1, 9],
    ["Softmax", ["Softmax"], -1, 11],
    ["Softmax", ["Softmax"], undefined, 11],
    ["Softmax", ["Softmax"], -1, 13],
    ["Softmax", ["Softmax"], undefined, 13],
    ["LogSoftmax", ["LogSoftmax"], 1, 13],
    ["LogSoftmax", ["Softmax", "Log"], -1, 17],
    ["Softmax", ["Softmax", "Identity"], 1, 17],
    ["LogSoftmax", ["Identity", "Softmax", "Log", "Identity"], 1, 11],
  ])("takes a %s off the end: %j, axis %s, operator set %i", async (removed, operators, axis, opset) => {
    const attributes = axis === undefined ? [] : [intAttribute("axis", axis)];
    const tail = operators.map((operator, index) =>
      node(
        operator,
        [index === 0 ? "z" : `tail.${index - 1}`],
        index === operators.length - 1 ? "y" : `tail.${index}`,
        operator.endsWith("Softmax") ? attributes : [],
      ),
    );
    const foreign = model({ ...plainGraph(), node: [...classifierNodes("x", "z"), ...tail] }, { opset });
    expect(adaptClassifier(foreign, expected, { source: "it" }).notes).toEqual([
      `${removed} at the end was removed`,
    ]);
    expect((await run(serializeModel(foreign), images, [3, 3, 8, 8])).data).toEqual(plain.data);
  });

  it.each([
    ["Softmax, times a constant,", ["Softmax", "Mul"]],
    ["Softmax, times a constant,", ["Softmax", "Identity", "Div", "Cast", "Flatten", "Mul"]],
    ["Softmax", ["Softmax", "Reshape"]],
  ])("takes a %s off the end: %j", async (removed, operators) => {
    const tail = operators.map((operator, index) => {
      const from = index === 0 ? "z" : `tail.${index - 1}`;
      const second = { Mul: "ten", Div: "ten", Reshape: "rows" }[operator];
      const attributes = operator === "Cast" ? [intAttribute("to", TensorProto_DataType.FLOAT)] : [];
      const inputs = second === undefined ? [from] : operator === "Mul" ? [second, from] : [from, second];
      return node(operator, inputs, index === operators.length - 1 ? "y" : `tail.${index}`, attributes);
    });
    const more = [floatTensor("ten", [], Float32Array.of(10)), int64Tensor("rows", [-1n, 5n])];
    const graph = { ...plainGraph(), node: [...classifierNodes("x", "z"), ...tail] };
    const foreign = model({ ...graph, initializer: [...parameters, ...more] });
    const { notes } = adaptClassifier(foreign, expected, { source: "it" });
    expect(notes).toEqual([`${removed} at the end was removed`]);
    expect((await run(serializeModel(foreign), images, [3, 3, 8, 8])).data).toEqual(plain.data);
  });

  it("keeps a temperature of logits, before a softmax and behind a logarithm of one", async () => {
    const ten = floatTensor("ten", [], Float32Array.of(10));
    const graph = { ...plainGraph(), initializer: [...parameters, ten] };
    for (const operators of [
      ["Mul", "Softmax"],
      ["LogSoftmax", "Mul"],
    ]) {
      const [first = "", second = ""] = operators;
      const inputs = (operator: string, from: string) => (operator === "Mul" ? [from, "ten"] : [from]);
      const tail = [node(first, inputs(first, "z"), "t"), node(second, inputs(second, "t"), "y")];
      const bytes = adapted(model({ ...graph, node: [...classifierNodes("x", "z"), ...tail] }));
      expectClose(
        (await run(bytes, images, [3, 3, 8, 8])).data,
        plain.data.map((value) => value * 10),
      );
    }
  });

  it("ends where the graph ends in a circle, which no model that was read has", () => {
    const circle = [node("Identity", ["y"], "z"), node("Identity", ["z"], "y")];
    const foreign = model({ ...plainGraph(), node: circle });
    expect(adaptClassifier(foreign, expected, { source: "it" }).notes).toEqual([]);
    expect(() => adapted(model({ ...plainGraph(), node: circle }))).toThrow("is not a valid ONNX model");
  });

  it("takes the output that was chosen", async () => {
    const graph = plainGraph();
    const second = node("Neg", ["y"], "z");
    const foreign = model({
      ...graph,
      node: [...(graph.node ?? []), second],
      output: [...(graph.output ?? []), floatValue("z", ["N", 5])],
    });
    expect((await run(adapted(foreign, { output: "y" }), images, [3, 3, 8, 8])).data).toEqual(plain.data);
    const negative = (await run(adapted(foreign, { output: "z" }), images, [3, 3, 8, 8])).data;
    expect(negative).toEqual(plain.data.map((value) => -value));
  });

  /** The plain classifier in another type of numbers, its images and logits in that type too. */
  const typed = (type: TensorProto_DataType, flat = false): ModelProto => {
    const inner = { ...plainGraph("N") };
    const cast = (from: string, to: string, target: TensorProto_DataType) =>
      node("Cast", [from], to, [intAttribute("to", target)]);
    const shape = int64Tensor("shape", [-1n, 3n, 8n, 8n]);
    const made = model({
      ...inner,
      node: [
        ...(flat ? [node("Reshape", ["x", "shape"], "square")] : [node("Identity", ["x"], "square")]),
        ...parameters.map(({ name }) => cast(name, `${name}.typed`, type)),
        ...classifierNodes("square", "z").map((one) => ({
          ...one,
          input: one.input.map((name) => (parameters.some((p) => p.name === name) ? `${name}.typed` : name)),
        })),
        node("Softmax", ["z"], "p", [intAttribute("axis", 1)]),
        cast("p", "p.float", TensorProto_DataType.FLOAT),
        cast("p.float", "y", type),
      ],
      initializer: [...parameters, shape],
      input: [floatValue("x", flat ? ["N", 192] : ["N", 3, 8, 8])],
    });
    for (const value of [...(made.graph?.input ?? []), ...(made.graph?.output ?? [])])
      if (value.type?.value.case === "tensorType") value.type.value.value.elemType = type;
    return made;
  };

  it("casts images and logits for a model of float16", async () => {
    const foreign = typed(TensorProto_DataType.FLOAT16);
    // Foreign nodes may have any name.
    const [first] = foreign.graph?.node ?? [];
    if (first) first.name = "logits";
    const { notes } = adaptClassifier(foreign, expected, { source: "it" });
    expect(notes).toEqual([expect.stringContaining("float16"), "Softmax at the end was removed"]);
    const { data } = await run(serializeModel(foreign), images, [3, 3, 8, 8]);
    expect(data).toBeInstanceOf(Float32Array);
    for (const [index, value] of plain.data.entries())
      expect(Math.abs((data[index] ?? NaN) - value)).toBeLessThan(0.02);
  });

  it("takes images as rows of numbers once the layout is named", async () => {
    const rows = typed(TensorProto_DataType.FLOAT, true);
    const normalization = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] };
    for (const options of [{}, { normalization }]) {
      const wanted = await run(adapted(model(plainGraph()), options), images, [3, 3, 8, 8]);
      const bytes = adapted(rows, { ...options, layout: "nchw" });
      expectClose((await run(bytes, images, [3, 3, 8, 8])).data, wanted.data);
    }
    const reversed = fromBinary(ModelProtoSchema, serializeModel(rows));
    const [first] = reversed.graph?.node ?? [];
    if (first) Object.assign(first, { output: ["turned"], name: "first" });
    const shape = reversed.graph?.initializer.find(({ name }) => name === "shape");
    if (shape) shape.rawData = int64Tensor("shape", [-1n, 8n, 8n, 3n]).rawData;
    reversed.graph?.node.splice(
      1,
      0,
      node("Transpose", ["turned"], "square", [intsAttribute("perm", [0, 3, 1, 2])]),
    );
    expectClose((await run(adapted(reversed, { layout: "nhwc" }), images, [3, 3, 8, 8])).data, plain.data);
  });

  it("believes --layout where the model gives its input no shape", async () => {
    const shapeless = model(plainGraph());
    const type = shapeless.graph?.input[0]?.type;
    if (type?.value.case === "tensorType") delete type.value.value.shape;
    expectClose((await run(adapted(shapeless, { layout: "nchw" }), images, [3, 3, 8, 8])).data, plain.data);
  });

  it("survives models whose inner values have the standard names", async () => {
    const graph = plainGraph();
    const renamed = {
      ...graph,
      node: [node("Identity", ["logits"], "images"), ...classifierNodes("images", "y")],
      input: [floatValue("logits", ["N", 3, 8, 8])],
    };
    expect((await run(adapted(model(renamed)), images, [3, 3, 8, 8])).data).toEqual(plain.data);
    const swapped = {
      ...graph,
      node: classifierNodes("logits", "images"),
      input: [floatValue("logits", ["N", 3, 8, 8])],
      output: [floatValue("images", ["N", 5])],
    };
    expect((await run(adapted(model(swapped)), images, [3, 3, 8, 8])).data).toEqual(plain.data);
  });

  it("keeps the output that fits and drops the rest of the graph", () => {
    const graph = plainGraph();
    const more = {
      ...graph,
      node: [...(graph.node ?? []), node("Relu", ["b"], "features")],
      output: [...(graph.output ?? []), floatValue("features", ["N", 4, 4, 4])],
    };
    const bytes = adapted(model(more));
    expect(parseModel(bytes, "it").graph?.node.map(({ opType }) => opType)).toEqual([
      "Conv",
      "Relu",
      "Flatten",
      "Gemm",
    ]);
  });
});

describe("adaptClassifier refuses", () => {
  const refused = (foreign: ModelProto, options?: Partial<AdaptOptions>): InputError => {
    try {
      adapted(foreign, options);
    } catch (error) {
      if (error instanceof InputError) return error;
    }
    throw new Error("it was not refused");
  };

  it("another number of classes", () => {
    const foreign = model({ ...plainGraph(), output: [floatValue("y", ["N", 100])] });
    expect(refused(foreign).message).toBe("the test's model answers 100 classes, but test-images has 5");
  });

  it("images of another size, and says which", () => {
    const foreign = model({ ...plainGraph(), input: [floatValue("x", [1, 3, 224, 224])] });
    expect(refused(foreign).detail).toMatchObject({
      expected: "float32 [batch, 3, 8, 8] (nchw) or float32 [batch, 8, 8, 3] (nhwc)",
      found: '"x", float32 [1, 3, 224, 224]',
    });
  });

  it("a shape that could be either layout, until one is named", () => {
    const foreign = model({ ...plainGraph(), input: [floatValue("x", ["N", "a", "b", "c"])] });
    expect(refused(foreign).detail.fix).toBe("mtard teacher import with --layout");
    expect(adapted(foreign, { layout: "nchw" }).length).toBeGreaterThan(0);
  });

  it("a layout that its shape contradicts", () => {
    expect(refused(model(plainGraph()), { layout: "nhwc" }).detail.expected).toBe(
      "float32 [batch, 8, 8, 3] (nhwc)",
    );
  });

  it("two inputs, and two outputs that could be the logits", () => {
    const graph = plainGraph();
    const inputs = [...(graph.input ?? []), floatValue("second", [1])];
    expect(refused(model({ ...graph, input: inputs })).detail.found).toContain("2 inputs");
    const outputs = [floatValue("y", ["N", 5]), floatValue("z", ["N", 5])];
    const several = refused(model({ ...graph, output: outputs }));
    expect(several.message).toContain("several outputs");
    expect(several.detail).toMatchObject({
      expected: expect.stringContaining("y, z") as string,
      fix: expect.stringContaining("--output y") as string,
    });
  });

  it.each([
    ["string", TensorProto_DataType.STRING],
    ["bool", TensorProto_DataType.BOOL],
    ["complex64", TensorProto_DataType.COMPLEX64],
  ])("an input of %s", (name, elemType) => {
    const foreign = model(plainGraph());
    const type = foreign.graph?.input[0]?.type;
    if (type?.value.case === "tensorType") type.value.value.elemType = elemType;
    expect(refused(foreign).detail.found).toContain(name);
  });

  it("rows of numbers, or an input without a shape, until the layout is named", () => {
    const rows = model({ ...plainGraph(), input: [floatValue("x", ["N", 192])] });
    expect(refused(rows).detail).toMatchObject({
      found: '"x", float32 [N, 192]',
      fix: "mtard teacher import with --layout",
    });
    const shapeless = model(plainGraph());
    const type = shapeless.graph?.input[0]?.type;
    if (type?.value.case === "tensorType") delete type.value.value.shape;
    expect(refused(shapeless).detail).toMatchObject({
      found: '"x", float32 of unknown shape',
      fix: "mtard teacher import with --layout",
    });
  });

  it("rows of another length", () => {
    const rows = model({ ...plainGraph(), input: [floatValue("x", ["N", 3072])] });
    expect(refused(rows, { layout: "nchw" }).message).toContain("does not take the images");
  });

  it("an output that is not there, and one that does not fit", () => {
    const graph = plainGraph();
    const more = { ...graph, output: [...(graph.output ?? []), floatValue("b", ["N", 4, 4, 4])] };
    const missing = refused(model(more), { output: "yy" });
    expect(missing.message).toContain('has no output "yy"');
    expect(missing.detail.expected).toBe("one of y, b");
    expect(refused(model(more), { output: "b" }).message).toContain("no output that could be the logits");
  });

  it("a sigmoid at the end", () => {
    const graph = { ...plainGraph(), node: [...classifierNodes("x", "z"), node("Sigmoid", ["z"], "y")] };
    expect(refused(model(graph)).message).toBe("the test's model ends in a sigmoid");
  });
});

describe("a real model of opset 9 with its batch fixed at 1", () => {
  it.skipIf(!hasShared)("gives the original's logits, alone and in a batch of 3", async () => {
    const path = shared("teachers/cifar10-resnet4b.onnx");
    const original = readFileSync(path);
    const foreign = parseModel(original, path);
    const cifar10 = { name: "cifar10", image: { height: 32, width: 32, channels: 3 }, classes: 10 };
    const { notes } = adaptClassifier(foreign, cifar10, { source: path });
    expect(notes).toEqual(["the batch size, fixed at 1, was made free"]);
    const bytes = serializeModel(foreign);

    const three = values(3 * 3072, 7);
    const together = (await run(bytes, three, [3, 3, 32, 32])).data;
    for (let index = 0; index < 3; index++) {
      const one = three.slice(index * 3072, (index + 1) * 3072);
      const wanted = (await run(original, one, [1, 3, 32, 32])).data;
      expect((await run(bytes, one, [1, 3, 32, 32])).data).toEqual(wanted);
      expectClose(together.slice(index * 10, (index + 1) * 10), wanted);
    }
  });
});
