import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import type { MeasurementRecord } from "#mtard/evaluation/record.js";
import { contentsOf, main, mtard, mtardJson, workFolder } from "./mtard.js";

const work = workFolder();
const teacher = (name: string): string => resolve(import.meta.dirname, "../../teachers", name, "model.onnx");
const at = (file: string): string => join(work.path, file);

beforeAll(async () => {
  await prepareDataset("demo", at("data"));
  copyFileSync(teacher("demo-robust"), at("model.onnx"));
});
afterAll(() => work.remove());

/** Few steps of a large radius, so that every part of the work takes moments and some images withstand it. */
const NUMBERS = "--dataset demo --limit 24 --batch-size 6 --steps 2 --queries 8 --eps 16/255";
const CALL = `evaluate model.onnx --attacks aa ${NUMBERS}`;

const files = (name: string): string =>
  `--out ${name}.jsonl --save-adversarial ${name}.npz --runs-dir ${name}`;

/** The records of a model in a folder of runs, by attack. */
function recordsIn(runs: string, name = "model"): Record<string, { key: object; record: MeasurementRecord }> {
  const folder = at(`${runs}/evaluations/${name}`);
  if (!existsSync(folder)) return {};
  const records = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return Object.fromEntries(
    records.map((file) => [
      file.replace(/-[0-9a-f]{16}\.json$/, ""),
      JSON.parse(readFileSync(join(folder, file), "utf8")) as { key: object; record: MeasurementRecord },
    ]),
  );
}

/** How many batches are known, or -1 if there is no record. */
function batchesIn(runs: string): number {
  const records = Object.values(recordsIn(runs));
  if (records.length === 0) return -1;
  const clean = Math.max(...records.map(({ record }) => record.clean.length));
  return records.reduce((sum, { record }) => {
    const { attack } = record;
    return attack ? sum + 100 * attack.round + attack.batch + 1 : sum;
  }, clean);
}

/** Starts the call and kills it with SIGKILL once `batches` more batches are known than when it began. */
async function killAfter(batches: number, name: string, attacks = "aa"): Promise<void> {
  const before = batchesIn(name);
  const call = `${CALL.replace(" aa ", ` ${attacks} `)} ${files(name)}`;
  const child: ChildProcess = spawn(process.execPath, [main, ...call.split(" ")], {
    cwd: work.path,
    stdio: "ignore",
    env: { ...process.env, MTARD_DATA: "data", MTARD_DEVICE: "cpu" },
  });
  const closed = once(child, "close");
  let reached = before;
  for (let seen = 0; seen < batches && child.exitCode === null;) {
    await sleep(2);
    const now = batchesIn(name);
    if (now > reached) seen++;
    reached = Math.max(now, reached);
  }
  child.kill("SIGKILL");
  expect((await closed)[1]).toBe("SIGKILL");
  expect(batchesIn(name)).toBeGreaterThan(before);
}

const run = (line: string) => mtard(line.split(" "), work.path);

