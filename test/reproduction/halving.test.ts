import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { performSweep, rungEpochs, type SweepWork } from "#mtard/reproduction/halving.js";
import type { RunRequest } from "#mtard/reproduction/run-request.js";
import { sweepScale, type SweepPlan } from "#mtard/reproduction/sweeps.js";
import { type Curve, optionsOf, planOf, pretend } from "./sweep-plan.js";

const work = mkdtempSync(join(tmpdir(), "mtard-halving-"));
afterAll(() => rmSync(work, { recursive: true }));

const everyEpoch = optionsOf({ epochs: 8, changes: { evaluateEvery: 1 } });
const RATES = "weightRate=0.1,0.2,0.3,0.4,0.5";

/** Performs a sweep of a pretended method, and says what was asked for at each rung. */
async function swept(plan: SweepPlan, curve: Curve, folder = mkdtempSync(join(work, "runs-"))) {
  const scale = sweepScale(plan, everyEpoch);
  const asked: RunRequest[][] = [];
  const outcome = await performSweep(plan, scale, pretend(folder, curve, scale, asked));
  const rungs = asked.map((requests) =>
    requests.map(({ plan: { changes }, seed, until }) => [changes.weightRate, seed, until]),
  );
  const ends = Object.fromEntries(
    outcome.points.map(({ point, state, until }) => [point.name.replace("weightRate=", ""), until ?? state]),
  );
  return { outcome, rungs, ends, folder };
}

