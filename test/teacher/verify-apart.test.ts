import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { floatValue, int64Tensor, intsAttribute, node } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { verifyClassifierApart } from "#mtard/teacher/verify-apart.js";
import { verifyClassifier } from "#mtard/teacher/verify.js";
import { classifierNodes, type GraphInit, image, model, parameters } from "../onnx/models.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-apart-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tiny = { name: "test-images", image, classes: 5 };

/** The tiny classifier in the standard form, or another graph in its place. */
function written(graph: Partial<GraphInit> = {}): string {
  const path = join(folder, "model.onnx");
  const plain: GraphInit = {
    node: classifierNodes("images", "logits"),
    initializer: parameters,
    input: [floatValue("images", ["batch", 3, 8, 8])],
    output: [floatValue("logits", ["batch", 5])],
  };
  writeFileSync(path, serializeModel(model({ ...plain, ...graph })));
  return path;
}

async function refusal(path: string): Promise<string> {
  const error: unknown = await verifyClassifierApart(path, tiny, "it.onnx").catch(
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof InputError)) throw new Error("it was not refused", { cause: error });
  return error.report();
}

describe("verifyClassifierApart", () => {
  it("answers what verifyClassifier does", async () => {
    const path = written();
    expect(await verifyClassifierApart(path, tiny, path)).toEqual(await verifyClassifier(path, tiny, path));
  });

  it("refuses what verifyClassifier does, in the same words", async () => {
    const path = written();
    const hundred = { ...tiny, classes: 100 };
    const [apart, here] = await Promise.all(
      [verifyClassifierApart, verifyClassifier].map((verify) =>
        verify(path, hundred, "it.onnx").catch((error: unknown) => (error as InputError).report()),
      ),
    );
    expect(apart).toContain("it.onnx answers 5 classes, but test-images has 100");
    expect(apart).toBe(here);
  });

  it("outlives a model that ends ONNX Runtime", async () => {
    const [, ...others] = classifierNodes("images", "logits");
    const strides = [intsAttribute("kernel_shape", [3, 3]), intsAttribute("strides", [0, 0])];
    const first = node("Conv", ["images", "conv.weight", "conv.bias"], "a", strides);
    expect(await refusal(written({ node: [first, ...others] }))).toBe(
      [
        "error: ONNX Runtime cannot run it.onnx",
        "  expected  a classifier that ONNX Runtime can run",
        "  found     it ended ONNX Runtime with SIGFPE",
        "  try       check the file with onnx.checker, or export it again",
      ].join("\n"),
    );
  });

  it("outlives a model that asks for 40 GB", async () => {
    const nodes = [
      ...classifierNodes("images", "before"),
      node("ConstantOfShape", ["many"], "zeros"),
      node("ReduceMax", ["zeros"], "nothing", []),
      node("Add", ["before", "nothing"], "logits"),
    ];
    const initializer = [...parameters, int64Tensor("many", [100_000n, 100_000n])];
    expect(await refusal(written({ node: nodes, initializer }))).toMatch(
      /bad_alloc|Failed to allocate|ended/,
    );
  });

  it("outlives a model that never ends", async () => {
    const scalar = (name: string, elemType: TensorProto_DataType) =>
      create(ValueInfoProtoSchema, {
        name,
        type: { value: { case: "tensorType", value: { elemType, shape: { dim: [] } } } },
      });
    const body = create(GraphProtoSchema, {
      name: "body",
      node: [node("Identity", ["going"], "still"), node("Relu", ["in"], "out")],
      input: [
        scalar("turn", TensorProto_DataType.INT64),
        scalar("going", TensorProto_DataType.BOOL),
        floatValue("in", ["batch", 5]),
      ],
      output: [scalar("still", TensorProto_DataType.BOOL), floatValue("out", ["batch", 5])],
    });
    const attribute = create(AttributeProtoSchema, {
      name: "body",
      type: AttributeProto_AttributeType.GRAPH,
      g: body,
    });
    const nodes = [
      ...classifierNodes("images", "before"),
      node("Loop", ["turns", "", "before"], "logits", [attribute]),
    ];
    const initializer = [...parameters, int64Tensor("turns", [2n ** 62n])];
    expect(await refusal(written({ node: nodes, initializer }))).toContain(
      "it took more than 3 s for a few images",
    );
  });
});
