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

/** Those of the changed settings that make no difference to the method. */
export function idleSettings(method: MethodId, changes: Partial<Recipe>): string[] {
  const known: readonly string[] = settingsRead(method);
  return Object.keys(changes).filter((name) => !known.includes(name));
}
