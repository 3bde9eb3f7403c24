import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { WorkError } from "#mtard/errors.js";
import { takePlace } from "#mtard/files/folder.js";
import { compareAndRecord } from "#mtard/teacher/check.js";
import { findDescription, type TeacherDescription } from "#mtard/teacher/descriptions.js";
import { compareWithPublished } from "#mtard/teacher/expectations.js";
import { formatManifest, readManifest, type TeacherManifest } from "#mtard/teacher/manifest.js";

const work = mkdtempSync(join(tmpdir(), "mtard-check-"));
afterAll(() => rmSync(work, { recursive: true }));

const folder = join(work, "good");
const manifest: TeacherManifest = {
  name: "good",
  dataset: "demo",
  classes: 10,
  image: { height: 32, width: 32, channels: 3 },
  file: "model.onnx",
  sha256: "0".repeat(64),
  source: { file: "model.onnx", sha256: "0".repeat(64), format: "onnx" },
  network: null,
  normalization: null,
  createdBy: "0.1.0",
};
beforeEach(() => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "teacher.json"), formatManifest(manifest));
});

const clean = (correct: number, total: number) => ({ split: "test", correct, total }) as const;
const attacked = (correct: number, total: number, change: { attack?: string; seed?: number } = {}) =>
  ({ attack: "pgd-sat", epsilon: 8 / 255, seed: 0, split: "test", correct, total, ...change }) as const;
const read = (): TeacherManifest => readManifest(folder);

describe("compareAndRecord, clean", () => {
  const compare = async (correct: number, total: number) =>
    (await compareAndRecord("good", folder, manifest.sha256, clean(correct, total), [])).clean.comparison;

  it("records the first measurement and one of more images, and keeps one of more", async () => {
    expect(await compare(80, 100)).toBe("recorded");
    expect(read().measured).toEqual(clean(80, 100));
    expect(await compare(820, 1000)).toBe("recorded");
    expect(await compare(80, 100)).toBe("other total");
    expect(read().measured).toEqual(clean(820, 1000));
  });

  it("tells equal, borderline and wrong apart, and changes nothing", async () => {
    await compare(820, 1000);
    const before = readFileSync(join(folder, "teacher.json"), "utf8");
    expect(await compare(820, 1000)).toBe("equal");
    expect(await compare(819, 1000)).toBe("borderline");
    await expect(compare(818, 1000)).rejects.toThrow(WorkError);
    expect(readFileSync(join(folder, "teacher.json"), "utf8")).toBe(before);
  });

  it("records nothing for a bare file", async () => {
    expect(await compareAndRecord("good", null, null, clean(1, 2), [attacked(1, 2)])).toMatchObject({
      clean: { comparison: "no manifest", before: null },
      robust: [{ comparison: "no manifest", before: null }],
    });
    expect(read()).toEqual(manifest);
  });
});

describe("compareAndRecord, under attack", () => {
  const compare = async (...robust: ReturnType<typeof attacked>[]) =>
    (await compareAndRecord("good", folder, manifest.sha256, clean(820, 1000), robust)).robust.map(
      ({ comparison }) => comparison,
    );

  it("records every attack once, with its seed, and replaces one of fewer images", async () => {
    expect(await compare(attacked(30, 100), attacked(35, 100, { attack: "fgsm" }))).toEqual([
      "recorded",
      "recorded",
    ]);
    expect(await compare(attacked(160, 500))).toEqual(["recorded"]);
    expect(await compare(attacked(31, 100))).toEqual(["other total"]);
    expect(await compare(attacked(161, 500, { seed: 7 }))).toEqual(["other total"]);
    expect(read().robust).toEqual([attacked(35, 100, { attack: "fgsm" }), attacked(160, 500)]);
    expect(read().measured).toEqual(clean(820, 1000));
  });

  it("tells equal, borderline (1%, or two images) and wrong apart", async () => {
    await compare(attacked(160, 500), attacked(20, 50, { attack: "fgsm" }));
    const before = read();
    expect(await compare(attacked(160, 500))).toEqual(["equal"]);
    expect(await compare(attacked(165, 500))).toEqual(["borderline"]);
    expect(await compare(attacked(18, 50, { attack: "fgsm" }))).toEqual(["borderline"]);
    await expect(compare(attacked(166, 500))).rejects.toThrow(/does not score/);
    await expect(compare(attacked(17, 50, { attack: "fgsm" }))).rejects.toThrow(WorkError);
    expect(read()).toEqual(before);
  });
});

