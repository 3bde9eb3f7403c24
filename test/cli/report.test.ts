import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { AttackId } from "#mtard/attacks/attacks.js";
import { attackKey, type MeasurementKey } from "#mtard/evaluation/key.js";
import type { MeasurementRecord } from "#mtard/evaluation/record.js";
import { attackState } from "#mtard/evaluation/state.js";
import { openStore } from "#mtard/evaluation/store.js";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { openModel } from "#mtard/model/model.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { openRunDirectory, RUN_FILES } from "#mtard/run/run-directory.js";
import { Random } from "#mtard/runtime/random.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { SHAPE, tinySettings } from "../training/tiny-run.js";
import { mtard, workFolder } from "./mtard.js";

/* The page shows what the store of a run holds, so the records are written here and nothing is measured. */

const work = workFolder();
const settings = tinySettings({ ema: 0.5 });
const DATA = "b".repeat(64);
/** The identity of the best student of each run. */
const students = new Map<string, string>();
const averaged = new Map<string, string>();

afterAll(() => work.remove());

/** Makes a run with two best students, of raw and of averaged weights. */
async function makeRun(name: string): Promise<void> {
  const folder = join(work.path, name);
  const inputs = { data: DATA, cleanTeacher: "c".repeat(64), robustTeacher: "d".repeat(64) };
  openRunDirectory(folder, { settings, inputs, recipe: {} }, false);
  writeFileAtomically(join(folder, RUN_FILES.metrics), "");
  for (const [file, seed] of [
    [RUN_FILES.best, 1],
    [RUN_FILES.bestAveraged, 2],
  ] as const) {
    const weights = initialWeights(createNetwork(settings.student, SHAPE), Random.fromSeed(seed));
    writeFileAtomically(join(folder, file), encodeSafetensors(weights));
  }
  const run = { kind: "run", folder } as const;
  students.set(name, (await openModel(run)).identity);
  averaged.set(name, (await openModel(run, { checkpoint: "best-averaged" })).identity);
}

interface Found {
  readonly epsilon?: number;
  readonly seed?: number;
  /** Which of the images it fooled. */
  readonly fooled?: readonly number[];
  readonly images?: number;
  readonly warnings?: readonly string[];
}

/** Writes what an attack found into the store of a run. */
function keep(run: string, attack: AttackId, found: Found, changes: Partial<MeasurementKey> = {}): void {
  const { epsilon = settings.evaluationEpsilon, seed = 0, fooled = [], images = 4, warnings = [] } = found;
  const measured = {
    model: students.get(run) ?? "",
    data: DATA,
    images,
    batchSize: settings.evaluationBatch,
  };
  const key = { ...attackKey(measured, attack, { epsilon, seed }, null), ...changes };
  const clean = Array<number>(images).fill(0);
  const chosen = (yes: number, no: number): number[] =>
    clean.map((_, index) => (fooled.includes(index) ? yes : no));
  const record: MeasurementRecord = {
    device: "cpu",
    labels: clean,
    clean,
    attack: { ...attackState(clean), round: 1, answers: chosen(1, 0), fooledIn: chosen(0, -1) },
    images: null,
    warnings: { answers: warnings, gradients: [] },
  };
  openStore(join(work.path, run, "evaluations")).write(key, record);
}

/** The rounds of two restarts, of which a record made here has finished only the first. */
function twoRestarts(attack: AttackId): Pick<MeasurementKey, "rounds"> {
  const measured = { model: "", data: "", images: 1, batchSize: 1 };
  const { rounds } = attackKey(measured, attack, { epsilon: 0, seed: 0, restarts: 2 }, null);
  return { rounds };
}

