import { isBuiltIn } from "../data/datasets.js";
import { methodRules } from "./method-rules.js";
import type { Reading } from "./readings.js";
import type { Rule } from "./rule.js";
import { recipeSchema, recipeSettingNames, type Recipe } from "./settings.js";
import { datasetRules, sharedRules } from "./shared-rules.js";
import { teacherRules } from "./teachers.js";

/** Later rules override earlier ones. */
const rules: readonly Rule[] = [...sharedRules, ...methodRules, ...datasetRules, ...teacherRules];

/** Whose rules hold for a user's own data set: the paper's first. */
const MODEL_DATASET = "cifar10";

/** What is trained, on which data and how. */
export interface Training {
  readonly dataset: string;
  /** A method's id; of a method that is not mtard's own, only the rules for every method count. */
  readonly method: string;
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
 * Every setting of a training with its source, in the order of the schema. A user's own data set is trained on as CIFAR-10 is.
 *
 * @param epochs Replaces the recipe's epochs; the milestones and the evaluation interval keep their share of the run.
 * @throws {ZodError} if the rules leave a setting out or break its bounds, which is a mistake in the rules.
 */
export function sourcedRecipe(training: Training, epochs?: number): SourcedSetting[] {
  const own = !isBuiltIn(training.dataset);
  const asked = own ? { ...training, dataset: MODEL_DATASET } : training;
  const values: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  const write = ({ settings, source }: Pick<Rule, "settings" | "source">): void => {
    for (const [name, value] of Object.entries(settings)) {
      values[name] = value;
      sources[name] = source;
    }
  };
  const sourceOf = ({ source }: Rule): string =>
    own ? `${source}, as on CIFAR-10: ${training.dataset} is an own data set` : source;
  for (const rule of rules)
    if (isFor(rule, asked)) write({ settings: rule.settings, source: sourceOf(rule) });
  if (own) write({ settings: { cropPadding: null }, source: "what mtard data was told of the data set" });
  const whole = recipeSchema.parse(values);
  if (epochs !== undefined && epochs !== whole.epochs) {
    const scaled = (epoch: number): number => nearestEpoch((epoch * epochs) / whole.epochs);
    const milestones = [...new Set(whole.milestones.map(scaled))];
    const settings = { epochs, milestones, evaluateEvery: scaled(whole.evaluateEvery) };
    write({ settings, source: `--epochs; the schedule of ${whole.epochs} epochs, shortened or stretched` });
    Object.assign(whole, settings);
  }
  return recipeSettingNames.map((name) => ({ name, value: whole[name], source: sources[name] ?? "" }));
}

/** The epoch nearest to a place in a training, the first at the least. */
export function nearestEpoch(place: number): number {
  return Math.max(1, Math.round(place));
}

/** The settings of a training; see `sourcedRecipe`. */
export function recipe(training: Training, epochs?: number): Recipe {
  const entries = sourcedRecipe(training, epochs).map(({ name, value }) => [name, value]);
  return recipeSchema.parse(Object.fromEntries(entries));
}

/** The settings that a run has changed from its recipe, by name with the recipe's value. */
export function changedSettings(run: Training & Recipe): Partial<Recipe> {
  const changed = sourcedRecipe(run).filter(
    ({ name, value }) => JSON.stringify(run[name]) !== JSON.stringify(value),
  );
  return Object.fromEntries(changed.map(({ name, value }) => [name, value]));
}

function isFor(rule: Rule, { dataset, method, student, reading = "paper" }: Training): boolean {
  const allows = (allowed: readonly string[] | undefined, value: string): boolean =>
    allowed?.includes(value) ?? true;
  return (
    allows(rule.datasets, dataset) &&
    allows(rule.methods, method) &&
    allows(rule.students, student) &&
    allows(rule.readings, reading)
  );
}
