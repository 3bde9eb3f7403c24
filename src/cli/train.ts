import { basename, resolve } from "node:path";
import { findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { methods, requireMethodId } from "../methods/methods.js";
import { teacherRolesOf } from "../methods/method.js";
import { budgets, requireBudget } from "../recipes/budgets.js";
import { askedTeachers, departuresOf } from "../recipes/departures.js";
import { idleSettings } from "../recipes/read-settings.js";
import { recipe } from "../recipes/recipes.js";
import { requireReading } from "../recipes/readings.js";
import {
  parseQuantity,
  parseSetting,
  parseSettings,
  recipeSettingNames,
  type SettingName,
  type TrainingSettings,
} from "../recipes/settings.js";
import { optionName, parseOverrides } from "../recipes/setting-text.js";
import { studentOf } from "../recipes/teachers.js";
import type { TeacherRole } from "../methods/method.js";
import { namedOrUsualTeachers } from "../recipes/usual-teachers.js";
import type { BestEvaluation } from "../run/checkpoint.js";
import { runName } from "../run/run-directory.js";
import type { CommandBody } from "./usages.js";
import { percent } from "./accuracy.js";
import {
  budgetOption,
  configOption,
  datasetOption,
  deviceOption,
  examples,
  methodOption,
  readingOption,
  studentOption,
} from "./options.js";
import { log, printResult, type GlobalArguments, shellWord, suggest } from "./output.js";
import { wrapProse } from "./wrap.js";

interface TrainArguments extends GlobalArguments {
  dataset: string;
  method: string;
  student: string | undefined;
  reading: string;
  budget: string;
  cleanTeacher: string | undefined;
  robustTeacher: string | undefined;
  epochs: unknown;
  batchSize: unknown;
  limitTrain: unknown;
  limitTest: unknown;
  seed: unknown;
  out: string | undefined;
  resume: boolean;
  init: string | undefined;
  initHead: "kept" | "new" | undefined;
  initKey: string | undefined;
  device: string | undefined;
  checkpointMinutes: unknown;
  tensorboard: boolean;
  set: string[] | undefined;
}

const teacherOption = {
  type: "string",
  requiresArg: true,
  describe: "a teacher's name, its folder or an .onnx file",
} as const;

/** Describes the default teacher of a role; `mtard teacher list` shows which it is. */
const usual = (role: TeacherRole): string => `DATASET-${role}, or the paper's, where the method asks one`;

/** `mtard train`: trains a student and keeps everything in a run directory. */
export const trainCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .option("dataset", { ...datasetOption, demandOption: true })
      .option("method", methodOption)
      .option("student", studentOption)
      .option("reading", readingOption)
      .option("clean-teacher", { ...teacherOption, defaultDescription: usual("clean") })
      .option("robust-teacher", { ...teacherOption, defaultDescription: usual("robust") })
      .option("budget", {
        ...budgetOption,
        default: "full",
        describe:
          "student, epochs and images where nothing else is said: smoke, subset, or full (the recipe's)",
      })
      .option("epochs", {
        requiresArg: true,
        describe: "instead of the recipe's; milestones keep their share",
      })
      .option("batch-size", { requiresArg: true, describe: "images a step" })
      .option("limit-train", { requiresArg: true, describe: "train on the first K images only" })
      .option("limit-test", { requiresArg: true, describe: "evaluate on the first K images only" })
      .option("seed", { requiresArg: true, default: 0, describe: "of everything random in the run" })
      .option("out", {
        type: "string",
        requiresArg: true,
        describe: "the run directory",
        defaultDescription: "runs/DATASET-METHOD-STUDENT-seedS",
      })
      .option("resume", {
        type: "boolean",
        default: false,
        describe:
          "go on where the run in --out stopped, or start it; a finished one with more --epochs goes on to them",
      })
      .option("config", configOption)
      .option("init", {
        type: "string",
        requiresArg: true,
        describe:
          "start from weights of the same network: a PyTorch, safetensors or npz file, a run, or a teacher",
      })
      .option("init-head", {
        choices: ["kept", "new"] as const,
        requiresArg: true,
        describe: "take the last linear layer of --init, or draw a new one, for other classes perhaps",
        defaultDescription: "kept",
      })
      .option("init-key", {
        type: "string",
        requiresArg: true,
        describe: "which weights of --init's file, where it has several, such as state_dict_ema",
      })

      .option("device", deviceOption)
      .option("checkpoint-minutes", {
        requiresArg: true,
        default: 5,
        describe: "a checkpoint at least so often, besides one every epoch",
      })
      .option("tensorboard", {
        type: "boolean",
        default: true,
        describe:
          "write event files for TensorBoard into the run directory (tensorboard --logdir runs); --no-tensorboard for none",
      })
      .option("set", {
        type: "string",
        array: true,
        nargs: 1,
        describe: `change a setting of the recipe, name=value: ${recipeSettingNames.join(", ")}`,
      })
      .epilogue(
        examples({
          "the demo data, in two minutes": "mtard train --dataset demo",
          "CIFAR-10 cut down, in hours on two cores, with other teachers":
            "mtard train --dataset cifar10 --budget subset --clean-teacher A --robust-teacher B.onnx",
          "a run again, with another seed": "mtard train --config runs/it/settings.json --seed 1",
          "ten epochs more for a finished run of ten, with its other settings":
            "mtard train --dataset demo --epochs 20 --out runs/it --resume",
          "from a teacher's weights": "mtard train --dataset demo --student resnet-14 --init demo-clean",
          "adversarial training with one setting changed":
            "mtard train --dataset cifar10 --method sat --student resnet-18 --set innerSteps=7",
        }),
      ),
  handler: (args) => runTrain(args as unknown as TrainArguments),
};