describe("a teacher that was replaced while it was measured", () => {
  const newer = { ...manifest, sha256: "1".repeat(64) };
  const check = () => compareAndRecord("good", folder, manifest.sha256, clean(80, 100), [attacked(30, 100)]);
  const replaced = { clean: { comparison: "replaced" }, robust: [{ comparison: "replaced" }] };

  it("gets nothing recorded, and is not compared", async () => {
    writeFileSync(join(folder, "teacher.json"), formatManifest({ ...newer, measured: clean(3, 100) }));
    expect(await check()).toMatchObject(replaced);
    expect(read()).toEqual({ ...newer, measured: clean(3, 100) });
  });

  it("gets nothing recorded where that happens at the last moment, before the lock is had", async () => {
    const place = takePlace(folder, { busy: "busy", once: "one", instead: "another" });
    const checked = check();
    await place.put((partial) => {
      writeFileSync(join(partial, "teacher.json"), formatManifest(newer));
      return Promise.resolve();
    });
    place.release();
    expect(await checked).toMatchObject(replaced);
    expect(read()).toEqual(newer);
  });
});

describe("compareWithPublished", () => {
  const described = findDescription("cifar10-wide-resnet-34-10") as TeacherDescription;
  const verdicts = (...robust: ReturnType<typeof attacked>[]) =>
    compareWithPublished(described, clean(8491, 10_000), robust).filter(({ from }) =>
      from.includes("Table 2"),
    );

  it("allows three binomial standard deviations", () => {
    // sqrt(0.5455 * 0.4545 / 500) = 0.022268...: 3 of them are 6.68 points around the 55.30% of Table 2.
    const [cleanly, robustly] = verdicts(attacked(269, 500));
    expect(cleanly).toMatchObject({ what: "clean", expected: 0.8491, measured: 0.8491, agrees: true });
    expect(robustly).toMatchObject({ what: "pgd-sat", measured: 0.538, agrees: true });
    expect(robustly?.expected).toBeCloseTo(0.553, 12);
    expect(robustly?.samplingError).toBeCloseTo(0.0668, 4);
    expect(verdicts(attacked(244, 500))[1]?.agrees).toBe(true); // 48.8%: 6.50 points off, 6.70 allowed
    expect(verdicts(attacked(242, 500))[1]?.agrees).toBe(false); // 48.4%: 6.90 points off
    expect(verdicts(attacked(5530, 10_000))[1]?.agrees).toBe(true);
    expect(verdicts(attacked(5370, 10_000))[1]?.agrees).toBe(false); // 1.60 points off, 1.49 allowed
  });

  it("leaves room beside a published 0%", () => {
    const resnet = findDescription("cifar10-resnet-56-mtard") as TeacherDescription;
    const agrees = (correct: number): boolean | undefined =>
      compareWithPublished(resnet, clean(9318, 10_000), [attacked(correct, 500)]).find(
        ({ what }) => what === "pgd-sat",
      )?.agrees;
    expect([0, 4, 6].map(agrees)).toEqual([true, true, false]);
  });

  it("says nothing about other radii, and of attacks nobody published", () => {
    const robust = [{ ...attacked(1, 2), epsilon: 4 / 255 }, attacked(1, 2, { attack: "square" })];
    expect(compareWithPublished(described, clean(1, 2), robust).map(({ what }) => what)).toEqual([
      "clean",
      "clean",
    ]);
  });
});
