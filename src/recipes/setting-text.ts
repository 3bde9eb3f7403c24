import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import {
  parseSetting,
  type Recipe,
  recipeSchema,
  recipeSettingNames,
  type SettingName,
  type TrainingSettings,
  trainingSettings,
} from "./settings.js";

/* Settings as command lines write them: by name, with values as text. */

/**
 * Parses `--set name=value` arguments; values are JSON (`[2,3]`, `true`), else text.
 *
 * @throws {InputError} if an argument has no `=`, names no setting of a recipe, or its value is wrong.
 */
export function parseOverrides(overrides: readonly string[]): Partial<Recipe> {
  return Object.fromEntries(
    overrides.map((override) => {
      const { name, value } = namedSetting(override, "--set");
      return [name, parseSettingText(name, value, `--set ${name}`)];
    }),
  );
}

/**
 * Splits `name=value`, the argument of an option that changes a recipe.
 *
 * @param option Such as `--set`.
 * @throws {InputError} if there is no `=`, or the name is no setting of a recipe.
 */
export function namedSetting(argument: string, option: string): { name: keyof Recipe; value: string } {
  const [, name = "", value = ""] = /^([A-Za-z]+)=(.*)$/s.exec(argument) ?? [];
  if (isRecipeSetting(name)) return { name, value };
  if (Object.hasOwn(trainingSettings.shape, name)) {
    const own = `--${optionName(name)}`;
    throw new InputError(`${option} does not change ${name}, which has an option of its own`, {
      expected: own,
      found: `${option} ${argument}`,
      fix: `${own} ${value}`,
    });
  }
  throw new InputError(`${option} ${argument} names no setting${didYouMean(name, recipeSettingNames)}`, {
    expected: `name=value, the name one of ${recipeSettingNames.join(", ")}`,
  });
}

/**
 * Parses the value of a setting from text, which is JSON (`[2,3]`, `true`) or what it says.
 *
 * @param option What to call it in an error.
 * @throws {InputError} saying what the setting must be and what was found.
 */
export function parseSettingText<Name extends SettingName>(
  name: Name,
  text: string,
  option: string,
): TrainingSettings[Name] {
  return parseSetting(name, parseValue(text), option);
}

/** A setting's name as an option: `batchSize` is `batch-size`. */
export function optionName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function isRecipeSetting(name: string): name is keyof Recipe {
  return Object.hasOwn(recipeSchema.shape, name);
}

function parseValue(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}