/** The rows of accuracies on a run's page, by attack and number of images, and its warnings. */
async function pageOf(run: string): Promise<{ rows: string[]; warnings: string[] }> {
  const { code, stderr } = await mtard(["report", run, "--quiet"], work.path);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const html = readFileSync(join(work.path, run, "report.html"), "utf8");
  const accuracies = /<h2 id="accuracy"(.*?)<h2/s.exec(html)?.[1] ?? "";
  const rows = [...accuracies.matchAll(/<tr><td>(.*?)<\/td><td[^>]*>(.*?)<\/td><td[^>]*>(.*?)<\/td>/g)];
  const warnings = [...accuracies.matchAll(/<p class="warning">Warning: (.*?)<\/p>/g)];
  return {
    rows: rows.map(([, attack, student, images]) =>
      student === "best" ? `${attack}: ${images}` : `${attack} (${student}): ${images}`,
    ),
    warnings: warnings.map(([, text]) => text ?? ""),
  };
}

describe("mtard report", () => {
  it("tells measurements of one attack apart by their settings", async () => {
    await makeRun("runs/settings");
    for (const levels of [16, 8, 4]) keep("runs/settings", "fgsm", { epsilon: levels / 255 });
    for (const seed of [2, 0]) keep("runs/settings", "pgd-sat", { seed });
    keep("runs/settings", "fgsm", { images: 3 });
    expect((await pageOf("runs/settings")).rows).toEqual([
      "FGSM: 4",
      "FGSM (the first 3 images): 3",
      "PGD-sat: 4",
      "FGSM (epsilon 4/255): 4",
      "FGSM (epsilon 16/255): 4",
      "PGD-sat (seed 2): 4",
    ]);
  });

  it("shows nothing of another student, of other data or unfinished", async () => {
    await makeRun("runs/others");
    keep("runs/others", "fgsm", {});
    keep("runs/others", "pgd-sat", { warnings: ["another student"] }, { model: "e".repeat(64) });
    keep("runs/others", "cw", { warnings: ["other data"] }, { data: "e".repeat(64) });
    keep("runs/others", "pgd-trades", { warnings: ["unfinished"] }, twoRestarts("pgd-trades"));
    keep("runs/others", "square", {});
    expect(await pageOf("runs/others")).toEqual({ rows: ["FGSM: 4", "Square: 4"], warnings: [] });
  });

  it("shows what was measured of the best student of averaged weights beside it", async () => {
    await makeRun("runs/averaged");
    const model = averaged.get("runs/averaged") ?? "";
    expect(model).not.toBe(students.get("runs/averaged"));
    keep("runs/averaged", "fgsm", { warnings: ["it may mislead"] }, { model });
    keep("runs/averaged", "pgd-sat", {});
    keep("runs/averaged", "fgsm", {});
    expect(await pageOf("runs/averaged")).toEqual({
      rows: ["FGSM: 4", "FGSM (best-averaged): 4", "PGD-sat: 4"],
      warnings: ["best-averaged student: it may mislead"],
    });
  });

  it("compares black-box attacks with gradient attacks of the same epsilon, whatever their seeds", async () => {
    await makeRun("runs/compared");
    keep("runs/compared", "pgd-sat", { fooled: [0] });
    keep("runs/compared", "pgd-sat", { fooled: [1], seed: 1 });
    keep("runs/compared", "pgd-trades", { fooled: [2], epsilon: 16 / 255 });
    keep("runs/compared", "square", { fooled: [0, 1, 2], seed: 2 });
    keep("runs/compared", "rays", { fooled: [3], images: 5 });
    expect((await pageOf("runs/compared")).warnings).toEqual([
      expect.stringMatching(/^square fooled the model on 1 images that withstood every gradient attack/),
    ]);
    keep("runs/compared", "square", { fooled: [0, 2, 3], epsilon: 16 / 255 });
    expect((await pageOf("runs/compared")).warnings).toEqual([
      expect.stringMatching(/^square fooled the model on 1 images that withstood/),
      expect.stringMatching(/^at epsilon 16\/255, square fooled the model on 2 images that withstood/),
    ]);
  });
});
