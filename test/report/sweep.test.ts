import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawSvg } from "#mtard/report/figures/draw.js";
import { sweepCsv, sweepFacts, sweepMarkdown, sweepTable, sweepText } from "#mtard/report/render-sweep.js";
import { buildSweep, type SweepReport } from "#mtard/report/sweep.js";
import { sweepFigure } from "#mtard/report/sweep-figure.js";
import { sweepPageHtml } from "#mtard/report/sweep-page.js";
import { performSweep, type SweepOutcome } from "#mtard/reproduction/halving.js";
import { parseGrid } from "#mtard/reproduction/sweep-axes.js";
import { gridPoints } from "#mtard/reproduction/sweep-points.js";
import { sweepScale, type SweepPlan } from "#mtard/reproduction/sweeps.js";
import { type Curve, optionsOf, planOf, pretend } from "../reproduction/sweep-plan.js";

const work = mkdtempSync(join(tmpdir(), "mtard-sweep-"));
afterAll(() => rmSync(work, { recursive: true }));

const STORED = { train: 4000, test: 1000 };

async function performed(plan: SweepPlan, curve: Curve): Promise<SweepOutcome> {
  const scale = sweepScale(plan, optionsOf({ epochs: 8, changes: { evaluateEvery: 1 } }));
  return performSweep(plan, scale, pretend(mkdtempSync(join(work, "runs-")), curve, scale, []));
}

function reported(plan: SweepPlan, outcome: SweepOutcome): SweepReport {
  return buildSweep(plan, sweepScale(plan, optionsOf({ epochs: 8 })), outcome, STORED);
}

const plan = planOf({ grid: ["weightRate=0.1,0.2,0.3,0.9"], seeds: [0, 1, 2], halving: 2 });
/** 0.2 is the best, then 0.3; 0.1 and 0.9 are stopped; each run's best student is that of epoch 7. */
const curve: Curve = (rate, seed, epoch) => {
  const ofRate = new Map([
    [0.1, 0.3],
    [0.2, 0.5],
    [0.3, 0.45],
    [0.9, 0.2],
  ]);
  return (ofRate.get(rate) ?? NaN) + ([0, 0.03, 0.012][seed] ?? NaN) - Math.abs(epoch - 7) / 100;
};
let sweep: SweepReport;
let outcome: SweepOutcome;

beforeAll(async () => {
  outcome = await performed(plan, curve);
  sweep = reported(plan, outcome);
});

