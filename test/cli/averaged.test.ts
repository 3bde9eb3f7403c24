import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readStudent } from "#mtard/model/run-student.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

/* Averaged weights, as a person uses them: a setting, two lines an evaluation, and two more students of a run. */

const work = workFolder();
afterAll(() => work.remove());

const run = (line: string) => mtard(line.split(" "), work.path);
const runJson = (line: string) => mtardJson(line.split(" "), work.path);

const SMALL =
  "--dataset demo --method natural --student resnet-8 --limit-train 128 --limit-test 40 --epochs 1 --batch-size 8";
let trained: Awaited<ReturnType<typeof run>>;

beforeAll(async () => {
  await runJson("data demo");
  trained = await run(`train ${SMALL} --set ema=0.9 --out averaged`);
  expect(trained.code).toBe(0);
  await runJson(`train ${SMALL} --out plain`);
});

describe("a run with the setting ema", () => {
  it("says both at an evaluation and at its end", () => {
    const { stdout, stderr } = trained;
    expect(stderr).toMatch(/epoch 1: clean \d.*W-Robust/);
    expect(stderr).toMatch(/epoch 1, averaged weights: clean \d.*W-Robust.*the best so far/);
    expect(stdout.replace(/\s+/g, " ")).toMatch(
      /finished, best by W-Robust .* at epoch 1; of averaged weights \d.* at epoch 1/,
    );
    expect(stderr).toContain("mtard evaluate averaged --checkpoint best-averaged");
  });

  it("has students of averaged weights to measure and to export", async () => {
    const summary = JSON.parse(readFileSync(join(work.path, "averaged/summary.json"), "utf8")) as {
      bestAveraged: { clean: number };
    };
    const of = (which: string) =>
      runJson(`evaluate averaged --checkpoint ${which} --attacks none --limit 40`);
    expect(await of("best-averaged")).toMatchObject({ clean: { accuracy: summary.bestAveraged.clean } });
    const { stderr } = await run("evaluate averaged --checkpoint last-averaged --attacks fgsm --limit 10");
    expect(stderr).toContain("averaged (last-averaged) on cpu");
    expect(stderr).toContain("mtard attack averaged --checkpoint last-averaged --attack fgsm");
    await runJson("export averaged --checkpoint last-averaged --to npz --out averaged.npz");
    const { weights } = await readStudent(join(work.path, "averaged"), "last-averaged");
    const exported = (await readWeightsFile(join(work.path, "averaged.npz"))).weights;
    expect(exported.get("linear.bias")?.data).toEqual(weights.get("linear.bias")?.data);
  });

  it.each(["evaluate", "attack", "obfuscation", "export --to onnx --out x.onnx"])(
    "is what %s asks for, and says what to do",
    async (command) => {
      const [name = "", ...more] = command.split(" ");
      const { code, stderr } = await run([name, "plain", ...more, "--checkpoint", "best-averaged"].join(" "));
      expect(code).toBe(2);
      expect(stderr).toContain("the run plain keeps no averaged weights");
      expect(stderr).toMatch(/--checkpoint best; or train another run with --set ema=0\.995/);
    },
  );

  it.each(["1", "-0.1", "often"])("refuses ema=%s", async (value) => {
    const { code, stderr } = await run(`train ${SMALL} --set ema=${value} --out refused`);
    expect(code).toBe(2);
    expect(stderr).toContain("a number from 0 (no averaged weights) to below 1, such as 0.995");
  });

  it("is in every recipe, off", async () => {
    const { stdout } = await run("recipe show --dataset cifar10 --method sat");
    expect(stdout).toMatch(/^ema +0 +mtard's choice: no averaged weights/m);
  });
});
