// A training method of your own. This one is RSLAD: the robust teacher's answers on clean images are the labels of both.
import {
  awayFromRobustTeacher,
  distillationLoss,
  onHost,
  prepareDataset,
  recipe,
  train,
  weightedSum,
  z,
} from "mtard";
import type { Method } from "mtard";

export const myMethod: Method<null> = {
  title: "My RSLAD",
  teachers: ["robustTeacherNat"],
  passes: ["adv", "nat"],
  settings: ["klScale", "alpha"],
  attack: awayFromRobustTeacher,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentNat, studentAdv, robustTeacherNat }, _, { alpha, klScale }) {
    const nat = distillationLoss(studentNat, robustTeacherNat, 1);
    const adv = distillationLoss(studentAdv, robustTeacherNat, 1);
    const total = weightedSum([nat, (1 - alpha) * klScale], [adv, alpha * klScale]);
    const [lossNat, lossAdv, lossTotal] = onHost([nat, adv, total]);
    return { total, report: { lossNat, lossAdv, lossTotal }, next: null };
  },
};

const [out = "runs/own-method", images = "400"] = process.argv.slice(2);
await prepareDataset("demo", "data");
const { best } = await train({
  dataset: "demo",
  method: myMethod,
  settings: recipe({ dataset: "demo", method: "rslad", student: "resnet-8" }, 1),
  limitTrain: Number(images),
  limitTest: 100,
  out,
  onProgress(progress) {
    if (progress.kind === "step") console.log(progress.step, progress.report["lossTotal"]);
  },
});
console.log(`clean ${best?.clean}, robust ${best?.robust}`);
