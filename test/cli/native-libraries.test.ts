import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { mtard, workFolder } from "./mtard.js";

/* Every command that may start an engine first tells it the device and the threads it was asked for. */

const work = workFolder();
afterAll(() => work.remove());
beforeAll(async () => {
  await prepareDataset("demo", `${work.path}/data`);
});

const told = encodeURIComponent(
  "process.on('exit', () => console.error('told', process.env.CUDA_VISIBLE_DEVICES, process.env.TF_NUM_INTRAOP_THREADS))",
);
const environment = {
  MTARD_TEACHERS: resolve("teachers"),
  MTARD_THREADS: "1",
  MTARD_DEVICE: "",
  NODE_OPTIONS: `--import data:text/javascript,${told}`,
};

const RUNS = "--epochs 1 --limit-train 16 --limit-test 4 --batch-size 16 --set innerSteps=1";

describe("--device cpu and MTARD_THREADS reach the native libraries", () => {
  it.each([
    "evaluate demo-clean --attacks none --limit 4 --device cpu",
    "attack demo-clean --attack fgsm --index 0 --out images.png --device cpu",
    "teacher check demo-clean --limit 4 --attacks none --device cpu",
    "table 2 --attacks fgsm --limit-test 4 --device cpu",
    `figure 3 ${RUNS} --device cpu`,
    "train --dataset demo --method natural --epochs 1 --limit-train 16 --limit-test 4 --out run --device cpu",
  ])("%s", async (line) => {
    const { code, stderr } = await mtard(line.split(" "), work.path, environment);
    // The threads of teachers tell it too.
    const lines = new Set(stderr.split("\n").filter((each) => each.startsWith("told")));
    expect({ code, lines: [...lines] }, stderr).toEqual({ code: 0, lines: ["told -1 1"] });
  });
});
