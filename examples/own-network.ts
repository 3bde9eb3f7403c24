// A network of your own: trained, measured, exported to ONNX, and used as a teacher.
import {
  evaluate,
  exportModel,
  importTeacher,
  networkBuilder,
  openModel,
  prepareDataset,
  train,
} from "mtard";
import type { Network } from "mtard";

function twoConvolutions(): Network {
  const layers = networkBuilder(3);
  let value = layers.relu(
    layers.batchNorm("bn1", layers.conv("conv1", "images", { filters: 16, kernel: 3 })),
  );
  value = layers.conv("conv2", value, { filters: 32, kernel: 3, stride: 2 });
  value = layers.relu(layers.batchNorm("bn2", value));
  const output = layers.linear("fc", layers.globalAveragePool(value), 10);
  const input = { height: 32, width: 32, channels: 3 };
  return {
    id: "two-convolutions",
    input,
    classes: 10,
    initialization: "kaiming-normal",
    layers: layers.layers,
    output,
  };
}

const [out = "runs/own-network", images = "400"] = process.argv.slice(2);
await prepareDataset("demo", "data");
const { folder } = await train({
  dataset: "demo",
  method: "natural",
  student: twoConvolutions(),
  epochs: 1,
  limitTrain: Number(images),
  limitTest: 100,
  out,
});

using student = await openModel(folder);
await exportModel(student, "onnx", "two-convolutions.onnx");
const from = { kind: "onnx", path: "two-convolutions.onnx" } as const;
await importTeacher({ name: "two-convolutions", dataset: "demo", from, force: true });

using teacher = await openModel("two-convolutions");
for (const model of [student, teacher]) {
  const { clean } = await evaluate(model, { attacks: [], limit: 100 });
  console.log(`${model.name}: ${clean.correct} of 100 right`);
}
