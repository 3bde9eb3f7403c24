import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it, vi } from "vitest";
import { floatValue } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { openTried } from "#mtard/teacher/tried.js";
import { classifierNodes, image, model, parameters } from "../onnx/models.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-tried-"));
const trials = join(folder, "trials");
vi.stubEnv("MTARD_TRIALS", trials);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const tiny = { name: "test-images", image, classes: 5 };

const bytes = serializeModel(
  model({
    node: classifierNodes("images", "logits"),
    initializer: parameters,
    input: [floatValue("images", ["batch", 3, 8, 8])],
    output: [floatValue("logits", ["batch", 5])],
  }),
);

describe("openTried", () => {
  it("takes a file packed by gzip for the model inside", async () => {
    const [plain, packed] = [join(folder, "plain.onnx"), join(folder, "packed.onnx.gz")];
    writeFileSync(plain, bytes);
    writeFileSync(packed, gzipSync(bytes));
    const use = { batches: [4], gradient: false };
    const [one, other] = await Promise.all(
      [plain, packed].map((path) => openTried({ kind: "file", path }, tiny, use)),
    );
    expect(other?.stored.model).toEqual(one?.stored.model);
    expect(readdirSync(trials), "one record, as it is one model").toHaveLength(1);
    rmSync(trials, { recursive: true });
  });

  it("keeps what a model passed before: uses that take turns are not tried at every turn", async () => {
    const path = join(folder, "it.onnx");
    writeFileSync(path, bytes);
    const open = (batch: number, gradient: boolean) =>
      openTried({ kind: "file", path }, tiny, { batches: [batch], gradient });
    await open(16, false);
    await open(4, true);
    const [name = "", ...others] = readdirSync(trials);
    expect(others).toEqual([]);
    expect(JSON.parse(readFileSync(join(trials, name), "utf8"))).toMatchObject({ batch: 16, gradient: true });
  });
});
