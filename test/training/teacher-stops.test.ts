import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Ended, mtard } from "../cli/mtard.js";
import { addFailingTeacher, ANSWERS } from "./failing-teacher.js";
import { makeStores } from "./tiny-run.js";
import { checkpointWithoutClock, metricsWithoutClock } from "./without-clock.js";

const stores = mkdtempSync(join(tmpdir(), "mtard-stops-"));
const place = (run: string, name: string): string => join(stores, run, name);

beforeAll(async () => {
  vi.stubEnv("MTARD_TRIALS", join(stores, "trials"));
  await makeStores(stores);
  for (const failure of ["hangs", "crashes"] as const) addFailingTeacher(stores, failure, "robust", failure);
  expect((await train("robust", "whole")).code).toBe(0);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(stores, { recursive: true });
});

/** Two epochs of six steps. */
function train(robustTeacher: string, run: string): Promise<Ended> {
  const call =
    `train --dataset demo --method b-mtard --student resnet-8 --clean-teacher clean --robust-teacher ${robustTeacher} ` +
    `--epochs 2 --limit-train 90 --limit-test 20 --batch-size 16 --set innerSteps=2 --out ${run} --resume ` +
    "--data-dir . --teachers-dir .";
  return mtard(call.split(" "), stores, { MTARD_PATIENCE: "4" });
}

describe("a training whose robust teacher", () => {
  it.each([
    ["hangs", "stopped answering", /no answer about 16 images for 4 s/],
    ["crashes", "ended ONNX Runtime", /its process ended with SIGFPE/],
  ])(
    "%s in the middle keeps its last whole step and goes on to the same bits",
    async (teacher, said, found) => {
      const stopped = await train(teacher, teacher);
      expect(stopped.code, stopped.stderr).toBe(1);
      expect(stopped.stderr).toContain(`error: teacher "${teacher}" ${said}`);
      expect(stopped.stderr).toMatch(found);
      expect(stopped.stderr).toContain(`${teacher}/last.safetensors; --resume goes on from it`);
      if (teacher === "hangs")
        expect(stopped.stderr).toContain(
          'teacher "hangs" has not answered for 1 s; after 4 s it is given up',
        );

      const resumed = await train(teacher, teacher);
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(resumed.stderr).toContain(`resumed from ${teacher} after step ${ANSWERS}`);
      for (const file of ["last.safetensors", "best.safetensors"]) {
        const [first, second] = ["whole", teacher].map((run) => checkpointWithoutClock(place(run, file)));
        expect(await second, file).toEqual(await first);
      }
      expect(metricsWithoutClock(place(teacher, "metrics.jsonl"))).toBe(
        metricsWithoutClock(place("whole", "metrics.jsonl")),
      );
    },
  );
});
