import type { ImagesDone } from "./progress.js";
import { summarize, type Evaluation, type ExampleOutcome } from "./summary.js";
import { evaluationBatches } from "../data/batches.js";
import type { Split } from "../data/store.js";
import type { Teacher } from "../teacher/bridge.js";

/** Clean accuracy of a classifier that only ONNX Runtime can run. */
export async function evaluateClean(
  teacher: Teacher,
  split: Split,
  batchSize: number,
  onProgress: (progress: ImagesDone) => void = () => undefined,
): Promise<Evaluation> {
  const { image, classes } = teacher.manifest;
  const perExample: ExampleOutcome[] = [];
  for (const { images, labels, count } of evaluationBatches(split, image, batchSize)) {
    const logits = await teacher.logits(images);
    for (let index = 0; index < count; index++) {
      const row = logits.subarray(index * classes, (index + 1) * classes);
      const clean = row.indexOf(Math.max(...row));
      perExample.push({ index: perExample.length, label: labels[index] as number, clean, attacks: {} });
    }
    onProgress({ done: perExample.length, total: split.count });
  }
  return { ...summarize(perExample, []), perExample };
}
