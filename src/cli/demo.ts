import { dirname, join } from "node:path";
import { classifierShape } from "../data/datasets.js";
import { prepareDataset } from "../data/prepare.js";
import { openDataset } from "../data/store.js";
import { imagesOf } from "../evaluation/images.js";
import { measure } from "../evaluation/measure.js";
import { openModelStore, usualBatch } from "../evaluation/model-store.js";
import type { Evaluation } from "../evaluation/summary.js";
import { openModel } from "../model/model.js";
import { findModel } from "../model/reference.js";
import { recipe } from "../recipes/recipes.js";
import { parseSettings, type TrainingSettings } from "../recipes/settings.js";
import { studentOf } from "../recipes/teachers.js";
import { requestedDevice } from "../runtime/device.js";
import { RUN_FILES } from "../run/run-directory.js";
import type { CommandBody } from "./usages.js";
import { log, printResult, type GlobalArguments, shellWord, suggest } from "./output.js";
import { formatTable } from "./text-table.js";
import { deviceOption, parseLimit } from "./options.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { ProgressLine } from "./progress.js";
import { trainWithProgress } from "./training-progress.js";

interface DemoArguments extends GlobalArguments {
  out: string;
  epochs: unknown;
  limitTrain: unknown;
  device: string | undefined;
}

const CLEAN_TEACHER = "demo-clean";
const ROBUST_TEACHER = "demo-robust";
const ATTACK = "pgd-sat";
/** How many test images the demo's table is measured on. */
const EVALUATED = 500;

/** `mtard demo`: the whole job on built-in data and teachers, in minutes on two cores. */
export const demoCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .option("out", {
        type: "string",
        requiresArg: true,
        default: "runs/demo",
        describe: "the run directory",
      })
      .option("epochs", { requiresArg: true, describe: "fewer or more than the demo's five" })
      .option("limit-train", {
        requiresArg: true,
        describe: "the first K training images, for a quicker look",
      })
      .option("device", deviceOption),
  handler: (args) => runDemo(args as unknown as DemoArguments),
};

async function runDemo(args: DemoArguments): Promise<void> {
  const { dataDir, teachersDir, out: folder, device } = args;
  requestedDevice(device);
  const settings = demoSettings(
    parseLimit(args.epochs, "--epochs"),
    parseLimit(args.limitTrain, "--limit-train"),
  );
  await prepareDataset("demo", dataDir, {
    onWait: (holder) => log(`waiting for another mtard that is packing the data (${holder})`),
  });
  const places = { folder, dataDir, teachersDir, resume: true, device };
  const { status } = await trainWithProgress(settings, places, 300);
  if (status === "stopped") {
    log("the demo was stopped; the same call goes on");
    process.exitCode = 1;
    return;
  }
  const rows = [];
  for (const [title, named] of [
    ["clean teacher", CLEAN_TEACHER],
    ["robust teacher", ROBUST_TEACHER],
    ["B-MTARD student", folder],
  ] as const) {
    rows.push({ title, evaluation: await measureModel(named, args) });
  }
  const files = { student: join(folder, RUN_FILES.best), metrics: join(folder, RUN_FILES.metrics) };
  printResult(args, { run: folder, files, table: rows.map(tableEntry) }, demoText(rows, files));
  const run = shellWord(folder);
  suggest(
    `mtard attack ${run} --out attack.png`,
    `mtard report ${run}`,
    `mtard export ${run} --to onnx --out student.onnx`,
    "mtard train --help",
  );
}

function demoSettings(epochs: number | undefined, limitTrain: number | undefined): TrainingSettings {
  const student = studentOf("demo");
  return parseSettings({
    ...recipe({ dataset: "demo", method: "b-mtard", student }, epochs),
    dataset: "demo",
    method: "b-mtard",
    student,
    cleanTeacher: CLEAN_TEACHER,
    robustTeacher: ROBUST_TEACHER,
    seed: 0,
    limitTrain: limitTrain ?? null,
    limitTest: EVALUATED,
  });
}

async function measureModel(
  named: string,
  { dataDir, teachersDir, out, device }: DemoArguments,
): Promise<Evaluation> {
  const { description, test, fingerprint } = openDataset("demo", dataDir, { test: EVALUATED });
  const dataset = classifierShape(description);
  const model = await openModel(findModel(named, teachersDir), { dataset, device: requestedDevice(device) });
  const line = new ProgressLine();
  try {
    const { evaluation } = await measure(
      model,
      imagesOf(test, description, fingerprint),
      { attacks: [ATTACK], epsilon: 8 / 255, batchSize: usualBatch(model), seed: 0 },
      openModelStore(model, dirname(out), log),
      {
        onBegin: (device) => log(`measuring ${model.name} on ${device}`),
        onProgress: evaluationProgress(line, () => undefined),
        onMessage(text) {
          line.clear();
          log(text);
        },
      },
    );
    return evaluation;
  } finally {
    line.clear();
    model.dispose();
  }
}

interface DemoRow {
  readonly title: string;
  readonly evaluation: Evaluation;
}

function tableEntry({ title, evaluation: { total, clean, attacks } }: DemoRow): object {
  return { model: title, total, clean, [ATTACK]: attacks[ATTACK] };
}

function demoText(rows: readonly DemoRow[], files: { student: string; metrics: string }): string {
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)}%`;
  const table = formatTable([
    [`${EVALUATED} test images`, "clean", "PGD-sat", "W-Robust"],
    ...rows.map(({ title, evaluation: { clean, attacks } }) => {
      const robust = attacks[ATTACK];
      return [
        title,
        percent(clean.accuracy),
        percent(robust?.accuracy ?? NaN),
        percent(robust?.wRobust ?? NaN),
      ];
    }),
  ]);
  return `${table}

student    ${files.student}
metrics    ${files.metrics}`;
}
