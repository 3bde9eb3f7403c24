import { join } from "node:path";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseSettings, type TrainingSettings } from "#mtard/recipes/settings.js";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { Random } from "#mtard/runtime/random.js";
import { importTeacher } from "#mtard/teacher/import.js";
import type { RunPlaces } from "#mtard/training/prepare.js";
import type { TrainingEvents } from "#mtard/training/train.js";

/** What a classifier of the demo data takes and answers. */
export const SHAPE = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };

/** Puts the demo data and two teachers with random weights into a folder. */
export async function makeStores(folder: string): Promise<void> {
  await prepareDataset("demo", folder);
  await makeTeachers(folder, "demo");
}

/** Puts two teachers of 32x32 images in 10 classes with random weights into a folder, `clean` and `robust`. */
export async function makeTeachers(folder: string, dataset: string): Promise<void> {
  for (const [name, seed] of [
    ["clean", 11],
    ["robust", 12],
  ] as const) {
    const network = createNetwork("resnet-8", SHAPE);
    const path = join(folder, `${name}.safetensors`);
    writeFileAtomically(path, encodeSafetensors(initialWeights(network, Random.fromSeed(seed))));
    await importTeacher({
      name,
      dataset: { name: dataset, ...SHAPE },
      from: { kind: "weights", path, network: "resnet-8" },
      teachersDir: folder,
    });
  }
}

/** The settings of a run of seconds: B-MTARD, two epochs of six steps, the last one smaller. */
export function tinySettings(changes: Partial<TrainingSettings> = {}): TrainingSettings {
  return parseSettings({
    ...recipe({ dataset: "demo", method: "b-mtard", student: "resnet-8" }),
    dataset: "demo",
    method: "b-mtard",
    student: "resnet-8",
    cleanTeacher: "clean",
    robustTeacher: "robust",
    seed: 5,
    limitTrain: 90,
    limitTest: 16,
    epochs: 2,
    batchSize: 16,
    milestones: [1],
    innerSteps: 2,
    evaluateEvery: 1,
    ...changes,
  });
}

/** Where a tiny run's files are. */
export function tinyPlaces(stores: string, run: string, resume = false): RunPlaces {
  return { folder: join(stores, run), dataDir: stores, teachersDir: stores, device: "cpu", resume };
}

/** Events nobody listens to. */
export function silentEvents(changes: Partial<TrainingEvents> = {}): TrainingEvents {
  return {
    onStep: () => undefined,
    onEvaluationProgress: () => undefined,
    onEvaluation: () => undefined,
    onWarning: () => undefined,
    stopRequested: () => false,
    ...changes,
  };
}
