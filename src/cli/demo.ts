import { dirname, join } from "node:path";
import { attacks } from "../attacks/attacks.js";
import { classifierShape } from "../data/datasets.js";
import { prepareDataset } from "../data/prepare.js";
import { openDataset } from "../data/store.js";
import { imagesOf } from "../evaluation/images.js";
import { measure } from "../evaluation/measure.js";
import { openModelStore, usualBatch } from "../evaluation/model-store.js";
import type { Evaluation } from "../evaluation/summary.js";
import { teacherRolesOf } from "../methods/method.js";
import { methods, type MethodId } from "../methods/methods.js";
import { openModel } from "../model/model.js";
import { findModel } from "../model/reference.js";
import { recipe } from "../recipes/recipes.js";
import { parseSetting, parseSettings, type TrainingSettings } from "../recipes/settings.js";
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
  limitTest: unknown;
  seed: unknown;
  device: string | undefined;
}

const CLEAN_TEACHER = "demo-clean";
const ROBUST_TEACHER = "demo-robust";
const ATTACK = "pgd-trades";
/** How many test images the demo's table is measured on, unless the call says otherwise. */
const EVALUATED = 500;

/** The method that the demo is about, whose run lies in the demo's own folder. */
const METHOD = "b-mtard";
/** What the demo trains, in the order of its table: without a teacher, from the robust one alone, from both. */
const STUDENTS = [
  { method: "natural", title: "natural student (no teacher)" },
  { method: "rslad", title: "RSLAD student (robust teacher)" },
  { method: METHOD, title: "B-MTARD student (both teachers)" },
] as const satisfies readonly { method: MethodId; title: string }[];

/** `mtard demo`: the whole job on built-in data and teachers, in minutes on two cores. */
export const demoCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .option("out", {
        type: "string",
        requiresArg: true,
        default: "runs/demo",
        describe: "the run directory; those of the students to compare with lie beside it",
      })
      .option("epochs", { requiresArg: true, describe: "fewer or more than the demo's six" })
      .option("limit-train", {
        requiresArg: true,
        describe: "the first K training images, for a quicker look",
      })
      .option("limit-test", {
        requiresArg: true,
        default: EVALUATED,
        describe: "choose and measure on the first K test images",
      })
      .option("seed", {
        requiresArg: true,
        default: 0,
        describe: "of everything random in the students' runs",
      })
      .option("device", deviceOption),
  handler: (args) => runDemo(args as unknown as DemoArguments),
};

async function runDemo(args: DemoArguments): Promise<void> {
  const { dataDir, teachersDir, out: folder, device } = args;
  requestedDevice(device);
  const runs = STUDENTS.map(({ method, title }) => ({
    title,
    settings: demoSettings(method, args),
    folder: method === METHOD ? folder : `${folder}-${method}`,
  }));
  await prepareDataset("demo", dataDir, {
    onWait: (holder) => log(`waiting for another mtard that is packing the data (${holder})`),
  });
  for (const run of runs) {
    const places = { folder: run.folder, dataDir, teachersDir, resume: true, device };
    const { status } = await trainWithProgress(run.settings, places, 300);
    if (status === "finished") continue;
    log("the demo was stopped; the same call goes on");
    process.exitCode = 1;
    return;
  }
  const rows = [];
  for (const { title, named } of [
    { title: "clean teacher", named: CLEAN_TEACHER },
    { title: "robust teacher", named: ROBUST_TEACHER },
    ...runs.map((run) => ({ title: run.title, named: run.folder })),
  ]) {
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

function demoSettings(method: MethodId, args: DemoArguments): TrainingSettings {
  const student = studentOf("demo");
  const epochs = parseLimit(args.epochs, "--epochs");
  const roles = teacherRolesOf(methods[method]);
  return parseSettings({
    ...recipe({ dataset: "demo", method, student }, epochs),
    dataset: "demo",
    method,
    student,
    cleanTeacher: roles.includes("clean") ? CLEAN_TEACHER : null,
    robustTeacher: roles.includes("robust") ? ROBUST_TEACHER : null,
    seed: parseSetting("seed", args.seed, "--seed"),
    limitTrain: parseLimit(args.limitTrain, "--limit-train") ?? null,
    limitTest: testImages(args),
  });
}

function testImages({ limitTest }: DemoArguments): number {
  return parseLimit(limitTest, "--limit-test") ?? EVALUATED;
}

async function measureModel(named: string, args: DemoArguments): Promise<Evaluation> {
  const { dataDir, teachersDir, out, device } = args;
  const { description, test, fingerprint } = openDataset("demo", dataDir, { test: testImages(args) });
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
    [`${rows[0]?.evaluation.total ?? 0} test images`, "clean", attacks[ATTACK].title, "W-Robust"],
    ...rows.map(({ title, evaluation }) => {
      const robust = evaluation.attacks[ATTACK];
      return [
        title,
        percent(evaluation.clean.accuracy),
        percent(robust?.accuracy ?? NaN),
        percent(robust?.wRobust ?? NaN),
      ];
    }),
  ]);
  return `${table}

student    ${files.student}
metrics    ${files.metrics}`;
}
