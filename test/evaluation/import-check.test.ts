import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { checkImported, type ImportCheck } from "#mtard/evaluation/import-check.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import type { Normalization } from "#mtard/graph/network.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import { importTeacher, type ImportRequest } from "#mtard/teacher/import.js";
import { readManifest } from "#mtard/teacher/manifest.js";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { hasShared, shared } from "../shared.js";
import { cifar10 } from "../teacher/subset.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-look-"));
const dataDir = join(folder, "data");
afterAll(() => rmSync(folder, { recursive: true }));

async function look(
  from: ImportRequest["from"],
  normalization?: Normalization,
  data = dataDir,
): Promise<ImportCheck> {
  const teachersDir = join(folder, "teachers");
  const imported = await importTeacher({
    ...{ name: "it", dataset: cifar10, from, normalization, teachersDir },
    force: true,
  });
  const check = await checkImported(imported, data, { mostSeconds: Infinity });
  // What was seen is said, and never applied or kept.
  expect(readManifest(imported.folder)).toEqual(imported.manifest);
  expect(imported.manifest.measured).toBeUndefined();
  return check;
}

/** A network that knows nothing, as ONNX. */
function untrained(): ImportRequest["from"] {
  const network = createNetwork("resnet-8", cifar10);
  const path = join(folder, "untrained.onnx");
  const weights = initialWeights(network, Random.fromSeed(3));
  writeFileAtomically(path, networkToOnnx(network, weights, { version: "0", dataset: "cifar10" }));
  return { kind: "onnx", path };
}

it("says in a line that the data set is not packed", async () => {
  const { accuracy, warnings, skipped } = await look(untrained(), undefined, join(folder, "nothing"));
  expect({ accuracy, warnings }).toEqual({ accuracy: null, warnings: [] });
  expect(skipped).toBe(
    "the accuracy was not looked at, as cifar10 is not packed here: mtard data cifar10, then mtard teacher check it",
  );
});

describe.skipIf(!hasShared)("a teacher that was just imported, on packed CIFAR-10 images", () => {
  beforeAll(async () => {
    await prepareDataset("cifar10", dataDir, { from: shared("data/cifar-10-binary-subset.tar.gz") });
  });

  const weights = (file: string, network: string): ImportRequest["from"] => ({
    kind: "weights",
    path: shared(`teachers/${file}`),
    network,
  });
  const bytes = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };
  const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

  it("with its normalisation, has its accuracy and no warnings", async () => {
    const { accuracy, warnings, remedies } = await look(
      weights("cifar10-resnet56.th", "resnet-56"),
      imagenet,
    );
    expect({ warnings, remedies }).toEqual({ warnings: [], remedies: [] });
    expect(accuracy).toMatchObject({ split: "test", total: 400 });
    // 1,870 of all 2,000.
    expect((accuracy?.correct ?? 0) / 400).toBeCloseTo(0.935, 1);
  });

  it("without it, has the constants named that mend it, as flags", async () => {
    const { accuracy, warnings, remedies } = await look(weights("cifar10-resnet56.th", "resnet-56"));
    expect(accuracy?.correct).toBeLessThan(300);
    expect(remedies.map(({ normalization }) => normalization)).toContainEqual(imagenet);
    expect(warnings.join("\n")).toMatch(
      /import it again with --force --mean 0\.485,0\.456,0\.406 --std 0\.229,0\.224,0\.225/,
    );
  });

  it("with another than its own, too, and as ONNX", async () => {
    const path = shared("teachers/cifar10-resnet4b.onnx");
    const { accuracy, remedies, warnings } = await look({ kind: "onnx", path }, bytes);
    expect(accuracy?.correct).toBeLessThan(200);
    expect(remedies[0]?.accuracy.correct).toBeGreaterThan(280);
    expect(warnings[0]).toMatch(/--mean 0\.4914,0\.4822,0\.4465 --std/);
  });

  it("that needs none is told that those given are too many", async () => {
    const { warnings } = await look(
      { kind: "onnx", path: shared("teachers/cifar10-cnn-robust.onnx") },
      bytes,
    );
    expect(warnings.join("\n")).toMatch(/and without --mean and --std/);
  });

  it("that knows nothing is said to guess", async () => {
    const { accuracy, warnings, remedies } = await look(untrained());
    expect(remedies).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(`^${accuracy?.correct} of 400 is what guessing gives, and none of the usual`),
    ]);
  });

  it("is left alone where it is told to stop", async () => {
    const imported = await importTeacher({
      ...{ name: "stopped", dataset: cifar10, from: untrained(), teachersDir: join(folder, "teachers") },
    });
    expect(await checkImported(imported, dataDir, { signal: { aborted: true } })).toMatchObject({
      accuracy: null,
      skipped: "the accuracy was not looked at: stopped",
    });
  });
});
