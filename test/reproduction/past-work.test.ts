import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attackKey } from "#mtard/evaluation/key.js";
import { openStore } from "#mtard/evaluation/store.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { readPastWork } from "#mtard/reproduction/past-work.js";
import { Random } from "#mtard/runtime/random.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { makeStores, SHAPE, tinySettings } from "../training/tiny-run.js";

let root: string;
const places = (runs: string) => ({ runsDir: join(root, runs), dataDir: root, teachersDir: root });

/** The teacher's checksum, as a run's inputs have it. */
const sha256Of = (name: string): string =>
  (JSON.parse(readFileSync(join(root, name, "teacher.json"), "utf8")) as { sha256: string }).sha256;

/** Puts a finished run with one attack on four images into a folder of runs. */
function makeRun(runs: string, name: string, device: string): string {
  const folder = join(root, runs, name);
  mkdirSync(folder, { recursive: true });
  const inputs = { data: "x", cleanTeacher: sha256Of("clean"), robustTeacher: "f".repeat(64), shape: SHAPE };
  writeFileSync(join(folder, "settings.json"), JSON.stringify({ ...tinySettings(), recipe: {}, inputs }));
  writeFileSync(join(folder, "summary.json"), '{"status":"finished","step":12,"best":null}');
  const weights = initialWeights(createNetwork("resnet-8", SHAPE), Random.fromSeed(1));
  writeFileSync(join(folder, "best.safetensors"), Buffer.concat(encodeSafetensors(weights)));
  for (const [step, seconds] of [
    [1, 2],
    [2, 3],
    [3, 4],
  ])
    appendFileSync(join(folder, "metrics.jsonl"), `${JSON.stringify({ epoch: 1, step, seconds })}\n`);
  const measured = { model: "a".repeat(64), data: "b".repeat(64), images: 4, batchSize: 4 };
  openStore(join(folder, "evaluations")).write(
    attackKey(measured, "pgd-sat", { epsilon: 0.03, seed: 0 }, null),
    {
      device,
      labels: [0, 1, 2, 3],
      clean: [0, 1, 2, 0],
      // The last one is wrong when clean, and so not attacked.
      attack: {
        round: 1,
        batch: 0,
        answers: [0, 2, 2, 0],
        fooledIn: [-1, 0, -1, -1],
        linf: [0, 0.03, 0, 0],
        queries: null,
        seconds: 6,
      },
      images: null,
      warnings: { answers: null, gradients: null },
    },
  );
  return folder;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "mtard-past-"));
  await makeStores(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("past work", () => {
  it("is a run's pace, with its teachers and images, and what its attacks took", () => {
    makeRun("one", "run", "cuda (libtensorflow)");
    const { trainings, attacks } = readPastWork(places("one"));
    expect(trainings).toMatchObject([
      {
        device: "cuda",
        shape: SHAPE,
        images: { train: 90, selection: 16 },
        teachers: { clean: { network: "resnet-8" }, robust: { sha256: "f".repeat(64), network: null } },
        ...{ step: 1, evaluation: null, start: 1 },
      },
    ]);
    const attack = { subject: "student", network: "resnet-8", shape: SHAPE, attack: "pgd-sat" };
    expect(attacks).toEqual([{ ...attack, device: "cuda", passes: 3 * 41, seconds: 6 }]);
  });

  it("leaves out runs that are not finished, or of which it is not known what they ran on", () => {
    const unfinished = makeRun("two", "unfinished", "cpu (libtensorflow)");
    rmSync(join(unfinished, "summary.json"));
    const unmeasured = makeRun("two", "unmeasured", "cpu (libtensorflow)");
    rmSync(join(unmeasured, "evaluations"), { recursive: true });
    const broken = makeRun("two", "broken", "cpu (libtensorflow)");
    writeFileSync(join(broken, "settings.json"), "{");
    writeFileSync(join(makeRun("two", "torn", "cpu"), "metrics.jsonl"), '{"step":1,');
    writeFileSync(join(unfinished, "evaluations", "pgd-sat-0123456789abcdef.json"), "no record");
    const { trainings, attacks } = readPastWork(places("two"));
    expect(trainings).toEqual([]);
    expect(attacks).toHaveLength(2);
  });

  it("is nothing where there are no runs", () => {
    expect(readPastWork(places("none"))).toEqual({ trainings: [], attacks: [] });
  });
});