describe("a sweep", () => {
  it("has the means and deviations of what chose and of what was measured, the best first", () => {
    expect(sweep.rows.map(({ point, state, until }) => [point, state, until])).toEqual([
      ["weightRate=0.2", "finished", null],
      ["weightRate=0.3", "stopped", 4],
      ["weightRate=0.1", "stopped", 2],
      ["weightRate=0.9", "stopped", 2],
    ]);
    expect(sweep.best).toBe("weightRate=0.2");
    const [best, second] = sweep.rows;
    expect(best?.epochs).toEqual([7, 7, 7]);
    // numpy: mean and std(ddof=1) of [50, 53, 51.2], [60, 63, 61.2] and [47 - 5, 47 + 3 - 5, 47 + 1.2 - 5]
    const near = (value: number) => expect.closeTo(value, 9) as number;
    expect(best?.chosenBy?.wRobust.sample).toEqual({
      mean: near(51.4),
      deviation: near(1.509966887),
      runs: 3,
    });
    expect(best?.chosenBy?.clean.sample.mean).toBeCloseTo(61.4, 9);
    expect(best?.chosenBy?.robust.sample.mean).toBeCloseTo(41.4, 9);
    // Stopped after epoch 4: 45, 48 and 46.2, less 3 points.
    expect(second?.chosenBy?.wRobust.values).toEqual([near(42), near(45), near(43.2)]);
    // 12 of 20 right when clean; 5, 6 and 7 of 20 under FGSM: numpy's mean 30 and std 5.
    expect(best?.values?.["clean"]?.sample).toEqual({ mean: near(60), deviation: near(0), runs: 3 });
    expect(best?.values?.["robust:fgsm"]?.values).toEqual([near(25), near(30), near(35)]);
    expect(best?.values?.["robust:fgsm"]?.sample).toEqual({ mean: near(30), deviation: near(5), runs: 3 });
    expect(best?.values?.["wRobust:fgsm"]?.sample.mean).toBeCloseTo(45, 9);
    expect(second?.values).toBeNull();
    expect(sweep.images).toMatchObject({ train: 3600, selection: 400 });
  });

  it("says in its table what chose, and which points were stopped where", () => {
    const { heading, rows } = sweepTable(sweep);
    expect(heading).toEqual([
      "point",
      "W-Robust on held-out images (chose)",
      "test: clean",
      "test: FGSM",
      "test: W-Robust, FGSM",
      "trained",
    ]);
    expect(rows).toEqual([
      ["weightRate=0.2", "51.40 ± 1.51", "60.00 ± 0.00", "30.00 ± 5.00", "45.00 ± 2.50", "to the end"],
      ["weightRate=0.3", "43.40 ± 1.51", "–", "–", "–", "stopped after epoch 4 of 8"],
      ["weightRate=0.1", "26.40 ± 1.51", "–", "–", "–", "stopped after epoch 2 of 8"],
      ["weightRate=0.9", "16.40 ± 1.51", "–", "–", "–", "stopped after epoch 2 of 8"],
    ]);
    const facts = sweepFacts(sweep).join("\n");
    expect(facts).toContain(
      "Best: weightRate=0.2, with 51.40 ± 1.51% W-Robust under PGD-trades on 400 held-out training images.",
    );
    expect(facts).toContain(
      "after epoch 2 of 8 the best 2 of 4 went on, after epoch 4 of 8 the best 1 of 2 went on",
    );
    expect(facts).toContain("seeds 0, 1, 2; test images: clean on 20, FGSM on 20.");
    expect(sweepText(sweep, (cells) => cells.map((row) => row.join("|")).join("\n"))).toContain(facts);
  });

  it("writes a line of CSV for each run, unrounded", () => {
    const lines = sweepCsv(sweep).trimEnd().split("\r\n");
    expect(lines).toHaveLength(1 + 4 * 3);
    expect(lines[0]).toBe(
      "sweep,point,weightRate,seed,state,stopped after epoch,epoch of the best student,chosen by: clean,chosen by: robust,chosen by: wRobust,test: clean,test: robust:fgsm,test: wRobust:fgsm,run",
    );
    const cells = lines[2]?.split(",") ?? [];
    expect(cells.slice(0, 7)).toEqual(["it", "weightRate=0.2", "0.2", "1", "finished", "", "7"]);
    expect(cells.slice(7, 13).map(Number)).toEqual(
      [63, 43, 53, 60, 30, 45].map((value) => expect.closeTo(value, 9) as number),
    );
    expect(cells[13]).toMatch(/0\.2-1$/);
    expect(lines[4]?.split(",").slice(4, 6)).toEqual(["stopped", "4"]);
  });

  it("is Markdown and a page that loads nothing, with its picture inside", () => {
    expect(sweepMarkdown(sweep)).toContain("| weightRate=0.2 | 51.40 ± 1.51 | 60.00 ± 0.00 |");
    const page = sweepPageHtml(sweep, [{ title: "a <picture>", svg: "<svg/>" }]);
    expect(page).toContain('<img alt="a &lt;picture&gt;" src="data:image/svg+xml;base64,');
    expect(page).not.toMatch(/src="(?!data:)|href=/);
  });

  it("without halving is all trained to the end, and has no such column", async () => {
    const whole = planOf({ grid: ["weightRate=0.1,0.2"] });
    const found = reported(whole, await performed(whole, curve));
    expect(sweepTable(found).heading).not.toContain("trained");
    expect(found.rows.map(({ point }) => point)).toEqual(["weightRate=0.2", "weightRate=0.1"]);
    expect(sweepFacts(found).join("\n")).not.toMatch(/halving|deviation/);
  });

  it("names what failed or is not done yet, and then no best where nothing is finished", () => {
    const missing = (state: "failed" | "waiting"): SweepReport =>
      reported(plan, {
        rungs: [],
        outcomes: [],
        points: outcome.points.map((each) => ({ ...each, state, until: null, runs: [], chosenBy: [] })),
      });
    expect(sweepFacts(missing("failed")).join("\n")).toContain("Failed: weightRate=0.1; weightRate=0.2;");
    const waiting = missing("waiting");
    expect(waiting).toMatchObject({ best: null, images: null });
    expect(sweepFacts(waiting).slice(0, 1)).toEqual(["No point is trained to its end yet."]);
    expect(sweepTable(waiting).rows[0]).toEqual(["weightRate=0.1", "–", "–", "–", "–", "not done yet"]);
    expect(sweepCsv(waiting).trimEnd().split("\r\n")).toHaveLength(1 + 4);
    expect(sweepFigure(waiting)).toBeNull();
  });
});

describe("its parallel coordinates", () => {
  it("have an axis for each varied setting and number, stopped points grey, the best marked", async () => {
    const figure = sweepFigure(sweep);
    if (figure?.kind !== "parallel") throw new Error("there is no such figure");
    expect(figure.axes.map(({ title }) => title)).toEqual([
      "weightRate",
      "clean (%)",
      "PGD-trades (%)",
      "W-Robust (%)",
    ]);
    expect(figure.lines.map(({ name, value, marked }) => [name, value, marked])).toEqual([
      ["weightRate=0.2", expect.closeTo(51.4, 9), true],
      ["weightRate=0.3", null, false],
      ["weightRate=0.1", null, false],
      ["weightRate=0.9", null, false],
    ]);
    // From 0.1 at the foot to 0.9: nine times as much, so by logarithms; log 2 / log 9 and log 3 / log 9.
    expect(figure.lines.map(({ at }) => at[0])).toEqual(
      [0.3154648768, 0.5, 0, 1].map((value) => expect.closeTo(value, 9) as number),
    );
    const svg = await drawSvg(figure);
    expect(svg).toContain("grey: stopped early");
    expect(svg.match(/stroke="#b0b0b0"/g)).toHaveLength(3);
  });

  it("put words where they stand in the list, and ranges between their ends", async () => {
    const axes = parseGrid(["innerStart=uniform,0.001,uniform-clamped", "weightRate=0.2..0.6"], "b-mtard");
    const [words, range] = axes;
    if (!words || !range) throw new Error("an axis is missing");
    const values = [{ text: "0.3", value: 0.3 }];
    const base = planOf({ grid: ["innerStart=uniform,0.001,uniform-clamped"] });
    const points = gridPoints([words]).map((point) => ({
      ...point,
      values: [...point.values, ...values],
      changes: { ...point.changes, weightRate: 0.3 },
    }));
    const drawn: SweepPlan = { ...base, axes, points, sampling: { count: 3, seed: 0 } };
    const figure = sweepFigure(reported(drawn, await performed(drawn, () => 0.4)));
    if (figure?.kind !== "parallel") throw new Error("there is no such figure");
    expect(figure.lines.map(({ at }) => at.slice(0, 2))).toEqual(
      [0, 0.5, 1].map((at) => [at, expect.closeTo(0.25, 9) as number]),
    );
    expect(figure.axes[0]?.ticks).toEqual([
      { at: 0, label: "uniform" },
      { at: 0.5, label: "0.001" },
      { at: 1, label: "uniform-clamped" },
    ]);
    expect(figure.axes[1]?.ticks.map(({ label }) => label).sort()).toEqual([
      "0.2",
      "0.3",
      "0.4",
      "0.5",
      "0.6",
    ]);
    await expect(drawSvg(figure)).resolves.toContain("uniform-clamped");
  });
});
