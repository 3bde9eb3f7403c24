import { join } from "node:path";
import type { CommandModule } from "yargs";
import { attackIds, requireAttackIds, type AttackId } from "../attacks/ids.js";
import { classifierShape, findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import type { EvaluationProgress } from "../evaluation/progress.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { ImageShape } from "../graph/network.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { parseQuantity, parseSetting } from "../recipes/settings.js";
import {
  prepareNativeLibraries,
  requestedDevice,
  threadCount,
  type DeviceRequest,
} from "../runtime/device.js";
import { writeFileAtomically } from "../runtime/files.js";
import type { KnownSubject } from "../subject/subject.js";
import {
  checkpointOption,
  datasetOption,
  deviceOption,
  examples,
  limitOption,
  parseLimit,
} from "./options.js";
import { formatTable, log, printResult, type GlobalArguments } from "./output.js";
import { formatImages, ProgressLine } from "./progress.js";

interface EvaluateArguments extends GlobalArguments {
  model: string;
  dataset: string | undefined;
  attacks: string;
  limit: unknown;
  eps: string;
  seed: unknown;
  batchSize: unknown;
  checkpoint: "best" | "last";
  device: string | undefined;
  out: string | undefined;
}

/** `mtard evaluate MODEL`: clean and robust accuracy of a run, a teacher or an ONNX file. */
export const evaluateCommand: CommandModule = {
  command: "evaluate <model>",
  describe: "clean and robust accuracy of a run's student, a teacher or an ONNX file",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "a run directory, a teacher's name or an .onnx file",
      })
      .option("dataset", { ...datasetOption, defaultDescription: "what the model was trained on" })
      .option("attacks", {
        type: "string",
        requiresArg: true,
        default: "fgsm,pgd-sat,pgd-trades",
        describe: `none, or some of ${attackIds.join(", ")}`,
      })
      .option("limit", limitOption)
      .option("eps", {
        type: "string",
        requiresArg: true,
        default: "8/255",
        describe: "L-infinity radius, in pixel values of [0, 1]",
      })
      .option("seed", { requiresArg: true, default: 0, describe: "of the attacks' random starts" })
      .option("batch-size", { requiresArg: true, default: 128, describe: "images at a time" })
      .option("checkpoint", checkpointOption)
      .option("device", deviceOption)
      .option("out", {
        type: "string",
        requiresArg: true,
        describe: "the file for what each image was taken for, JSON lines",
        defaultDescription: "in the run directory, or runs/evaluations",
      })
      .epilogue(
        examples({
          "a run's best student": "mtard evaluate runs/demo --attacks pgd-sat --limit 500",
          "a teacher": "mtard evaluate demo-robust --dataset demo",
        }),
      ),
  handler: (args) => runEvaluate(args as unknown as EvaluateArguments),
};

async function runEvaluate(args: EvaluateArguments): Promise<void> {
  const request = evaluationRequest(args);
  const line = new ProgressLine();
  const started = performance.now();
  const onProgress = (progress: EvaluationProgress): void => line.show(formatImages(progress, started));
  try {
    const { model, dataset, device, evaluation, isRun } = await measure(args, request, onProgress);
    line.clear();
    log(`${model} on ${device}`);
    const perExample = args.out ?? (isRun ? join(model, "evaluation.jsonl") : defaultOutput(model, dataset));
    const lines = evaluation.perExample.map((example) => JSON.stringify(example));
    writeFileAtomically(perExample, `${lines.join("\n")}\n`);
    const { total, clean, attacks: robust } = evaluation;
    printResult(
      args,
      { model, dataset, total, clean, attacks: robust, perExample },
      evaluationTable(evaluation),
    );
  } finally {
    line.clear();
  }
}

/** What is asked for, checked before anything is loaded. */
interface EvaluationRequest {
  readonly dataset: string | undefined;
  readonly attacks: readonly AttackId[];
  readonly limit: number | undefined;
  readonly epsilon: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly device: DeviceRequest;
}

function evaluationRequest(args: EvaluateArguments): EvaluationRequest {
  return {
    dataset: args.dataset === undefined ? undefined : findDataset(args.dataset).id,
    attacks: args.attacks === "none" ? [] : requireAttackIds(args.attacks.split(",")),
    limit: parseLimit(args.limit),
    epsilon: parseQuantity("--eps", args.eps, { minimum: 0, maximum: 1 }),
    seed: parseSetting("seed", args.seed, "--seed"),
    batchSize: parseSetting("batchSize", args.batchSize, "--batch-size"),
    device: requestedDevice(args.device),
  };
}

interface Measured {
  readonly model: string;
  readonly dataset: string;
  readonly device: string;
  readonly evaluation: Evaluation;
  readonly isRun: boolean;
}

async function measure(
  { model, checkpoint, dataDir, teachersDir }: EvaluateArguments,
  request: EvaluationRequest,
  onProgress: (progress: EvaluationProgress) => void,
): Promise<Measured> {
  const { attacks, limit, epsilon, seed, batchSize } = request;
  prepareNativeLibraries(request.device, threadCount());
  const { openSubject, attackTarget } = await import("../subject/subject.js");
  const subject = await openSubject(model, { teachersDir, dataset: request.dataset, checkpoint });
  const dataset = findDataset(request.dataset ?? subject.dataset);
  const shape = classifierShape(dataset);
  const { test } = openDataset(dataset.id, dataDir, limit === undefined ? {} : { test: limit });
  const common = {
    model: subject.name,
    dataset: dataset.id,
    isRun: subject.kind === "known" && subject.isRun,
  };

  if (subject.kind === "known") refuseMisfit(subject, shape);
  const { evaluate } = await import("../evaluation/evaluate.js");
  const target = await attackTarget(subject, request.device);
  try {
    const settings = { attacks, epsilon, batchSize, seed };
    const evaluation = await evaluate(target, test, dataset.image, settings, onProgress);
    return { ...common, device: target.runsOn, evaluation };
  } finally {
    target.dispose();
  }
}

function refuseMisfit({ name, dataset, network }: KnownSubject, wanted: ClassifierShape): void {
  const { input, classes } = network;
  const size = ({ height, width, channels }: ImageShape): string => `${height}x${width}x${channels}`;
  if (classes === wanted.classes && size(input) === size(wanted.image)) return;
  throw new InputError(
    classes === wanted.classes
      ? `"${name}" takes images of ${size(input)}, but those of ${wanted.name} are ${size(wanted.image)}`
      : `"${name}" answers ${classes} classes, but ${wanted.name} has ${wanted.classes}`,
    {
      expected: `a model for ${wanted.name}`,
      found: `one for ${dataset}`,
      fix: `--dataset ${dataset}`,
    },
  );
}

function defaultOutput(model: string, dataset: string): string {
  return join("runs", "evaluations", `${model.replace(/[^A-Za-z0-9._-]+/g, "-")}-${dataset}.jsonl`);
}

/** An evaluation as a table: clean, then each attack with robust accuracy and W-Robust. */
export function evaluationTable({ total, clean, attacks }: Evaluation): string {
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)}%`;
  const rows = Object.entries(attacks).map(([id, { robust, accuracy, wRobust }]) => [
    id,
    `${robust}/${total}`,
    percent(accuracy),
    percent(wRobust),
  ]);
  return formatTable([
    ["attack", "right", "accuracy", "W-Robust"],
    ["none", `${clean.correct}/${total}`, percent(clean.accuracy), ""],
    ...rows,
  ]);
}
