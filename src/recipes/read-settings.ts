import { methodIds, methods, type MethodId } from "../methods/methods.js";
import type { Method, MethodSettings } from "../methods/method.js";
import { recipeSettingNames, type Recipe } from "./settings.js";

type SettingNames = readonly (keyof Recipe)[];

/** The settings of every inner attack. */
const attackSettings: readonly (keyof MethodSettings)[] = [
  "epsilon",
  "innerSteps",
  "innerStepSize",
  "innerStart",
  "innerMode",
  "attackPrecision",
];

/** The settings that a method reads, but not every method. */
function ownSettings(id: MethodId): SettingNames {
  const { attack, teachers, settings }: Method = methods[id];
  return [
    ...(attack ? attackSettings : []),
    ...(teachers.length > 0 ? (["teacherPrecision"] as const) : []),
    ...settings,
  ];
}

const ofSomeMethods: SettingNames = [...new Set(methodIds.flatMap(ownSettings))];

/** The settings that affect a run of a method, in the order of the schema. */
export function settingsRead(method: MethodId): SettingNames {
  const own = ownSettings(method);
  return recipeSettingNames.filter((name) => !ofSomeMethods.includes(name) || own.includes(name));
}

/** The changed settings that make no difference to the method. */
export function idleSettings(method: MethodId, changes: Partial<Recipe>): (keyof Recipe)[] {
  const known: readonly string[] = settingsRead(method);
  return (Object.keys(changes) as (keyof Recipe)[]).filter((name) => !known.includes(name));
}
