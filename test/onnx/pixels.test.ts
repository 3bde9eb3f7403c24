import { type ModelProto, TensorProto_DataType } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { adaptClassifier, type AdaptOptions } from "#mtard/onnx/adapt.js";
import { floatTensor, floatValue, intAttribute, intsAttribute, node } from "#mtard/onnx/build.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";
import { classifierNodes, type GraphInit, image, model, parameters, plainGraph } from "./models.js";

const { FLOAT, UINT8, INT32 } = TensorProto_DataType;
const expected = { name: "test-images", image, classes: 5 };
/** Each value of a pixel, and some twice. */
const pixels = Uint8Array.from({ length: 3 * 192 }, (_, index) => (index * 7) % 256);
const images = Float32Array.from(pixels, (value) => value / 255);

async function run(bytes: Uint8Array, feed: Float32Array | Uint8Array = images, dims = [3, 3, 8, 8]) {
  const { InferenceSession, Tensor } = onnxRuntime();
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const tensor =
    feed instanceof Float32Array ? new Tensor("float32", feed, dims) : new Tensor("uint8", feed, dims);
  const results = await session.run({ [session.inputNames[0] ?? ""]: tensor });
  await session.release();
  return results[session.outputNames[0] ?? ""]?.data as Float32Array;
}

const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
const cast = (from: string, to: string, type: number) => node("Cast", [from], to, [intAttribute("to", type)]);

/** The plain classifier behind other nodes, which make `z` of `x`. */
function behind(
  front: GraphInit["node"],
  more: GraphInit["initializer"] = [],
  type = FLOAT,
  shape: (number | string)[] = ["N", 3, 8, 8],
): ModelProto {
  const made = model({
    ...plainGraph(),
    node: [...(front ?? []), ...classifierNodes("z", "y")],
    initializer: [...parameters, ...more],
    input: [floatValue("x", shape)],
  });
  const [input] = made.graph?.input ?? [];
  if (input?.type?.value.case === "tensorType") input.type.value.value.elemType = type;
  return made;
}

function adapted(foreign: ModelProto, options: Partial<AdaptOptions> = {}) {
  const { notes } = adaptClassifier(foreign, expected, { source: "it", ...options });
  return { notes, bytes: serializeModel(foreign) };
}

describe("a classifier of whole-numbered pixels", () => {
  it("gets 255 times the image without its own cast, exactly and with a gradient", async () => {
    const foreign = behind(
      [
        cast("x", "w", INT32),
        node("Transpose", ["w"], "t", [intsAttribute("perm", [0, 3, 1, 2])]),
        cast("t", "f", FLOAT),
        node("Div", ["f", "white"], "z"),
      ],
      [scalar("white", 255)],
      UINT8,
      ["N", 8, 8, 3],
    );
    const turned = Uint8Array.from(pixels, (_, index) => {
      const [row, rest] = [Math.floor(index / 192), index % 192];
      return pixels[row * 192 + (rest % 3) * 64 + Math.floor(rest / 3)] ?? 0;
    });
    const wanted = await run(serializeModel(foreign), turned, [3, 8, 8, 3]);
    const { notes, bytes } = adapted(foreign);
    expect(notes).toEqual([expect.stringMatching(/uint8 pixels: .* without rounding/)]);
    expect(await run(bytes)).toEqual(wanted);
    expect(differentiate(foreign).classes).toBe(5);
  });

  it("gets rounded pixels where it computes with whole numbers, and says that there is no gradient", async () => {
    const seven = { ...scalar("one", 0), dataType: UINT8, rawData: Uint8Array.of(1) };
    const foreign = behind([node("Max", ["x", "one"], "m"), cast("m", "z", FLOAT)], [seven], UINT8);
    const wanted = await run(serializeModel(foreign), pixels);
    const { notes, bytes } = adapted(foreign);
    expect(notes).toEqual([expect.stringMatching(/rounded, so there is no gradient/)]);
    expect(await run(bytes)).toEqual(wanted);
    expect(() => differentiate(foreign)).toThrow(InputError);
  });

  it("takes no normalisation", () => {
    const foreign = behind([cast("x", "z", FLOAT)], [], UINT8);
    const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
    expect(() => adapted(foreign, { normalization })).toThrow("takes pixels from 0 to 255");
  });
});

describe("a classifier of float32 pixels from 0 to 255", () => {
  const channels = (name: string, values: number[]) =>
    floatTensor(name, [1, 3, 1, 1], Float32Array.from(values));

  it.each<[string, GraphInit["node"], GraphInit["initializer"]]>([
    ["division by 255", [node("Div", ["x", "by"], "z")], [scalar("by", 255)]],
    ["a factor of 1/255", [node("Mul", ["by", "x"], "z")], [scalar("by", 1 / 255)]],
    [
      "a mean of colours",
      [node("Identity", ["x"], "i"), node("Sub", ["i", "m"], "s"), node("Div", ["s", "d"], "z")],
      [channels("m", [123.7, 116.3, 103.5]), channels("d", [58.4, 57.1, 57.4])],
    ],
  ])("is known by %s", async (_, front, more) => {
    const foreign = behind(front, more);
    const wanted = await run(serializeModel(foreign), Float32Array.from(pixels));
    const { notes, bytes } = adapted(foreign);
    expect(notes).toEqual(["it takes pixels from 0 to 255, as its first nodes say: images go in times 255"]);
    expect(await run(bytes)).toEqual(wanted);
  });

  it.each<[string, GraphInit["node"], GraphInit["initializer"]]>([
    [
      "a usual normalisation",
      [node("Sub", ["x", "m"], "s"), node("Div", ["s", "d"], "z")],
      [channels("m", [0.49, 0.48, 0.44]), channels("d", [0.2, 0.19, 0.2])],
    ],
    [
      "2 x - 1",
      [node("Mul", ["x", "two"], "s"), node("Sub", ["s", "one"], "z")],
      [scalar("two", 2), scalar("one", 1)],
    ],
  ])("is not seen in %s", async (_, front, more) => {
    const foreign = behind(front, more);
    const wanted = await run(serializeModel(foreign));
    const { notes, bytes } = adapted(foreign);
    expect(notes).toEqual([]);
    expect(await run(bytes)).toEqual(wanted);
  });

  it("is what --pixels says, and --mean and --std say that it is not", async () => {
    const wanted = await run(serializeModel(model(plainGraph())), Float32Array.from(pixels));
    const { notes, bytes } = adapted(model(plainGraph()), { pixels: "0..255" });
    expect(notes).toEqual(["it takes pixels from 0 to 255: images go in times 255"]);
    expect(await run(bytes)).toEqual(wanted);
    const divided = behind([node("Div", ["x", "by"], "z")], [scalar("by", 255)]);
    const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
    expect(adapted(divided, { normalization }).notes).toEqual([]);
    expect(() => adapted(model(plainGraph()), { normalization, pixels: "0..255" })).toThrow(InputError);
  });
});
