import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { floatTensor, intAttribute, node } from "#mtard/onnx/build.js";
import { refuseBatchStatistics, trainingNodes } from "#mtard/onnx/inference-mode.js";
import { classifierNodes, type GraphInit, model, parameters, plainGraph } from "./models.js";

const flag = (value: boolean) =>
  create(TensorProtoSchema, {
    ...{ name: "training", dims: [], dataType: TensorProto_DataType.BOOL },
    rawData: Uint8Array.of(value ? 1 : 0),
  });
const half = floatTensor("half", [], Float32Array.of(0.5));

const found = (nodes: GraphInit["node"], more: GraphInit["initializer"] = []) =>
  trainingNodes(
    model({
      ...plainGraph(),
      node: [...classifierNodes("x", "y"), ...(nodes ?? [])],
      initializer: [...parameters, ...more],
    }),
  );

describe("trainingNodes", () => {
  it("finds none in a plain classifier, nor in dropout that is off", () => {
    expect(found([node("Dropout", ["y"], "d")])).toEqual({ random: [], mixing: [] });
    expect(found([node("Dropout", ["y", "half", "training"], "d")], [half, flag(false)]).random).toEqual([]);
    const untrained = node("BatchNormalization", ["a", "s", "s", "s", "s"], "n", [
      intAttribute("training_mode", 0),
    ]);
    expect(found([untrained]).mixing).toEqual([]);
  });

  it("names dropout that is on by an initializer or by a Constant node", () => {
    const dropout = node("Dropout", ["y", "half", "training"], "d");
    expect(found([dropout], [half, flag(true)]).random).toEqual(['Dropout "d"']);
    const value = create(AttributeProtoSchema, {
      name: "value",
      type: AttributeProto_AttributeType.TENSOR,
      t: flag(true),
    });
    expect(found([node("Constant", [], "training", [value]), dropout], [half]).random).toEqual([
      'Dropout "d"',
    ]);
  });

  it("looks into the graphs of nodes and into functions", () => {
    const inner = create(GraphProtoSchema, { node: [node("RandomNormalLike", ["y"], "noise")] });
    const branch = create(AttributeProtoSchema, {
      name: "then_branch",
      type: AttributeProto_AttributeType.GRAPH,
      g: inner,
    });
    expect(found([node("If", ["c"], "i", [branch])]).random).toEqual(['RandomNormalLike "noise"']);
    const own = model(plainGraph());
    own.functions = [
      { ...(create(GraphProtoSchema) as object), node: [node("Bernoulli", ["p"], "b")] } as never,
    ];
    expect(trainingNodes(own).random).toEqual(['Bernoulli "b"']);
  });
});

describe("refuseBatchStatistics", () => {
  it("names batch normalisation in training mode, and how to export it right", () => {
    const trained = node("BatchNormalization", ["a", "s", "s", "s", "s"], "n", [
      intAttribute("training_mode", 1),
    ]);
    const foreign = model({
      ...plainGraph(),
      node: [...classifierNodes("x", "y"), ...Array<typeof trained>(5).fill(trained)],
    });
    expect(() => refuseBatchStatistics(foreign, "it")).toThrow("it is in training mode");
    try {
      refuseBatchStatistics(foreign, "it");
    } catch (error) {
      expect(error).toMatchObject({
        detail: {
          found:
            'batch statistics or random numbers in BatchNormalization "n", BatchNormalization "n", BatchNormalization "n" and 2 more',
          fix: expect.stringContaining("model.eval()") as string,
        },
      });
    }
  });
});
