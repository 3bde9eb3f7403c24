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
import {
  optionName,
  parseOverrides,
  parseSetting,
  type SettingName,
  type TrainingSettings,
} from "../recipes/settings.js";
import { requireReading } from "../recipes/readings.js";
import { isPaperDataset, paperDatasets, type PaperDataset } from "../paper/paper.js";
import type { Outcome } from "../reproduction/run-request.js";
import type { ScaleOptions } from "../reproduction/scale.js";
import { Stopped, type Places, type WorkEvents } from "../reproduction/session.js";
import { prepareNativeLibraries, requestedDevice, threadCount } from "../runtime/device.js";
import { writeFileAtomically } from "../files/atomic.js";
import { budgetOption, configOption, deviceOption, readingOption, runsDirOption } from "./options.js";
import { log, type GlobalArguments, shellWord } from "./output.js";
import { formatDuration, ProgressLine } from "./progress.js";
import { ProgressBlock } from "./progress-block.js";
import { stopOnSignals } from "./stop-on-signals.js";

/** The options of `mtard table` and `mtard figure`. */
export interface ReproductionArguments extends ScaleArguments {
  number: string;
  dataset: string;
  budget: string;
  seeds: string;
  methods: string | undefined;
}

/** What every command takes that trains and measures many runs. */
export interface ScaleArguments extends GlobalArguments {
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
  jobs: unknown;
  dryRun: boolean;
  on: "slurm" | undefined;
  wait: boolean;
  partition: unknown;
  account: unknown;
  gres: unknown;
  time: unknown;
  cpus: unknown;
  mem: unknown;
  maxJobs: unknown;
  sbatch: string[] | undefined;
  lead: unknown;
  tries: unknown;
}

const text = { type: "string", requiresArg: true } as const;

/** What each job asks of Slurm, checked with `readSlurmOptions`. */
const slurmOptions = {
  partition: { ...text, describe: "one, or several with commas", defaultDescription: "the cluster's" },
  account: { ...text, describe: "whose time it is" },
  gres: { ...text, describe: "such as gpu:1" },
  time: { ...text, describe: "the limit of a try, such as 4:00:00", defaultDescription: "the partition's" },
  cpus: { requiresArg: true, describe: "processors", defaultDescription: "as this machine's threads" },
  mem: { ...text, describe: "such as 16G", defaultDescription: "the partition's" },
  "max-jobs": { requiresArg: true, describe: "so many at once of each array" },
  sbatch: { ...text, array: true, nargs: 1, describe: "another option of sbatch, KEY=VALUE" },
  lead: {
    requiresArg: true,
    describe: "seconds before the limit at which a job saves",
    defaultDescription: "300, or a twelfth of the limit",
  },
  tries: { requiresArg: true, describe: "so many without progress end a job", defaultDescription: "5" },
} as const;

/** The options that only jobs on a cluster have, by the names that handlers see. */
export const clusterOptionNames = [
  "partition",
  "account",
  "gres",
  "time",
  "cpus",
  "mem",
  "maxJobs",
  "sbatch",
  "lead",
  "tries",
] as const;

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
  return yargs
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
    .option("jobs", {
      requiresArg: true,
      describe: "so many processes at once on this machine, each with a GPU or cores of its own",
    })
    .option("on", { ...text, choices: ["slurm"], describe: "submit the jobs to this cluster" })
    .option("wait", {
      type: "boolean",
      default: false,
      describe: "with --on: stay until all jobs are over, and go on with what came of them",
    })
    .options(slurmOptions)
    .group([...Object.keys(slurmOptions)], "Options of each job on Slurm:")
    .option("dry-run", { type: "boolean", default: false, describe: "only print what would be done" })
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

/**
 * Does the work with one progress line over all of it; SIGINT and SIGTERM save and stop.
 *
 * @returns Null if it was stopped; then this is logged and the exit code is 1.
 */
export async function withWorkProgress<T>(
  { device }: Places,
  work: (events: WorkEvents) => Promise<T>,
): Promise<T | null> {
  prepareNativeLibraries(device, threadCount());
  const [line, block] = [new ProgressLine(), new ProgressBlock()];
  const clear = (): void => {
    line.clear();
    block.clear();
  };
  const stop = stopOnSignals({ clear });
  try {
    return await work({
      onProgress({ run, runs, doing, imagesPerSecond, secondsLeft }) {
        const rate = imagesPerSecond === null ? "" : `, ${imagesPerSecond.toFixed(0)} images/s`;
        const left = secondsLeft === null ? "" : `, ${formatDuration(secondsLeft)} left of all`;
        line.show(`run ${run} of ${runs}${left}${rate}  ${doing}`);
      },
      onJobs: (view) => block.show(view),
      onMessage(message) {
        clear();
        log(message);
      },
      stopRequested: () => stop.requested,
    });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    clear();
    log("everything is saved; the same command goes on");
    process.exitCode = 1;
    return null;
  } finally {
    clear();
    stop.forget();
  }
}

/** How many runs a call trained, and how many evaluations it made. */
export function workDone(outcomes: readonly Outcome[]): { trained: number; evaluated: number } {
  return {
    // Several students of a run are one training.
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
