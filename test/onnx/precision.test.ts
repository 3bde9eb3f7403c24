import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { type ModelProto, TensorProto_DataType, TensorProtoSchema } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { adaptClassifier } from "#mtard/onnx/adapt.js";
import { floatTensor, intAttribute, node } from "#mtard/onnx/build.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { parseModel, serializeModel } from "#mtard/onnx/model.js";
import { floatsOf } from "#mtard/onnx/widen.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";
import { hasShared, shared } from "../shared.js";
import { classifierNodes, image, model, parameters, plainGraph, values } from "./models.js";

const { FLOAT, FLOAT16, BFLOAT16, DOUBLE } = TensorProto_DataType;
const expected = { name: "test-images", image, classes: 5 };
const images = values(3 * 192, 9).map((value) => value / 2 + 0.5);

async function run(bytes: Uint8Array, dims = [3, 3, 8, 8], feed = images): Promise<Float32Array> {
  const { InferenceSession, Tensor } = onnxRuntime();
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const [input = ""] = session.inputNames;
  const results = await session.run({ [input]: new Tensor("float32", feed, dims) });
  await session.release();
  return results[session.outputNames[0] ?? ""]?.data as Float32Array;
}

/** The upper half of a float32 number is bfloat16; float16 of a number that it has. */
function encoded(type: TensorProto_DataType, data: Float32Array): Uint8Array<ArrayBuffer> {
  if (type === DOUBLE) return new Uint8Array(Float64Array.from(data).buffer);
  const bits = new Uint32Array(Float32Array.from(data).buffer);
  if (type === BFLOAT16) return new Uint8Array(Uint16Array.from(bits, (word) => word >>> 16).buffer);
  return new Uint8Array(
    Uint16Array.from(bits, (word) =>
      word << 1 === 0
        ? 0
        : ((word >>> 16) & 0x8000) | ((((word >>> 23) & 255) - 112) << 10) | ((word >>> 13) & 1023),
    ).buffer,
  );
}

/** Weights that all of the types have: three bits of fraction, not too small. */
const coarse = parameters.map(({ name, dims, rawData }) => {
  const data = new Float32Array(Uint8Array.from(rawData).buffer).map((value) => Math.round(value * 64) / 64);
  const short = data.map((value) => (value === 0 ? 0 : Number(value.toPrecision(1)) > 0 ? 0.125 : -0.125));
  return floatTensor(name, dims.map(Number), short);
});

/** The plain classifier with weights, images and logits of another type. */
function typed(type: TensorProto_DataType): ModelProto {
  const foreign = model({
    ...plainGraph(),
    initializer: coarse.map(({ name, dims, rawData }) =>
      create(TensorProtoSchema, {
        ...{ name, dims, dataType: type },
        rawData: encoded(type, new Float32Array(Uint8Array.from(rawData).buffer)),
      }),
    ),
  });
  for (const value of [...(foreign.graph?.input ?? []), ...(foreign.graph?.output ?? [])])
    if (value.type?.value.case === "tensorType") value.type.value.value.elemType = type;
  return foreign;
}

describe("floatsOf", () => {
  it("gives the numbers that ONNX Runtime gives for all 65,536 of float16", async () => {
    const { InferenceSession, Tensor } = onnxRuntime();
    const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
    const cast = model({
      node: [node("Cast", ["x"], "y", [intAttribute("to", FLOAT)])],
      input: typed(FLOAT16).graph?.input ?? [],
      output: [],
    });
    const [input] = cast.graph?.input ?? [];
    const [output] = plainGraph().output ?? [];
    if (input?.type?.value.case === "tensorType") delete input.type.value.value.shape;
    cast.graph?.output.push(...(model({ output: output ? [output] : [] }).graph?.output ?? []));
    const made = cast.graph?.output[0];
    if (made?.type?.value.case === "tensorType") delete made.type.value.value.shape;
    const session = await InferenceSession.create(serializeModel(cast), { logSeverityLevel: 3 });
    const results = await session.run({ x: new Tensor("float16", all, [65_536]) });
    const wanted = results["y"]?.data as Float32Array;
    const found = new Float32Array(
      floatsOf({ dataType: FLOAT16, rawData: new Uint8Array(all.buffer) }).buffer,
    );
    expect(found).toEqual(wanted);
    await session.release();
  });

  it("takes bfloat16 for the upper half of float32", () => {
    const wanted = Float32Array.of(1, -2.5, 3e38, 0, -0, Infinity);
    const bits = encoded(BFLOAT16, wanted);
    const found = new Float32Array(floatsOf({ dataType: BFLOAT16, rawData: bits }).buffer);
    expect(found[2]).toBeCloseTo(2.99e38, -37);
    expect([...found].toSpliced(2, 1)).toEqual([1, -2.5, 0, -0, Infinity]);
    const listed = { dataType: BFLOAT16, rawData: new Uint8Array(), int32Data: [0x3f80, 0xc020] };
    expect([...new Float32Array(floatsOf(listed).buffer)]).toEqual([1, -2.5]);
  });

  it("keeps numbers beyond float32 finite", () => {
    const listed = {
      dataType: DOUBLE,
      rawData: new Uint8Array(),
      doubleData: [-1.7e308, 1.7e308, -Infinity, 0.1],
    };
    const found = [...new Float32Array(floatsOf(listed).buffer)];
    expect(found).toEqual([-3.4028234663852886e38, 3.4028234663852886e38, -Infinity, Math.fround(0.1)]);
  });
});

