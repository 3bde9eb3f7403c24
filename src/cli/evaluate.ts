import { join } from "node:path";
import type { CommandModule } from "yargs";
import { attackIds, requireAttackIds, type AttackId } from "../attacks/ids.js";
import { findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import type { Evaluation, EvaluationProgress } from "../evaluation/evaluate.js";
import { parseQuantity } from "../recipes/settings.js";
import { prepareNativeLibraries, requestedDevice, threadCount } from "../runtime/device.js";
import { writeFileAtomically } from "../runtime/files.js";
import { formatTable, log, printResult, type GlobalArguments } from "./output.js";
import { formatDuration, ProgressLine } from "./progress.js";

interface EvaluateArguments extends GlobalArguments {
  model: string;
  dataset: string | undefined;
  attacks: string;
  limit: number | undefined;
  eps: string;
  seed: number;
  batchSize: number;
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
      .option("dataset", {
        type: "string",
        describe: "what to evaluate on",
        defaultDescription: "what the model was trained on",
      })
      .option("attacks", {
        type: "string",
        default: "fgsm,pgd-sat,pgd-trades",
        describe: `none, or some of ${attackIds.join(",")}`,
      })
      .option("limit", { type: "number", describe: "the first K test images only" })
      .option("eps", {
        type: "string",
        default: "8/255",
        describe: "L-infinity radius, in pixel values of [0, 1]",
      })
      .option("seed", { type: "number", default: 0, describe: "of the attacks' random starts" })
      .option("batch-size", { type: "number", default: 128, describe: "images at a time" })
      .option("checkpoint", {
        choices: ["best", "last"] as const,
        default: "best" as const,
        describe: "which student of a run",
      })
      .option("device", {
        type: "string",
        describe: "auto, cpu or cuda",
        defaultDescription: "MTARD_DEVICE, or auto",
      })
      .option("out", {
        type: "string",
        describe: "per-example results, JSON lines",
        defaultDescription: "in the run directory, or runs/evaluations",
      })
      .example("$0 evaluate runs/demo --attacks pgd-sat --limit 500", "a run's best student")
      .example("$0 evaluate demo-robust --dataset demo", "a teacher"),
  handler: (args) => runEvaluate(args as unknown as EvaluateArguments),
};

async function runEvaluate(args: EvaluateArguments): Promise<void> {
  const attacks = args.attacks === "none" ? [] : requireAttackIds(args.attacks.split(","));
  const line = new ProgressLine();
  const started = performance.now();
  const onProgress = ({ done, total }: EvaluationProgress): void => {
    const seconds = (performance.now() - started) / 1000;
    const left = formatDuration((seconds / done) * (total - done));
    line.show(`${done}/${total} images, ${(done / seconds).toFixed(1)} images/s, ${left} left`);
  };
  try {
    const { model, dataset, device, evaluation, isRun } = await measure(args, attacks, onProgress);
    line.clear();
    log(`${model} on ${device}`);
    const perExample = args.out ?? defaultOutput(args.model, isRun);
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

interface Measured {
  readonly model: string;
  readonly dataset: string;
  readonly device: string;
  readonly evaluation: Evaluation;
  readonly isRun: boolean;
}

async function measure(
  args: EvaluateArguments,
  attacks: readonly AttackId[],
  onProgress: (progress: EvaluationProgress) => void,
): Promise<Measured> {
  const epsilon = parseQuantity("eps", args.eps, { minimum: 0, maximum: 1 });
  const batchSize = parseQuantity("batch-size", args.batchSize, { minimum: 1, whole: true });
  const request = requestedDevice(args.device);
  prepareNativeLibraries(request, threadCount());
  const { openSubject, attackTarget } = await import("../subject/subject.js");
  const subject = await openSubject(args.model, args);
  const dataset = findDataset(args.dataset ?? subject.dataset ?? "");
  const { test } = openDataset(
    dataset.id,
    args.dataDir,
    args.limit === undefined ? {} : { test: args.limit },
  );
  const common = {
    model: subject.name,
    dataset: dataset.id,
    isRun: subject.kind === "known" && subject.isRun,
  };

  if (subject.kind === "foreign") {
    if (attacks.length > 0) {
      throw new InputError(`gradient attacks on "${subject.name}" are not possible yet`, {
        expected: "a model whose network mtard knows: a run, or a teacher imported with --network",
        found: "an ONNX graph of another origin",
        fix: "--attacks none",
      });
    }
    const [{ openTeacher }, { evaluateClean }] = await Promise.all([
      import("../teacher/bridge.js"),
      import("../evaluation/clean.js"),
    ]);
    const shape = { name: dataset.id, image: dataset.image, classes: dataset.classNames.length };
    const teacher = await openTeacher(args.model, {
      device: request,
      teachersDir: args.teachersDir,
      dataset: shape,
    });
    try {
      const evaluation = await evaluateClean(teacher, test, batchSize, onProgress);
      return { ...common, device: `${teacher.device} (ONNX Runtime)`, evaluation };
    } finally {
      await teacher.close();
    }
  }

  refuseMisfit(subject.network.classes, dataset, subject.name);
  const [{ evaluate }, { tf }, { studentDevice }] = await Promise.all([
    import("../evaluation/evaluate.js"),
    import("../runtime/tensorflow.js"),
    import("../runtime/device.js"),
  ]);
  const device = studentDevice(tf, request);
  const target = await attackTarget(subject);
  try {
    const settings = { attacks, epsilon, batchSize, seed: args.seed };
    const evaluation = await evaluate(target, test, dataset.image, settings, onProgress);
    return { ...common, device: `${device} (libtensorflow)`, evaluation };
  } finally {
    target.dispose();
  }
}

function refuseMisfit(
  classes: number,
  dataset: { id: string; classNames: readonly string[] },
  model: string,
): void {
  if (classes === dataset.classNames.length) return;
  throw new InputError(
    `"${model}" answers ${classes} classes, but ${dataset.id} has ${dataset.classNames.length}`,
    {
      fix: "--dataset with the data set the model was trained on",
    },
  );
}

function defaultOutput(model: string, isRun: boolean): string {
  if (isRun) return join(model, "evaluation.jsonl");
  return join("runs", "evaluations", `${model.replace(/[^A-Za-z0-9._-]+/g, "-")}.jsonl`);
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
