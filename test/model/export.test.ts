import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";
import { exportModel } from "#mtard/model/export.js";
import { openModel } from "#mtard/model/model.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";

const ort = onnxRuntime();

const folder = mkdtempSync(join(tmpdir(), "mtard-export-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("exportModel", () => {
  const network = createNetwork("resnet-8", { image: { height: 32, width: 32, channels: 3 }, classes: 10 });
  const weights = initialWeights(network, Random.fromSeed(4));
  const exported = { network, weights, dataset: "cifar10" };

  it("writes large weights beside the graph: the same model, and the same weights when it is opened again", async () => {
    const answers: unknown[] = [];
    for (const [name, embedLimit] of [
      ["one.onnx", Infinity],
      ["two.onnx", 0],
    ] as const) {
      const path = join(folder, name);
      expect(await exportModel(exported, "onnx", path, { embedLimit })).toBeLessThan(1e-4);
      const session = await ort.InferenceSession.create(path);
      const images = new Float32Array(3072).fill(0.5);
      const { logits } = await session.run({ images: new ort.Tensor("float32", images, [1, 3, 32, 32]) });
      answers.push([...(logits?.data as Float32Array)]);
      await session.release();
      const again = await openModel({ kind: "file", path });
      for (const [key, { data }] of weights) expect(again.known?.weights.get(key)?.data, key).toEqual(data);
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(readdirSync(folder).sort()).toEqual(["one.onnx", "two.onnx", "two.onnx.data"]);
  });
});