describe("adaptClassifier brings to float32", () => {
  const plain = run(serializeModel(model({ ...plainGraph(), initializer: coarse })));

  it.each([
    ["float16", FLOAT16],
    ["bfloat16", BFLOAT16],
    ["float64", DOUBLE],
  ])("a whole model of %s, says so, and has a gradient of it", async (name, type) => {
    const foreign = parseModel(serializeModel(typed(type)), "it");
    const { notes } = adaptClassifier(foreign, expected, { source: "it" });
    expect(notes).toEqual([expect.stringContaining(`its ${name} numbers`)]);
    expect(await run(serializeModel(foreign))).toEqual(await plain);
    expect(differentiate(foreign).classes).toBe(5);
  });

  it("a mixture: images cast to float16 and logits back, weights rounded as the model does", async () => {
    const cast = (from: string, to: string, type: number) =>
      node("Cast", [from], to, [intAttribute("to", type)]);
    const inner = classifierNodes("x16", "y16");
    for (const one of inner) one.input = one.input.map((name) => (name.includes(".") ? `${name}.16` : name));
    const casts = parameters.map(({ name }) => cast(name, `${name}.16`, FLOAT16));
    const foreign = model({
      ...plainGraph(),
      node: [cast("x", "x16", FLOAT16), ...casts, ...inner, cast("y16", "y", FLOAT)],
    });
    const original = await run(serializeModel(foreign));
    adaptClassifier(foreign, expected, { source: "it" });
    const found = await run(serializeModel(foreign));
    for (const [index, value] of original.entries())
      expect(Math.abs((found[index] ?? NaN) - value)).toBeLessThan(0.004);
    const unrounded = await run(serializeModel(model(plainGraph())));
    expect(found).not.toEqual(unrounded);
    expect(differentiate(foreign).classes).toBe(5);
  });

  it.skipIf(!hasShared)("a float16 model of PyTorch, within float16's rounding", async () => {
    const bytes = readFileSync(shared("inputs/float16.onnx"));
    const { InferenceSession, Tensor } = onnxRuntime();
    const three = values(3 * 3072, 5).map((value) => Math.round((value / 2 + 0.5) * 256) / 256);
    const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const feed = new Tensor("float16", new Uint16Array(encoded(FLOAT16, three).buffer), [3, 3, 32, 32]);
    const results = await session.run({ input: feed });
    const answer = results[session.outputNames[0] ?? ""]?.data as Uint16Array;
    const wanted = new Float32Array(
      floatsOf({ dataType: FLOAT16, rawData: new Uint8Array(Uint16Array.from(answer).buffer) }).buffer,
    );
    const foreign = parseModel(bytes, "it");
    const cifar10 = { name: "cifar10", image: { height: 32, width: 32, channels: 3 }, classes: 10 };
    adaptClassifier(foreign, cifar10, { source: "it" });
    const found = await run(serializeModel(foreign), [3, 3, 32, 32], three);
    for (const [index, value] of wanted.entries())
      expect(Math.abs((found[index] ?? NaN) - value)).toBeLessThan(1e-3);
    expect(differentiate(foreign).classes).toBe(10);
  });
});
