// What a user of the package writes: type-checked strictly, then run, in an empty folder.
import { statSync } from "node:fs";
import {
  attackImages,
  drawAttack,
  evaluate,
  exportModel,
  methods,
  openModel,
  readRun,
  tf,
  train,
  type Method,
} from "mtard";

const method: Method<null> = { ...methods.rslad, title: "Mine" };
const result = await train({
  dataset: "demo",
  method,
  epochs: 1,
  limitTrain: 64,
  limitTest: 32,
  settings: { batchSize: 32, innerSteps: 2 },
  out: "runs/mine",
});
using student = await openModel(result.folder);
await exportModel(student, "onnx", "student.onnx");

using model = await openModel("student.onnx");
const { total, clean, attacks } = await evaluate(model, {
  attacks: ["fgsm", "square"],
  queries: 10,
  limit: 16,
});
const pictures = await attackImages(model, { attack: "fgsm", limit: 2 });
const png: Uint8Array = await drawAttack(model, pictures);

console.log(
  JSON.stringify({
    status: result.status,
    method: readRun(result.folder).settings.method,
    identical: model.identity === student.identity,
    total,
    fallsUnderAttack: (attacks["fgsm"]?.accuracy ?? 1) <= clean.accuracy,
    png: png.length > 1000,
    bytes: statSync("student.onnx").size,
    tensors: tf.memory().numTensors > 0,
  }),
);
