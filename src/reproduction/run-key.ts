import { datasets, isBuiltIn } from "../data/datasets.js";
import { sha256Of } from "../files/sha256.js";
import { requireMethodId } from "../methods/methods.js";
import { settingsRead } from "../recipes/read-settings.js";
import { BEFORE, type Recipe, type TrainingSettings } from "../recipes/settings.js";
import type { RunInputs } from "../run/run-directory.js";

/** How many images a data set has in the store. */
export interface ImageCounts {
  readonly train: number;
  readonly test: number;
}

/**
 * Identifies a run by what decides its results: the SHA-256, in lower-case hex, of the settings that its method reads, its data and its
 * teachers, the weights it started from where it was given some, and the schedules it had before where it was trained further. The names and paths of teachers are left out, and so is a limit that leaves no image out.
 */
export function runKey(settings: TrainingSettings, inputs: RunInputs, images: ImageCounts): string {
  const { dataset, method, student, seed, limitTrain, limitTest } = settings;
  const decisive: Record<string, unknown> = {
    ...Object.fromEntries(
      settingsRead(requireMethodId(method))
        .filter((name) => !isAsBefore(name, settings))
        .map((name) => [name, settings[name]]),
    ),
    dataset,
    method,
    student,
    seed,
    limitTrain: Math.min(limitTrain ?? Infinity, images.train),
    limitTest: Math.min(limitTest ?? Infinity, images.test),
    data: inputs.data,
    cleanTeacher: inputs.cleanTeacher,
    robustTeacher: inputs.robustTeacher,
    // Only where it is so: all other runs keep the keys that earlier versions gave them.
    ...(inputs.network === undefined ? {} : { network: inputs.network }),
    ...(inputs.init ? { init: inputs.init.sha256 } : {}),
    ...(inputs.earlier ? { earlier: inputs.earlier } : {}),
  };
  const sorted = Object.keys(decisive)
    .sort()
    .map((name) => [name, decisive[name]]);
  return sha256Of(JSON.stringify(sorted));
}

/** Whether a setting that earlier versions did not have is as it was without it: then it is left out, and their keys stay. */
function isAsBefore(name: keyof Recipe, settings: TrainingSettings): boolean {
  if (name === "cropPadding" && isBuiltIn(settings.dataset)) {
    const usual = datasets[settings.dataset].augmentation.padding;
    return (settings.cropPadding ?? usual) === usual;
  }
  return name in BEFORE && settings[name] === BEFORE[name as keyof typeof BEFORE];
}