describe("successive halving", () => {
  const plan = planOf({ grid: [RATES], halving: 2 });

  it("keeps the better half at a quarter and at half of the run", async () => {
    // The best of the end is 0.3; 0.1 and 0.2 are worse throughout; 0.5 begins well.
    const curve: Curve = (rate) => ({ 0.1: 0.1, 0.2: 0.2, 0.3: 0.3, 0.4: 0.25, 0.5: 0.5 })[rate] ?? 0;
    const { rungs, ends, outcome } = await swept(plan, curve);
    expect(rungs).toEqual([
      [0.1, 0.2, 0.3, 0.4, 0.5].map((rate) => [rate, 0, 2]),
      [0.3, 0.4, 0.5].map((rate) => [rate, 0, 4]),
      [0.3, 0.5].map((rate) => [rate, 0, undefined]),
    ]);
    expect(ends).toEqual({ 0.1: 2, 0.2: 2, 0.3: "finished", 0.4: 4, 0.5: "finished" });
    expect(outcome.rungs).toEqual([
      { epoch: 2, points: 5, kept: 3 },
      { epoch: 4, points: 3, kept: 2 },
    ]);
  });

  it("decides by each run's best so far, and by the mean over seeds, which stay together", async () => {
    const seeds = planOf({ grid: ["weightRate=0.1,0.2"], seeds: [0, 1], halving: 2 });
    // By the best so far, 0.1 has 0.6 and 0.2 (mean 0.4), 0.2 has 0.3 and 0.3; by the last evaluation 0.1 would be worse.
    const curve: Curve = (rate, seed, epoch) =>
      rate === 0.2 ? 0.3 : seed === 1 ? 0.2 : epoch === 1 ? 0.6 : 0.1;
    const { ends, rungs, outcome } = await swept(seeds, curve);
    expect(ends).toEqual({ 0.1: "finished", 0.2: 2 });
    expect(rungs.at(-1)).toEqual([
      [0.1, 0, undefined],
      [0.1, 1, undefined],
    ]);
    expect(outcome.points[0]?.chosenBy.map(({ epoch, wRobust }) => [epoch, wRobust])).toEqual([
      [1, 0.6],
      [1, 0.2],
    ]);
  });

  it("takes the first of equal points", async () => {
    const { ends } = await swept(plan, () => 0.5);
    expect(ends).toEqual({ 0.1: "finished", 0.2: "finished", 0.3: 4, 0.4: 2, 0.5: 2 });
  });

  it("decides the same where runs have gone further since", async () => {
    // After epoch 2 everything turns: whoever looked at later epochs would keep others.
    const curve: Curve = (rate, _, epoch) => (epoch <= 2 ? 0.5 - rate / 2 : rate);
    const whole = await swept(planOf({ grid: [RATES] }), curve);
    const after = await swept(plan, curve, whole.folder);
    const alone = await swept(plan, curve);
    expect(after.ends).toEqual(alone.ends);
    expect(after.outcome.rungs).toEqual(alone.outcome.rungs);
    expect(after.ends).toMatchObject({ 0.4: 2, 0.5: 2 });
  });

  it("goes on where it was stopped, with the same decisions", async () => {
    const curve: Curve = (rate, _, epoch) => rate + epoch / 100;
    const scale = sweepScale(plan, everyEpoch);
    const folder = mkdtempSync(join(work, "stopped-"));
    const real = pretend(folder, curve, scale, []);
    let calls = 0;
    const stopping: SweepWork = (requests) => {
      if (++calls === 2) throw new Error("stopped in the second rung");
      return real(requests);
    };
    await expect(performSweep(plan, scale, stopping)).rejects.toThrow("stopped");
    const again = await swept(plan, curve, folder);
    expect(again.ends).toEqual((await swept(plan, curve)).ends);
  });

  it("needs no rung for one point", async () => {
    const { rungs, outcome } = await swept(planOf({ grid: ["weightRate=0.1"], halving: 2 }), () => 0.5);
    expect(outcome.rungs).toEqual([]);
    expect(rungs.at(-1)).toEqual([[0.1, 0, undefined]]);
  });

  it("leaves points out that failed, and decides nothing while some are not done", async () => {
    const scale = sweepScale(plan, everyEpoch);
    const real = pretend(mkdtempSync(join(work, "failing-")), (rate) => rate, scale, []);
    const without =
      (state: string): SweepWork =>
      async (requests) => {
        const done = await real(requests);
        const outcomes = done.outcomes.filter((_, index) => requests[index]?.plan.changes.weightRate !== 0.5);
        return { outcomes, unfinished: outcomes.length < done.outcomes.length ? [{ state }] : [] };
      };
    const states = async (state: string) => {
      const { points, rungs } = await performSweep(plan, scale, without(state));
      return { rungs: rungs.length, states: points.map((each) => each.until ?? each.state) };
    };
    expect(await states("failed")).toEqual({ rungs: 2, states: [2, 2, 4, "finished", "failed"] });
    expect(await states("queued")).toEqual({ rungs: 0, states: Array(5).fill("waiting") });
  });
});

describe("the rungs", () => {
  const epochsOf = (eta: number, changes: object, epochs: number, grid = RATES) => {
    const plan = planOf({ grid: [grid], halving: eta });
    return rungEpochs(plan, eta, sweepScale(plan, optionsOf({ epochs, changes })));
  };

  it("are evaluated epochs, the first from each share on", () => {
    expect(epochsOf(2, { evaluateEvery: 1 }, 300)).toEqual([75, 150]);
    expect(epochsOf(4, { evaluateEvery: 1 }, 300)).toEqual([19, 75]);
    expect(epochsOf(2, { evaluateEvery: 40, milestones: [260] }, 300)).toEqual([80, 160]);
    // Both shares come to the first milestone, from which on every epoch is evaluated.
    expect(epochsOf(2, { evaluateEvery: 300, milestones: [200] }, 300)).toEqual([200]);
  });

  it("are evaluated in the runs of all points", () => {
    expect(epochsOf(2, { evaluateEvery: 100 }, 300, "milestones=[60],[170]")).toEqual([100, 170]);
  });

  it("are refused where there is none", () => {
    expect(() => epochsOf(2, { evaluateEvery: 8, milestones: [8] }, 8)).toThrow(/no epoch/);
    expect(() => epochsOf(2, { evaluateEvery: 1 }, 1)).toThrow(/no epoch/);
  });
});
