import { COMPLETION } from "./usage-error.js";
import { usages, type Usages } from "./usages.js";

/** What yargs's completion script calls the program with, before the words of the call. */
export const ASKS_COMPLETIONS = "--get-yargs-completions";

/** Where the shell's cursor is. */
export interface CompletionPlace {
  /** The words of the call after `mtard`, the last of which is being typed. */
  readonly words: readonly string[];
  /** Where teachers and data sets are kept unless the call says it. */
  readonly teachersDir: string;
  readonly dataDir: string;
  /** The help of a call. */
  helpOf(call: readonly string[]): Promise<string>;
}

/** Where the names of what a user has are found. */
type Stores = Pick<CompletionPlace, "teachersDir" | "dataDir">;

type Names = (stores: Stores) => Promise<readonly string[]>;

// What holds the names is loaded when they are asked for: a completion has to be there before the next key.
const methodNames: Names = async () => (await import("../methods/methods.js")).methodIds;
const networkNames: Names = async () => (await import("../networks/networks.js")).networkIds;
const datasetNames: Names = async ({ dataDir }) => {
  const { datasetIds, ownDatasetIds } = await import("../data/datasets.js");
  return [...datasetIds, ...ownDatasetIds(dataDir)];
};
const attackNames: Names = async () => (await import("../attacks/attacks.js")).attackIds;
const budgetNames: Names = async () => (await import("../recipes/budgets.js")).budgetNames;
const readingNames: Names = async () => (await import("../recipes/readings.js")).readingNames;
const settingNames: Names = async () =>
  (await import("../recipes/settings.js")).recipeSettingNames.map((name) => `${name}=`);
const teacherNames: Names = async ({ teachersDir }) =>
  (await import("../teacher/store.js")).listTeachers(teachersDir).map(({ name }) => name);
const describedNames: Names = async () =>
  (await import("../teacher/descriptions.js")).listDescriptions().map(({ name }) => name);
const devices: Names = () => Promise.resolve(["auto", "cpu", "cuda"]);
const roles: Names = async () => (await import("../methods/method.js")).teacherRoles;
const formats: Names = async () => ["folder", ...(await import("../model/export.js")).exportFormats];
const commandNames: Names = () => Promise.resolve([...Object.keys(usages), "help", COMPLETION]);
const studyNames: Names = async () => Object.keys((await import("../reproduction/studies.js")).studies);
/** The shell's own: files and folders. */
const files: Names = () => Promise.resolve([]);

const valuesOf: Readonly<Record<string, Names>> = {
  "--method": methodNames,
  "--methods": methodNames,
  "--against": methodNames,
  "--student": networkNames,
  "--network": networkNames,
  "--dataset": datasetNames,
  "--attack": attackNames,
  "--attacks": attackNames,
  "--budget": budgetNames,
  "--reading": readingNames,
  "--set": settingNames,
  "--grid": settingNames,
  "--device": devices,
  "--role": roles,
  "--to": formats,
  "--checkpoint": async () => (await import("../model/student-choices.js")).studentChoiceNames,
  "--clean-teacher": teacherNames,
  "--robust-teacher": teacherNames,
  "--second-clean-teacher": teacherNames,
  "--second-robust-teacher": teacherNames,
  "--surrogate": teacherNames,
  "--init": teacherNames,
  ...Object.fromEntries(
    ["out", "from", "config", "onnx", "weights", "images", "save-adversarial", "data-dir", "teachers-dir"]
      .concat("runs-dir")
      .map((name) => [`--${name}`, files]),
  ),
};

/** What stands after a command, by the words that name it. */
const positionals: Readonly<Record<string, Names>> = {
  help: commandNames,
  study: studyNames,
  data: datasetNames,
  "teacher fetch": describedNames,
  "teacher show": teacherNames,
  "teacher check": teacherNames,
  evaluate: teacherNames,
  attack: teacherNames,
  export: teacherNames,
  report: files,
};

/** What can stand where the last word is, a name each; none where it is a file, a folder or a number. */
export async function completions(place: CompletionPlace): Promise<readonly string[]> {
  const { words } = place;
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const option = valuesOf[before.at(-1) ?? ""];
  const given = (name: string): string | undefined => {
    const at = words.lastIndexOf(name);
    return at >= 0 ? words[at + 1] : undefined;
  };
  const stores = {
    teachersDir: given("--teachers-dir") ?? place.teachersDir,
    dataDir: given("--data-dir") ?? place.dataDir,
  };
  if (option) {
    // Of a list with commas, the last name is completed.
    const begun = current.slice(0, current.lastIndexOf(",") + 1);
    return (await option(stores)).map((name) => begun + name);
  }
  if (current.startsWith("-")) return optionsIn(await place.helpOf(before), before);
  const [command, ...others] = before;
  if (command === undefined) return commandNames(stores);
  const { actions } = (usages as Usages)[command] ?? {};
  if (actions && others.length === 0) return Object.keys(actions);
  return (await positionals[before.join(" ")]?.(stores)) ?? [];
}

/** The options that a help lists, without those that the call has already, unless they may be repeated. */
function optionsIn(help: string, before: readonly string[]): string[] {
  const listed = [...help.matchAll(/^ +(?:-\w, )?(--[a-z][a-z0-9-]*) .*(?:\n {20,}.*)*/gm)];
  return listed
    .filter(([entry, name = ""]) => entry.includes("[array]") || !before.includes(name))
    .map(([, name = ""]) => name);
}
