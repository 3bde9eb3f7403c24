import type { MethodId } from "../methods/ids.js";
import { methodRules } from "./method-rules.js";
import type { Reading, Rule } from "./rule.js";
import { recipeSchema, recipeSettingNames, type Recipe } from "./settings.js";
import { datasetRules, sharedRules } from "./shared-rules.js";
import { teacherRules } from "./teachers.js";

/** Later rules go before earlier ones. */
const rules: readonly Rule[] = [...sharedRules, ...methodRules, ...datasetRules, ...teacherRules];

/** What is trained how. */
export interface Training {
  readonly dataset: string;
  readonly method: MethodId;
  readonly student: string;
  /** `paper` if left out. */
  readonly reading?: Reading | undefined;
}

/** One setting's value and where it is from. */
export interface SourcedSetting<Name extends keyof Recipe = keyof Recipe> {
  readonly name: Name;
  readonly value: Recipe[Name];
  readonly source: string;
}

/**
 * Every setting of a training with its source, in the order of the schema.
 *
 * @throws {ZodError} if the rules leave a setting out or break its bounds, which is a mistake in them.
 */
export function sourcedRecipe({ dataset, method, student, reading = "paper" }: Training): SourcedSetting[] {
  const applies = (allowed: readonly string[] | undefined, value: string): boolean =>
    allowed?.includes(value) ?? true;
  const values: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  for (const rule of rules) {
    if (!applies(rule.datasets, dataset) || !applies(rule.methods, method)) continue;
    if (!applies(rule.students, student) || !applies(rule.readings, reading)) continue;
    for (const [name, value] of Object.entries(rule.settings)) {
      values[name] = value;
      sources[name] = rule.source;
    }
  }
  const whole = recipeSchema.parse(values);
  return recipeSettingNames.map((name) => ({ name, value: whole[name], source: sources[name] ?? "" }));
}

/**
 * The settings of a training.
 *
 * @param epochs Another number of epochs: the milestones and the evaluation interval keep their share of the run.
 */
export function recipe(training: Training, epochs?: number): Recipe {
  const base = Object.fromEntries(
    sourcedRecipe(training).map(({ name, value }) => [name, value]),
  ) as unknown as Recipe;
  if (epochs === undefined || epochs === base.epochs) return base;
  const scaled = (epoch: number): number => Math.max(1, Math.round((epoch * epochs) / base.epochs));
  return {
    ...base,
    epochs,
    milestones: [...new Set(base.milestones.map(scaled))],
    evaluateEvery: scaled(base.evaluateEvery),
  };
}
