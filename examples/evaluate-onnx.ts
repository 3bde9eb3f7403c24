// Measures an ONNX classifier with AutoAttack: node evaluate-onnx.ts [model.onnx] [dataset] [images]
import { evaluate, openModel, prepareDataset } from "mtard";

const [file = "demo-robust", dataset = "demo", images = "16"] = process.argv.slice(2);
if (dataset === "demo") await prepareDataset("demo", "data");

using model = await openModel(file, { dataset });
const result = await evaluate(model, {
  dataset,
  attacks: ["pgd-sat", "aa"],
  limit: Number(images),
  onProgress({ share }) {
    if (process.stderr.isTTY) process.stderr.write(`\r${Math.round(100 * share)}%`);
  },
});

console.log(`\n${model.name} on ${result.device}, ${result.total} images`);
console.log(`clean       ${(100 * result.clean.accuracy).toFixed(1)}%`);
for (const [attack, found] of Object.entries(result.attacks))
  console.log(`${attack.padEnd(11)} ${(100 * (found?.accuracy ?? NaN)).toFixed(1)}%`);
for (const warning of result.warnings) console.log(`warning: ${warning}`);