async function runTrain(args: TrainArguments): Promise<void> {
  const settings = settingsOf(args);
  const folder = args.out ?? `runs/${runName(settings)}`;
  const { dataDir, teachersDir, resume, device, tensorboard } = args;
  const minutes = parseQuantity("--checkpoint-minutes", args.checkpointMinutes, { minimum: 0 });
  const about = args.initHead === undefined ? "--init-key" : "--init-head";
  if ((args.initHead !== undefined || args.initKey !== undefined) && args.init === undefined)
    throw new InputError(`${about} is about the weights of --init`, {
      expected: "--init FILE, a run or a teacher",
      found: "no --init",
    });
  const init =
    args.init === undefined
      ? undefined
      : { from: args.init, head: args.initHead ?? "kept", key: args.initKey };
  const roles = teacherRolesOf(methods[requireMethodId(settings.method)]);
  const notes = departuresOf(settings, askedTeachers(settings, roles, teachersDir));
  const places = { folder, dataDir, teachersDir, resume, device, tensorboard, init, notes };
  // The engines' part of the program is loaded once the call is known to be right: help and wrong options need none of it.
  const { trainWithProgress } = await import("./training-progress.js");
  const summary = await trainWithProgress(settings, places, minutes * 60);
  const { best, bestAveraged = null } = summary;
  const averagedText = bestAveraged ? `; of averaged weights ${bestText(bestAveraged)}` : "";
  const text = best ? `best by W-Robust ${bestText(best)}${averagedText}` : "no evaluation yet";
  printResult(args, { run: folder, ...summary }, wrapProse(`${folder}: ${summary.status}, ${text}`, 2));
  if (summary.status === "stopped") {
    log("everything is saved; the same command with --resume goes on");
    process.exitCode = 1;
    return;
  }
  const run = shellWord(folder);
  suggest(
    `mtard evaluate ${run}`,
    ...(bestAveraged ? [`mtard evaluate ${run} --checkpoint best-averaged`] : []),
    `mtard report ${run}`,
    `mtard export ${run} --to onnx --out ${shellWord(`${basename(resolve(folder))}.onnx`)}`,
  );
}

function bestText({ epoch, clean, robust, wRobust }: BestEvaluation): string {
  return `${percent(wRobust)} (clean ${percent(clean)}, PGD-trades ${percent(robust)}) at epoch ${epoch}`;
}

/** The recipe's settings, overridden by the call's options and then by `--set`. */
function settingsOf(args: TrainArguments): TrainingSettings {
  const dataset = findDataset(args.dataset, args.dataDir).id;
  const method = requireMethodId(args.method);
  const budget = budgets[requireBudget(args.budget)];
  const student = args.student ?? budget.student ?? studentOf(dataset);
  const reading = requireReading(args.reading);
  const overrides = parseOverrides(args.set ?? []);
  const epochs = given("epochs", args.epochs) ?? budget.epochs ?? undefined;
  const batchSize = given("batchSize", args.batchSize);
  const whole = recipe({ dataset, method, student, reading }, epochs);
  for (const name of idleSettings(method, overrides))
    if (JSON.stringify(overrides[name]) !== JSON.stringify(whole[name]))
      log(`note: ${method} does not read ${name}`);
  return parseSettings({
    ...whole,
    ...budget.changes(method, epochs ?? null),
    ...(batchSize === undefined ? {} : { batchSize }),
    dataset,
    method,
    student,
    reading,
    ...namedOrUsualTeachers(dataset, teacherRolesOf(methods[method]), args, args.teachersDir),
    seed: parseSetting("seed", args.seed, "--seed"),
    limitTrain: given("limitTrain", args.limitTrain) ?? budget.limitTrain,
    limitTest: given("limitTest", args.limitTest) ?? budget.limitTest,
    ...overrides,
  });
}

/** Parses a setting that has an option of its own, if that was given. */
function given<Name extends SettingName>(name: Name, value: unknown): TrainingSettings[Name] | undefined {
  return value === undefined ? undefined : parseSetting(name, value, `--${optionName(name)}`);
}
