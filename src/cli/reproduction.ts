import { join } from "node:path";
import type { Argv } from "yargs";
import { attackIds, requireAttackIds, type AttackId } from "../attacks/attacks.js";
import {
  type UniformStart,
  uniformStarts,
  wrongWhenClean,
  type WrongWhenClean,
} from "../attacks/conventions.js";
import { InputError } from "../errors.js";
import { methodIds, requireMethodId, type MethodId } from "../methods/methods.js";
import { requireBudget, type BudgetName } from "../recipes/budgets.js";
import { parseSetting, type SettingName, type TrainingSettings } from "../recipes/settings.js";
import { optionName, parseOverrides } from "../recipes/setting-text.js";
import { requireReading } from "../recipes/readings.js";
import { isPaperDataset, paperDatasets, type PaperDataset } from "../paper/paper.js";
import type { Outcome } from "../reproduction/run-request.js";
import type { ScaleOptions } from "../reproduction/scale.js";
import type { Places } from "../reproduction/session.js";
import { requestedDevice } from "../runtime/device.js";
import { writeFileAtomically } from "../files/atomic.js";
import { budgetOption, configOption, deviceOption, readingOption, runsDirOption } from "./options.js";
import { type JobArguments, withJobOptions } from "./job-options.js";
import { type GlobalArguments, shellWord } from "./output.js";

/** The options of `mtard table` and `mtard figure`. */
export interface ReproductionArguments extends ScaleArguments {
  number: string;
  dataset: string;
  budget: string;
  seeds: string;
  methods: string | undefined;
}

/** What every command takes that trains and measures many runs. */
export interface ScaleArguments extends GlobalArguments, JobArguments {
  attacks: string | undefined;
  attackImages: string[] | undefined;
  wrongWhenClean: WrongWhenClean | undefined;
  uniformStart: UniformStart | undefined;
  reading: string;
  student: string | undefined;
  cleanTeacher: string | undefined;
  robustTeacher: string | undefined;
  secondCleanTeacher: string | undefined;
  secondRobustTeacher: string | undefined;
  epochs: unknown;
  batchSize: unknown;
  limitTrain: unknown;
  limitTest: unknown;
  set: string[] | undefined;
  runsDir: string;
  out: string | undefined;
  device: string | undefined;
}

const text = { type: "string", requiresArg: true } as const;

/** Adds the options that `mtard table` and `mtard figure` take. */
export function withReproductionOptions(yargs: Argv): Argv {
  return withScaleOptions(
    yargs
      .option("budget", { ...budgetOption, default: "smoke" })
      .option("seeds", { ...seedsOption, default: "0" }),
    { usual: "the budget's", out: "reports/WHAT-DATASET-BUDGET" },
  );
}

/** `--seeds` of a command that trains many runs. */
export const seedsOption = { ...text, describe: "one run each, such as 0,1,2" } as const;

/**
 * Adds the options of every command that trains and measures many runs.
 *
 * @param usual Whose values hold where the call gives none; `out` is where its files go.
 */
export function withScaleOptions(yargs: Argv, { usual, out }: { usual: string; out: string }): Argv {
  return withJobOptions(yargs)
    .option("attacks", { ...text, describe: `only these, of ${attackIds.join(", ")}` })
    .option("attack-images", {
      ...text,
      array: true,
      nargs: 1,
      describe: "an attack on the first K test images only, such as aa=500",
      defaultDescription: usual,
    })
    .option("wrong-when-clean", {
      ...text,
      choices: Object.keys(wrongWhenClean),
      describe: "what becomes of images answered wrong before the attack, of all attacks",
      defaultDescription: "final-answer for FGSM, PGD, CW and transfers",
    })
    .option("uniform-start", {
      ...text,
      choices: Object.keys(uniformStarts),
      describe: "whether the noise that PGD and CW start from stays in [0, 1]",
      defaultDescription: "clamped",
    })
    .option("reading", readingOption)
    .option("student", { ...text, describe: "the network to train", defaultDescription: usual })
    .option("clean-teacher", {
      ...text,
      describe: "a name, folder or .onnx file",
      defaultDescription: "DATASET-clean, or the paper's",
    })
    .option("robust-teacher", {
      ...text,
      describe: "a name, folder or .onnx file",
      defaultDescription: "DATASET-robust, or the paper's",
    })
    .option("epochs", { requiresArg: true, describe: `of every run, instead of ${usual}` })
    .option("batch-size", { requiresArg: true, describe: "images a step" })
    .option("limit-train", { requiresArg: true, describe: "train on the first K images only" })
    .option("limit-test", { requiresArg: true, describe: "evaluate on the first K images only" })
    .option("set", {
      ...text,
      array: true,
      nargs: 1,
      describe: "change a setting of every recipe, name=value",
    })
    .option("runs-dir", { ...runsDirOption, describe: "where runs are found and kept" })
    .option("out", {
      ...text,
      describe: "the folder for the files",
      defaultDescription: out,
    })
    .option("config", configOption)
    .option("device", deviceOption);
}

