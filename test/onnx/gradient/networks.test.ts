import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { adaptClassifier } from "#mtard/onnx/adapt.js";
import { parseModel } from "#mtard/onnx/model.js";
import { relativeNorm } from "../../golden.js";
import { hasShared, shared } from "../../shared.js";
import { goldenGraphs, rows, runGradient } from "./models.js";

const graphs = await goldenGraphs("networks.safetensors");

describe.each(graphs)("%s", (name, { model, images, labels, logits, gradient }) => {
  const isShared = name.endsWith(".onnx");
  if (!labels || !logits) throw new Error(`"${name}" has no labels or no logits`);

  it.skipIf(isShared && !hasShared)("has PyTorch's logits, and gradient of the cross-entropy", async () => {
    const [count = 0, channels = 0, height = 0, width = 0] = images.shape;
    const parsed = parseModel(isShared ? readFileSync(shared(name)) : model, name);
    const classes = isShared ? (name.includes("cifar100") ? 100 : 10) : 5;
    adaptClassifier(parsed, { name: "test", image: { height, width, channels }, classes }, { source: name });
    const feeds = { images: rows(images, count), labels: rows(labels, count) };
    const found = await runGradient(parsed, "crossEntropy", feeds);
    expect(relativeNorm(found.logits, logits.data as Float32Array)).toBeLessThan(1e-4);
    expect(relativeNorm(found.gradient, gradient.data as Float32Array)).toBeLessThan(1e-4);
  });
});
