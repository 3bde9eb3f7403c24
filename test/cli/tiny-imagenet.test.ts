import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasShared, shared } from "../shared.js";
import { mtardJson, workFolder } from "./mtard.js";

const work = workFolder();
afterAll(() => work.remove());

const train = (method: string, limit: number, epochs = 1): string[] => {
  const size = [
    "--batch-size",
    "16",
    "--epochs",
    String(epochs),
    "--limit-train",
    String(limit),
    "--limit-test",
    "16",
  ];
  const dataset = ["--dataset", "tiny-imagenet", "--method", method, "--student", "resnet-8"];
  return ["train", ...dataset, ...size, "--set", "innerSteps=2", "--out", method];
};

/** The lines of a run's metrics that are about a step. */
const stepsOf = (run: string): Partial<Record<string, number>>[] =>
  readFileSync(join(work.path, run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Partial<Record<string, number>>)
    .filter(({ lossNat }) => lossNat !== undefined);

describe.skipIf(!hasShared)("Tiny-ImageNet from its archive to a student", () => {
  it("trains 20 steps with two teachers that were trained, exported and imported here", async () => {
    const archive = shared("data/tiny-imagenet-200-subset.zip");
    expect(await mtardJson(["data", "tiny-imagenet", "--from", archive], work.path)).toMatchObject({
      train: 1000,
      test: 600,
      classes: 200,
    });
    for (const [method, name, epochs] of [
      ["natural", "clean", 8],
      ["sat", "robust", 1],
    ] as const) {
      await mtardJson(train(method, 32, epochs), work.path);
      const weights = ["--weights", `${name}.safetensors`];
      await mtardJson(["export", method, "--to", "safetensors", "--out", `${name}.safetensors`], work.path);
      const imported = ["--name", name, "--dataset", "tiny-imagenet", "--network", "resnet-8", ...weights];
      expect(await mtardJson(["teacher", "import", ...imported], work.path)).toMatchObject({
        teacher: { name, dataset: "tiny-imagenet", classes: 200, image: { height: 64, width: 64 } },
      });
    }
    const teachers = ["--clean-teacher", "clean", "--robust-teacher", "robust"];
    expect(await mtardJson([...train("b-mtard", 320), ...teachers], work.path)).toMatchObject({
      status: "finished",
      step: 20,
    });
    const steps = stepsOf("b-mtard");
    expect(steps).toHaveLength(20);
    for (const { lossNat = NaN, lossAdv = NaN, entropyNat = NaN, entropyAdv = NaN } of steps) {
      expect(Math.min(lossNat, lossAdv)).toBeGreaterThan(0);
      // Teachers that know little yet answer nearly every class alike.
      for (const entropy of [entropyNat, entropyAdv]) {
        expect(entropy).toBeGreaterThan(0.5 * Math.log(200));
        expect(entropy).toBeLessThan(Math.log(200) + 0.01);
      }
    }
    // A network that has seen the same 32 images eight times knows them better than at first.
    const losses = stepsOf("natural").map(({ lossNat = NaN }) => lossNat);
    expect(losses).toHaveLength(16);
    expect(losses[0]).toBeGreaterThan(0.8 * Math.log(200));
    expect(losses.at(-1)).toBeLessThan(0.6 * (losses[0] ?? 0));
  }, 120_000);
});