/** What a call asks for, checked before anything is loaded. */
export interface Reproduction {
  readonly number: number;
  readonly dataset: PaperDataset;
  readonly budget: BudgetName;
  readonly seeds: readonly number[];
  readonly options: ScaleOptions;
  readonly methods: readonly MethodId[] | null;
  readonly places: Places;
  readonly out: string;
}

/** @throws {InputError} naming the first option that is wrong. */
export function reproductionOf(what: "table" | "figure", args: ReproductionArguments): Reproduction {
  const number = Number(args.number);
  if (!Number.isInteger(number))
    throw new InputError(`"${args.number}" is no number of a ${what}`, {
      expected: "such as 3",
      found: args.number,
    });
  const dataset = requirePaperDataset(args.dataset);
  const budget = requireBudget(args.budget);
  return {
    number,
    dataset,
    budget,
    seeds: parseSeeds(args.seeds),
    methods: args.methods === undefined ? null : parseMethods(args.methods),
    options: scaleOptionsOf(args),
    places: placesOf(args),
    out: args.out ?? join("reports", `${what}-${number}-${dataset}-${budget}`),
  };
}

/** `--seeds`, each once. @throws {InputError} if one is none. */
export function parseSeeds(given: string): number[] {
  return [...new Set(given.split(",").map((seed) => parseSetting("seed", seed, "--seeds")))];
}

/** `--methods`, each once. @throws {InputError} if one is unknown. */
export function parseMethods(given: string): MethodId[] {
  return [...new Set(given.split(",").map(requireMethodId))];
}

/** What a call asks for besides what it is about. @throws {InputError} naming the first option that is wrong. */
export function scaleOptionsOf(args: ScaleArguments): ScaleOptions {
  return {
    reading: requireReading(args.reading),
    student: args.student,
    epochs: given("epochs", args.epochs),
    batchSize: given("batchSize", args.batchSize),
    limitTrain: given("limitTrain", args.limitTrain) ?? undefined,
    limitTest: given("limitTest", args.limitTest) ?? undefined,
    changes: parseOverrides(args.set ?? []),
    attacks: args.attacks === undefined ? undefined : requireAttackIds(args.attacks.split(",")),
    attackImages: attackImages(args.attackImages ?? []),
    conventions: {
      ...(args.wrongWhenClean === undefined ? {} : { wrongWhenClean: args.wrongWhenClean }),
      ...(args.uniformStart === undefined ? {} : { uniformStart: args.uniformStart }),
    },
    teachers: {
      clean: teacherNames(args.cleanTeacher, args.secondCleanTeacher),
      robust: teacherNames(args.robustTeacher, args.secondRobustTeacher),
    },
  };
}

/** Where a call's files are, and what it runs on. */
export function placesOf({ runsDir, dataDir, teachersDir, device }: ScaleArguments): Places {
  return { runsDir, dataDir, teachersDir, device: requestedDevice(device) };
}

/** `--methods` of a table. */
export const methodsOption = {
  ...text,
  describe: `only these rows, of ${methodIds.join(", ")}`,
} as const;

/** `--dataset` of the paper. */
export const paperDatasetOption = {
  ...text,
  default: "cifar10",
  describe: `the paper's: ${paperDatasets.join(", ")}`,
} as const;

function requirePaperDataset(name: string): PaperDataset {
  if (isPaperDataset(name)) return name;
  throw new InputError(`the paper has no data set "${name}"`, {
    expected: paperDatasets.join(", "),
    found: name,
  });
}

/** @throws {InputError} if one is not ATTACK=COUNT. */
function attackImages(given: readonly string[]): Partial<Record<AttackId, number>> {
  return Object.fromEntries(
    given.map((text) => {
      const [name = "", count] = text.split("=");
      const [attack = ""] = requireAttackIds([name]);
      return [attack, parseSetting("limitTest", count, `--attack-images ${attack}`)];
    }),
  );
}

function teacherNames(first: string | undefined, second: string | undefined) {
  return { ...(first === undefined ? {} : { first }), ...(second === undefined ? {} : { second }) };
}

function given<Name extends SettingName>(name: Name, value: unknown): TrainingSettings[Name] | undefined {
  return value === undefined ? undefined : parseSetting(name, value, `--${optionName(name)}`);
}

/** How many runs a call trained, and how many evaluations it made. */
export function workDone(outcomes: readonly Outcome[]): { trained: number; evaluated: number } {
  return {
    // Several students of a run are one training, and so is a run that is asked for at each rung.
    trained: new Set(outcomes.filter(({ trained }) => trained).map(({ folder }) => folder)).size,
    evaluated: outcomes.reduce((sum, { measured }) => sum + measured, 0),
  };
}

/** Says where a report's files are. */
export function filesText(files: Readonly<Record<string, string>>): string {
  return `files: ${Object.values(files).join("\n       ")}`;
}

/** What to look at after a table or figure: the last of its runs. */
export function nextOfRuns(folders: readonly string[]): string[] {
  return folders.slice(-1).map((folder) => `mtard report ${shellWord(folder)}`);
}

/** Writes a report's files into its folder, each whole or not at all; returns their paths by file extension. */
export function writeReport(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => {
      const path = join(folder, name);
      writeFileAtomically(path, content);
      return [name.split(".").at(-1) ?? name, path];
    }),
  );
}
