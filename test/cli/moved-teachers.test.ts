import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { shared } from "../shared.js";
import { makeTeachers } from "../training/tiny-run.js";
import { mtardJson, workFolder } from "./mtard.js";

/* What a run learned does not change with its teacher's name, and it is told by what the teacher is called now. */

const work = workFolder();
const at = (path: string): string => join(work.path, path);
beforeAll(async () => {
  // The paper has teachers for CIFAR-10 and none for the demo's data.
  await prepareDataset("cifar10", at("data"), { from: shared("data/cifar-10-binary-subset.tar.gz") });
  await makeTeachers(at("teachers"), "cifar10");
});
afterAll(() => work.remove());

const CALL =
  "study own --dataset cifar10 --methods rslad --against rslad --seeds 0 --student resnet-8 --clean-teacher clean --attacks fgsm " +
  "--epochs 1 --limit-train 32 --limit-test 8 --batch-size 16 --set innerSteps=1 --set heldOut=8";

async function study(robustTeacher: string) {
  const call = `${CALL} --robust-teacher ${robustTeacher}`.split(" ");
  const found = await mtardJson(call, work.path, { MTARD_TEACHERS: at("teachers") });
  const page = readFileSync(at("reports/study-own/study.md"), "utf8");
  return { found, notes: page.split("\n").filter((line) => line.includes("the paper's")) };
}

it("a finished run counts where its teacher has another name by now", async () => {
  const first = await study("robust");
  expect(first.found).toMatchObject({ trained: 1 });
  expect(first.notes).toEqual([
    expect.stringMatching(/the robust teacher robust is not the paper's: that is .* \(wide-resnet-34-10\)/),
  ]);
  renameSync(at("teachers/robust"), at("teachers/sturdy"));
  const again = await study("sturdy");
  expect(again.found).toMatchObject({ trained: 0, sections: first.found["sections"] });
  expect(again.notes).toEqual([
    expect.stringMatching(/the robust teacher \S+ is not the paper's: that is .* \(wide-resnet-34-10\)/),
  ]);
});
