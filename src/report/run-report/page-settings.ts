import { requireMethodId } from "../../methods/methods.js";
import { changedSettings, sourcedRecipe } from "../../recipes/recipes.js";
import type { RunDescription } from "../../run/run-directory.js";
import { htmlTable } from "../html.js";
import { brief } from "./names.js";

/** Characters of a value that are shown; names are a user's own and may be of any length. */
const LONGEST = 300;

/** Every setting of a run, with where its value comes from. */
export function settingsTable({ settings }: RunDescription): string {
  const training = { ...settings, method: requireMethodId(settings.method) };
  const changed = changedSettings(training);
  const rows = sourcedRecipe(training).map(({ name, source }) => {
    const value = shown(settings[name]);
    return name in changed
      ? [name, value, `changed; the recipe has ${shown(changed[name])} (${source})`]
      : [name, value, source];
  });
  const call = (["reading", "limitTrain", "limitTest"] as const).map((name) => [
    name,
    shown(settings[name] ?? "all images"),
    "the call",
  ]);
  return htmlTable(["setting", "value", "source"], [...rows, ...call], []);
}

/** The data, teachers and weights that a run was made from. */
export function inputsTable({ settings, inputs }: RunDescription): string {
  const rows = [
    ["data", settings.dataset, inputs.data],
    ["clean teacher", settings.cleanTeacher, inputs.cleanTeacher],
    ["robust teacher", settings.robustTeacher, inputs.robustTeacher],
    ...(inputs.init ? [["started from", inputs.init.from, inputs.init.sha256] as const] : []),
  ].filter((row): row is string[] => row.every((cell) => cell !== null));
  return htmlTable(
    ["what", "name", "SHA-256"],
    rows.map((row) => row.map((cell) => brief(cell, LONGEST))),
    [],
  );
}

/** A setting's value as text of a bounded length. */
export function shown(value: unknown): string {
  return brief(typeof value === "string" ? value : JSON.stringify(value), LONGEST);
}
