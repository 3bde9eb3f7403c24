import { methodIds, type MethodId } from "../methods/methods.js";
import { settingsRead } from "../recipes/read-settings.js";
import { recipeSettingNames, type SettingName, type TrainingSettings } from "../recipes/settings.js";

/** A line of `metrics.jsonl`, as it is written or as it was read. */
export type MetricsLine = Readonly<Record<string, unknown>>;

/** What every line of a step has, whatever the method. */
const SCHEDULE = ["epoch", "learningRate", "seconds"];

/**
 * The curves that a line of metrics has points of: tag and number. What a step reported is grouped by all words of its name but the last
 * (`lossNat` is `loss/nat`), an evaluation is `accuracy/`, and where it was the best so far `best/` too. What is not finite is NaN, as
 * `metrics.jsonl` has null for it.
 */
export function scalarsOf(line: MetricsLine): [tag: string, value: number][] {
  if (typeof line["best"] === "boolean") {
    const averaged = line["averaged"];
    return [
      ...measured(line, "accuracy", "best"),
      ...(typeof averaged === "object" ? measured({ ...averaged }, "averaged", "bestAveraged") : []),
    ];
  }
  return Object.entries(line)
    .filter(([name, value]) => name !== "step" && (value === null || typeof value === "number"))
    .map(([name, value]) => [tagOf(name), finite(value)]);
}

function tagOf(name: string): string {
  if (SCHEDULE.includes(name)) return `schedule/${name}`;
  return name.replace(/(?<=.)[A-Z][a-z]*$/, (word) => `/${word.toLowerCase()}`);
}

function measured(line: MetricsLine, group: string, bestGroup: string): [string, number][] {
  const groups = line["best"] === true ? [group, bestGroup] : [group];
  return groups.flatMap((each) =>
    ["clean", "robust", "wRobust"].map((name): [string, number] => [`${each}/${name}`, finite(line[name])]),
  );
}

function finite(value: unknown): number {
  // JSON has no -0 either: a line must be the same when it is read.
  return typeof value === "number" && Number.isFinite(value) ? value + 0 : NaN;
}

/** A run's settings as TensorBoard's hyperparameters: those that count for its method, and have a value. */
export function hyperparameters(settings: TrainingSettings): Record<string, number | string | boolean> {
  const { method } = settings;
  const known = (methodIds as readonly string[]).includes(method);
  const names: readonly SettingName[] = [
    ...(["dataset", "method", "student", "cleanTeacher", "robustTeacher"] as const),
    ...(["seed", "limitTrain", "limitTest"] as const),
    ...(known ? settingsRead(method as MethodId) : recipeSettingNames),
  ];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = settings[name];
      if (value === null) return [];
      return [[name, typeof value === "object" ? value.join(", ") : value]];
    }),
  );
}
