import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { summarize, type ExampleOutcome } from "#mtard/evaluation/summary.js";
import type { SweepWork } from "#mtard/reproduction/halving.js";
import type { RunOutcome, RunRequest } from "#mtard/reproduction/run-request.js";
import { type Scale, type ScaleOptions, settingsOf } from "#mtard/reproduction/scale.js";
import { parseGrid } from "#mtard/reproduction/sweep-axes.js";
import { gridPoints } from "#mtard/reproduction/sweep-points.js";
import { readEvaluations } from "#mtard/run/metrics.js";
import type { SweepPlan } from "#mtard/reproduction/sweeps.js";

/* A sweep for tests, and a stand-in for the work: runs whose numbers follow from a formula, and of which only the metrics are on the disk. */

export const optionsOf = (changes: Partial<ScaleOptions> = {}): ScaleOptions => ({
  changes: {},
  teachers: { clean: {}, robust: {} },
  ...changes,
});

export function planOf({ grid, ...rest }: Partial<SweepPlan> & { grid: readonly string[] }): SweepPlan {
  const axes = parseGrid(grid, "b-mtard");
  return {
    name: "it",
    method: "b-mtard",
    dataset: "demo",
    seeds: [0],
    attacks: ["fgsm"],
    axes,
    points: gridPoints(axes),
    sampling: null,
    halving: null,
    ...rest,
  };
}

/** The W-Robust of a run after an epoch, on the images that choose. */
export type Curve = (weightRate: number, seed: number, epoch: number) => number;

/** Does what `reproduce` would: a run evaluated after every epoch up to the asked one, its later lines left where it had gone further. */
export function pretend(folder: string, curve: Curve, scale: Scale, asked: RunRequest[][]): SweepWork {
  return (requests) => {
    asked.push([...requests]);
    const outcomes = requests.map((request): RunOutcome => {
      const { plan, seed, until } = request;
      const settings = settingsOf(plan, seed, scale, { clean: null, robust: null });
      const { weightRate } = settings;
      const at = join(folder, `${weightRate}-${seed}`);
      const epochs = Math.max(until ?? settings.epochs, epochsIn(at));
      mkdirSync(at, { recursive: true });
      const lines = Array.from({ length: epochs }, (_, index) => {
        const wRobust = curve(weightRate, seed, index + 1);
        return [
          { epoch: index + 1, step: index + 1, lossTotal: 1 },
          {
            epoch: index + 1,
            step: index + 1,
            clean: wRobust + 0.1,
            robust: wRobust - 0.1,
            wRobust,
            best: true,
          },
        ];
      }).flat();
      writeFileSync(join(at, "metrics.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      return { ...outcomeIn(at, seed), plan, settings, trained: true };
    });
    return Promise.resolve({ outcomes, unfinished: [] });
  };
}

/** How far the run in a folder has gone. */
function epochsIn(folder: string): number {
  return existsSync(folder) ? readEvaluations(folder).length : 0;
}

/** Of 20 test images, 12 right when clean and of these `seed + 5` under FGSM. */
function outcomeIn(folder: string, seed: number): Omit<RunOutcome, "plan" | "settings" | "trained"> {
  const perExample = Array.from({ length: 20 }, (_, index): ExampleOutcome => ({
    index,
    label: 1,
    clean: index < 12 ? 1 : 0,
    attacks: { fgsm: index < seed + 5 ? 1 : 0 },
  }));
  const evaluation = { ...summarize(perExample, ["fgsm"]), perExample };
  return {
    seed,
    evaluations: new Map([["fgsm", evaluation]]),
    folder,
    warnings: [],
    shortfall: null,
    departures: [],
    measured: 1,
  };
}
