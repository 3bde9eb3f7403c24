import type { CommandModule } from "yargs";
import { datasetIds } from "../data/datasets.js";
import { networkIds } from "../networks/networks.js";
import { recipe, studentOf } from "../recipes/recipes.js";
import { parseOverrides, parseSettings, settingNames, type TrainingSettings } from "../recipes/settings.js";
import { log, printResult, type GlobalArguments } from "./output.js";
import { trainWithProgress } from "./training-progress.js";

interface TrainArguments extends GlobalArguments {
  dataset: string;
  method: string;
  student: string | undefined;
  cleanTeacher: string | undefined;
  robustTeacher: string | undefined;
  epochs: number | undefined;
  batchSize: number | undefined;
  limitTrain: number | undefined;
  limitTest: number | undefined;
  seed: number;
  out: string | undefined;
  resume: boolean;
  device: string | undefined;
  checkpointMinutes: number;
  set: string[];
}

/** `mtard train`: trains a student and keeps everything in a run directory. */
export const trainCommand: CommandModule = {
  command: "train",
  describe: "train a student, with checkpoints, metrics and resume",
  builder: (yargs) =>
    yargs
      .option("dataset", { type: "string", demandOption: true, describe: datasetIds.join(", ") })
      .option("method", {
        type: "string",
        default: "b-mtard",
        describe: "natural, sat, baseline, baseline-ebb, mtard, b-mtard",
      })
      .option("student", {
        type: "string",
        describe: `the network to train: ${networkIds.filter((id) => !/-(a-end|b)$/.test(id)).join(", ")}`,
        defaultDescription: "resnet-8 for demo, else resnet-18",
      })
      .option("clean-teacher", { type: "string", describe: "a teacher's name, its folder or an .onnx file" })
      .option("robust-teacher", { type: "string", describe: "a teacher's name, its folder or an .onnx file" })
      .option("epochs", { type: "number", describe: "instead of the recipe's; milestones keep their share" })
      .option("batch-size", { type: "number", describe: "images a step" })
      .option("limit-train", { type: "number", describe: "train on the first K images only" })
      .option("limit-test", { type: "number", describe: "evaluate on the first K images only" })
      .option("seed", { type: "number", default: 0, describe: "of everything random in the run" })
      .option("out", {
        type: "string",
        describe: "the run directory",
        defaultDescription: "runs/DATASET-METHOD-STUDENT-seedS",
      })
      .option("resume", {
        type: "boolean",
        default: false,
        describe: "go on where the run in --out stopped, or start it",
      })
      .option("device", {
        type: "string",
        describe: "auto, cpu or cuda",
        defaultDescription: "MTARD_DEVICE, or auto",
      })
      .option("checkpoint-minutes", {
        type: "number",
        default: 5,
        describe: "a checkpoint at least so often",
      })
      .option("set", {
        type: "string",
        array: true,
        nargs: 1,
        default: [],
        describe: `change a setting of the recipe, name=value: ${settingNames.join(", ")}`,
      })
      .example(
        "$0 train --dataset demo --clean-teacher demo-clean --robust-teacher demo-robust",
        "two minutes",
      )
      .example(
        "$0 train --dataset cifar10 --method sat --student resnet-18 --set innerSteps=7",
        "one setting changed",
      ),
  handler: (args) => runTrain(args as unknown as TrainArguments),
};

async function runTrain(args: TrainArguments): Promise<void> {
  const settings = settingsOf(args);
  const folder =
    args.out ?? `runs/${settings.dataset}-${settings.method}-${settings.student}-seed${settings.seed}`;
  const { dataDir, teachersDir, resume, checkpointMinutes, device } = args;
  const places = { folder, dataDir, teachersDir, resume, device };
  const summary = await trainWithProgress(settings, places, checkpointMinutes * 60);
  const { best } = summary;
  const bestText = best
    ? `best by W-Robust ${percent(best.wRobust)} (clean ${percent(best.clean)}, PGD-trades ${percent(best.robust)}) at epoch ${best.epoch}`
    : "no evaluation yet";
  printResult(args, { run: folder, ...summary }, `${folder}: ${summary.status}, ${bestText}`);
  if (summary.status === "stopped") {
    log("everything is saved; the same command with --resume goes on");
    process.exitCode = 1;
  }
}

/** The recipe's settings, the call's over them, and `--set` over all. */
function settingsOf(args: TrainArguments): TrainingSettings {
  const overrides = parseOverrides(args.set);
  const student = args.student ?? studentOf(args.dataset);
  return parseSettings({
    ...recipe(args.dataset, args.method, student, args.epochs),
    ...(args.batchSize === undefined ? {} : { batchSize: args.batchSize }),
    dataset: args.dataset,
    method: args.method,
    student,
    cleanTeacher: args.cleanTeacher ?? null,
    robustTeacher: args.robustTeacher ?? null,
    seed: args.seed,
    limitTrain: args.limitTrain ?? null,
    limitTest: args.limitTest ?? null,
    ...overrides,
  });
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)}%`;
}
