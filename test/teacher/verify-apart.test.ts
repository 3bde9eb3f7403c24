import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type NodeProto, NodeProtoSchema, TensorProto_DataType } from "onnx-buf";
import { afterAll, describe, expect, it, vi } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { tryApart, verifyClassifierApart } from "#mtard/teacher/verify-apart.js";
import { verifyClassifier } from "#mtard/teacher/verify.js";
import {
  classifierNodes,
  fatalGraph,
  type GraphInit,
  image,
  loopingGraph,
  model,
  parameters,
} from "../onnx/models.js";

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

  it("blames no model where set-up was not run", async () => {
    const path = written();
    vi.stubEnv("MTARD_CACHE", dirname(path));
    try {
      const error: unknown = await verifyClassifierApart(path, tiny, "it.onnx").catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(WorkError);
      expect((error as WorkError).report()).toMatch(/^error: the engines are not set up\n[^]*mtard setup$/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("outlives a model that ends ONNX Runtime", async () => {
    expect(await refusal(written(fatalGraph()))).toBe(
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

  it("outlives a model that never ends, and says what to do where it is meant to take long", async () => {
    expect(await refusal(written(loopingGraph(2n ** 62n)))).toMatch(
      /it took more than 3 s for a few images\n {2}try .* MTARD_TRIAL_FACTOR=4$/,
    );
  });

  /** The tiny classifier, and nodes that make a float scalar of the batch size, which is added to its logits. */
  function following(...nodes: NodeProto[]): Partial<GraphInit> {
    const size = [node("Shape", ["images"], "shape"), node("Gather", ["shape", "first"], "n")];
    return {
      node: [
        ...classifierNodes("images", "before"),
        ...size,
        ...nodes,
        node("ReduceMean", ["made"], "mean", [intAttribute("keepdims", 0)]),
        node("Add", ["before", "mean"], "logits"),
      ],
      initializer: [
        ...parameters,
        int64Tensor("first", [0n]),
        int64Tensor("few", [10_000n]),
        int64Tensor("bad", [7n]),
      ],
    };
  }

  it("outlives a model whose memory follows the batch size, at the batch it will meet", async () => {
    const squares = node("Mul", ["n", "n"], "n2");
    const path = written(
      following(
        squares,
        node("Mul", ["n2", "n2"], "n4"),
        node("Mul", ["n4", "few"], "many"),
        node("ConstantOfShape", ["many"], "made"),
      ),
    );
    const asked = { model: path, expected: tiny, source: "it.onnx" };
    expect((await tryApart(asked)).logits).toHaveLength(15);
    await expect(tryApart({ ...asked, batches: [64] })).rejects.toThrow(/it\.onnx/);
  });

  it("counts the memory of answers and of gradients together, as an evaluation needs both", async () => {
    const pads = [0n, 0n, 0n, 0n, 0n, 0n, 0n, 40_000n];
    const path = written({
      node: [
        node("Pad", ["images", "pads"], "wide"),
        node("Pad", ["wide", "crops"], "again"),
        ...classifierNodes("again", "logits"),
      ],
      initializer: [
        ...parameters,
        int64Tensor("pads", pads),
        int64Tensor(
          "crops",
          pads.map((pad) => -pad),
        ),
      ],
    });
    const order = { model: path, expected: tiny, source: "it.onnx", batches: [128] };
    await expect(tryApart(order)).resolves.toMatchObject({ logits: expect.any(Float32Array) as unknown });
    await expect(tryApart({ ...order, gradient: true })).rejects.toThrow(
      "it.onnx takes more memory for the gradient of 128 images at once than a classifier of its size needs",
    );
  });

  it("tries other batch sizes too, where a graph may choose by them", async () => {
    const path = written(
      following(
        node("Sub", ["n", "bad"], "gap"),
        node("Div", ["few", "gap"], "quotient"),
        node("Mul", ["quotient", "first"], "nothing"),
        node("Cast", ["nothing"], "made", [intAttribute("to", TensorProto_DataType.FLOAT)]),
      ),
    );
    const asked = { model: path, expected: tiny, source: "it.onnx" };
    await expect(tryApart({ ...asked, batches: [32] })).rejects.toMatchObject({
      detail: { found: expect.stringContaining("SIGFPE") as string },
    });
  });

  it("refuses branches that follow chance", async () => {
    const drawn = create(NodeProtoSchema, { opType: "RandomUniform", output: ["drawn"] });
    drawn.attribute.push(intsAttribute("shape", [1]));
    const path = written({
      node: [
        drawn,
        node("Greater", ["drawn", "often"], "unlucky"),
        node("Cast", ["unlucky"], "size", [intAttribute("to", TensorProto_DataType.INT64)]),
        node("Expand", ["images", "size"], "same"),
        ...classifierNodes("same", "logits"),
      ],
      initializer: [...parameters, floatTensor("often", [1], Float32Array.of(-1))],
    });
    expect(await refusal(path)).toContain('Expand, node "same", follows the values in the images, or chance');
  });

  it("refuses sizes that follow the values in the images", async () => {
    const path = written({
      node: [
        ...classifierNodes("images", "before"),
        node("NonZero", ["images"], "places"),
        node("Shape", ["places"], "many"),
        node("ConstantOfShape", ["many"], "made"),
        node("ReduceMean", ["made"], "mean", [intAttribute("keepdims", 0)]),
        node("Add", ["before", "mean"], "logits"),
      ],
    });
    expect(await refusal(path)).toContain("it.onnx works differently for different images");
  });
});
