import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { type Tensor, torchLegacy, torchZip } from "../../scripts/bench/torch-file.mjs";

const folder = mkdtempSync(join(tmpdir(), "mtard-large-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("torch-file.mjs", () => {
  const tensors: Tensor[] = [
    { name: "matrix", shape: [2, 3], values: () => Float32Array.of(1, -2, 3, -4, 5, -6) },
    { name: "scalar", shape: [], values: () => Float32Array.of(0.5) },
  ];

  it.each([
    ["torch-zip", torchZip],
    ["torch-legacy", torchLegacy],
  ] as const)("writes %s, which is read back", async (format, encode) => {
    const path = join(folder, format);
    writeFileSync(path, Buffer.concat([...encode(tensors)]));
    const read = await readWeightsFile(path);
    expect(read.format).toBe(format);
    expect([...read.weights]).toEqual(
      tensors.map(({ name, shape, values }) => [name, { shape, data: values() }]),
    );
  });
});

describe("large-checkpoint.mjs", () => {
  it("imports what it made, runs it, says what that took, and leaves nothing", () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        "scripts/bench/large-checkpoint.mjs",
        ...[
          "--network",
          "resnet-8",
          "--dataset",
          "cifar10",
          "--format",
          "legacy",
          "--folder",
          folder,
          "--json",
        ],
      ],
      { encoding: "utf8" },
    );
    expect(status, stderr).toBe(0);
    const result = JSON.parse(stdout) as {
      bytes: number;
      import: { seconds: number; peakBytes: number };
      batch: { seconds: number; peakBytes: number; largestLogit: number };
    };
    // He et al.'s residual network with n = 1 for 10 classes: 75,290 trained values, and two statistics a batch-norm channel.
    expect(result.bytes).toBeGreaterThan(4 * (75_290 + 2 * (3 * 16 + 2 * 32 + 2 * 64)));
    expect(result.import.peakBytes).toBeGreaterThan(30e6);
    expect(result.batch.peakBytes).toBeGreaterThan(30e6);
    expect(result.import.seconds).toBeGreaterThan(0);
    expect(result.batch.largestLogit).toBeGreaterThan(1e-3);
    expect(result.batch.largestLogit).toBeLessThan(1e3);
    expect(readdirSync(folder).filter((name) => name.startsWith("mtard-large-"))).toEqual([]);
  });
});
