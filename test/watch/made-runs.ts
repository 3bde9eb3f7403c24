import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recipe } from "#mtard/recipes/recipes.js";

/** A folder that the test removes. */
export function madeFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "mtard-watch-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const PER_EPOCH = 50;

/** The line of a step whose loss falls from 3. */
export function stepLine(step: number, more: Readonly<Record<string, unknown>> = {}): string {
  const epoch = Math.ceil(step / PER_EPOCH);
  const loss = 3 / Math.sqrt(step);
  return `${JSON.stringify({ epoch, step, lossNat: loss, lossAdv: 2 * loss, lossTotal: 3 * loss, seconds: step / 10, ...more })}\n`;
}

/** The line of an evaluation after an epoch. */
export function evaluationLine(epoch: number): string {
  const robust = 0.5 - 0.4 / epoch;
  const content = {
    epoch,
    step: epoch * PER_EPOCH,
    clean: 0.9,
    robust,
    wRobust: (0.9 + robust) / 2,
    best: true,
  };
  return `${JSON.stringify({ ...content, selection: "test", seconds: epoch * 5 })}\n`;
}

/** All lines of so many epochs. */
export function metricsOf(epochs: number): string {
  const lines: string[] = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (let step = 1; step <= PER_EPOCH; step++) lines.push(stepLine((epoch - 1) * PER_EPOCH + step));
    lines.push(evaluationLine(epoch));
  }
  return lines.join("");
}

/** Writes a run as `mtard train` leaves it, but for its weights; all its steps are of epochs that are over. */
export function makeRun(
  folder: string,
  { epochs = 4, done = epochs, seed = 0 }: { epochs?: number; done?: number; seed?: number } = {},
): string {
  mkdirSync(folder, { recursive: true });
  const settings = {
    ...{ dataset: "demo", method: "sat", student: "resnet-8", reading: "paper" },
    ...{ cleanTeacher: null, robustTeacher: null, seed, limitTrain: null, limitTest: null },
    ...recipe({ dataset: "demo", method: "sat", student: "resnet-8" }),
    epochs,
  };
  const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
  const inputs = { shape, data: "0".repeat(64), cleanTeacher: null, robustTeacher: null };
  writeFileSync(join(folder, "settings.json"), JSON.stringify({ ...settings, recipe: {}, inputs }));
  writeFileSync(join(folder, "metrics.jsonl"), metricsOf(done));
  if (done === epochs) {
    writeFileSync(join(folder, "best.safetensors"), "");
    writeFileSync(join(folder, "summary.json"), JSON.stringify({ status: "finished" }));
  }
  return folder;
}
