import { InputError } from "../errors.js";
import type { MethodId } from "../methods/ids.js";
import { recipeSettingNames, type Recipe } from "./settings.js";

type SettingNames = readonly (keyof Recipe)[];

const attack = ["epsilon", "innerSteps", "innerStepSize", "innerStart", "innerMode"] as const;

/** The settings that one method reads and another may not; all others are of every run. */
const read: Readonly<Record<MethodId, SettingNames>> = {
  natural: [],
  sat: attack,
  trades: [...attack, "beta"],
  score: [...attack, "beta", "lossClip"],
  ard: [...attack, "alpha", "temperature"],
  rslad: [...attack, "klScale", "alpha"],
  "fair-ard": [...attack, "alpha", "beta", "temperature"],
  absld: [...attack, "klScale", "alpha", "initialTemperature", "temperatureRate", "classTemperatures"],
  lmtn: [...attack, "klScale", "alpha"],
  baseline: [...attack, "klScale", "initialTemperature"],
  "baseline-ebb": [...attack, "klScale", "initialTemperature", "temperatureRate"],
  mtard: [...attack, "klScale", "beta", "initialTemperature", "weightRate"],
  "b-mtard": [...attack, "klScale", "beta", "initialTemperature", "temperatureRate", "weightRate"],
};

const ofSomeMethods: SettingNames = [...new Set(Object.values(read).flat())];

/** The settings that decide a run by a method, in the order of the schema. */
export function settingsRead(method: MethodId): SettingNames {
  return recipeSettingNames.filter((name) => !ofSomeMethods.includes(name) || read[method].includes(name));
}

/** @throws {InputError} if a setting is changed that the method does not read. */
export function requireRead(method: MethodId, changes: Partial<Recipe>): void {
  const known = settingsRead(method);
  const idle = Object.keys(changes).filter((name) => !known.includes(name as keyof Recipe));
  if (idle.length === 0) return;
  throw new InputError(`the method "${method}" does not read ${idle.join(", ")}`, {
    expected: `--set of ${known.join(", ")}`,
    found: idle.map((name) => `--set ${name}`).join(", "),
    fix: `mtard recipe show --dataset cifar10 --method ${method} says what each is`,
  });
}