describe("an evaluation that is killed", () => {
  it("with kill -9 three times goes on to the same bytes", async () => {
    const whole = await mtardJson(`${CALL} ${files("whole")}`.split(" "), work.path);
    for (const batches of [8, 3, 3]) await killAfter(batches, "killed");
    const { code, stdout, stderr } = await run(`${CALL} ${files("killed")} --resume --json`);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("going on with aa");
    for (const file of ["jsonl", "npz"])
      expect(readFileSync(at(`killed.${file}`)).equals(readFileSync(at(`whole.${file}`))), file).toBe(true);
    const { attacks } = JSON.parse(stdout) as { attacks: Record<string, { robust: number }> };
    for (const [id, { robust }] of Object.entries(attacks)) {
      expect(robust).toBe((whole["attacks"] as typeof attacks)[id]?.robust);
      expect(robust).toBeGreaterThan(0);
      expect(robust).toBeLessThan((whole["clean"] as { correct: number }).correct);
    }
    const left = readdirSync(at("killed"), { recursive: true, encoding: "utf8" });
    expect(left.filter((file) => /images$|partial/.test(file))).toEqual([]);
  });

  it("is not gone on with under other settings, with another model or without its images, where --resume asks", async () => {
    await killAfter(8, "left");
    const call = `${CALL} ${files("left")}`;
    const before = contentsOf(at("left"));

    const seed = await run(`${call} --seed 1 --resume`);
    expect({ code: seed.code, stderr: seed.stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(
        /the unfinished aa is of another seed\n +expected +seed 0, as .*aa-[0-9a-f]{16}\.json was begun with\n +found +seed 1\n/,
      ) as string,
    });
    copyFileSync(teacher("demo-clean"), at("model.onnx"));
    const model = await run(`${call} --resume`);
    copyFileSync(teacher("demo-robust"), at("model.onnx"));
    expect(model.code).toBe(2);
    expect(model.stderr).toMatch(/another model\n +expected +model [0-9a-f]{12}\.\.\., as/);
    expect(contentsOf(at("left"))).toEqual(before);
    for (const file of readdirSync(at("left/evaluations/model")))
      if (file.endsWith(".images")) rmSync(at(`left/evaluations/model/${file}`));
    const images = await run(`${call} --resume`);
    expect(images.code).toBe(2);
    expect(images.stderr).toContain("the adversarial images of the unfinished aa are not all there");
  });

  it("goes on by itself, and is measured anew with --again", async () => {
    await killAfter(8, "again");
    const { code, stderr } = await run(`${CALL} ${files("again")}`);
    expect(code).toBe(0);
    expect(stderr).toContain("going on with aa");
    expect(readFileSync(at("again.jsonl")).equals(readFileSync(at("whole.jsonl")))).toBe(true);
    const known = await mtardJson(`${CALL} --out known.jsonl --runs-dir again`.split(" "), work.path);
    expect(known["known"]).toEqual(["aa"]);
    expect(readFileSync(at("known.jsonl")).equals(readFileSync(at("whole.jsonl")))).toBe(true);
    const anew = await mtardJson(`${CALL} --out anew.jsonl --runs-dir again --again`.split(" "), work.path);
    expect(anew["known"]).toEqual([]);
    expect(readFileSync(at("anew.jsonl")).equals(readFileSync(at("whole.jsonl")))).toBe(true);
  });
});

describe("saved adversarial images", () => {
  it("are within epsilon of the data set's, and as they are where they were wrong", async () => {
    const { weights } = await readWeightsFile(at("whole.npz"));
    expect([...weights.keys()]).toEqual(["adversarial_aa", "labels", "index"]);
    const outcomes = readFileSync(at("whole.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { label: number; clean: number; linf?: Record<string, number> });
    expect([...(weights.get("labels")?.data ?? [])]).toEqual(outcomes.map(({ label }) => label));
    expect([...(weights.get("index")?.data ?? [])]).toEqual([...outcomes.keys()]);
    const bytes = readFileSync(at("data/demo/test.bin"));
    const images = weights.get("adversarial_aa");
    expect(images?.shape).toEqual([24, 32, 32, 3]);
    for (const [index, { label, clean, linf }] of outcomes.entries()) {
      let largest = 0;
      for (let pixel = 3072 * index; pixel < 3072 * (index + 1); pixel++) {
        const change = Math.abs((images?.data[pixel] ?? NaN) - (bytes[pixel] as number) / 255);
        largest = Math.max(largest, change);
      }
      if (clean !== label) expect(largest).toBeLessThan(1e-7);
      else expect(largest).toBeGreaterThan(0);
      expect(largest).toBeLessThanOrEqual(16 / 255 + 1e-6);
      if (linf?.["aa"] !== undefined) expect(largest).toBeCloseTo(linf["aa"], 6);
    }
  });
});

describe("mtard attack", () => {
  it("shows the images asked for, and keeps them", async () => {
    const call =
      "attack model.onnx --dataset demo --attack fgsm --index 5,2 --out it.png --save-adversarial it.npz";
    const result = await mtardJson(call.split(" "), work.path);
    expect(result).toMatchObject({ attack: "fgsm", total: 2, picture: "it.png", adversarial: "it.npz" });
    expect((result["images"] as { index: number }[]).map(({ index }) => index)).toEqual([5, 2]);
    expect(readFileSync(at("it.png")).subarray(1, 4).toString()).toBe("PNG");
    const { weights } = await readWeightsFile(at("it.npz"));
    expect([...weights].map(([name, { shape }]) => [name, shape])).toEqual([
      ["images", [2, 32, 32, 3]],
      ["adversarial", [2, 32, 32, 3]],
      ["labels", [2]],
      ["index", [2]],
    ]);

    const own = "attack model.onnx --dataset demo --attack fgsm --images it.npz --out own.png";
    const again = await mtardJson(own.split(" "), work.path);
    const unplaced = (images: unknown) => (images as object[]).map((image) => ({ ...image, index: 0 }));
    expect(unplaced(again["images"])).toEqual(unplaced(result["images"]));
  });
});
