import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Argv } from "yargs";
import { requireAttackIds } from "../attacks/attacks.js";
import { findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { numbersOf } from "../evaluation/numbers.js";
import type { EvaluationIdentity } from "../evaluation/state-file.js";
import type { Evaluation } from "../evaluation/summary.js";
import { parseSetting } from "../recipes/settings.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { requireFilePath } from "../files/atomic.js";
import type { Opened } from "../model/opened.js";
import type { Subject } from "../model/model.js";
import { sha256Of } from "../teacher/store.js";
import { readRun, RUN_FILES } from "../run/run-directory.js";
import { version } from "../version.js";
import type { CommandBody } from "./commands.js";
import { percent } from "./accuracy.js";
import { attackList, attackOptions, attackRequest, requestedChanges } from "./attack-options.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { datasetOption, examples, limitOption, parseLimit, type HandlerArguments } from "./options.js";
import { formatTable, log, printResult, type GlobalArguments } from "./output.js";
import { ProgressLine } from "./progress.js";

function evaluateOptions(yargs: Argv<GlobalArguments>) {
  return attackOptions(yargs)
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
      describe: "none, or some of those below, with commas between",
    })
    .option("limit", limitOption)
    .option("batch-size", {
      requiresArg: true,
      describe: "images at a time",
      defaultDescription: "of a run, its evaluationBatch; else 128",
    })
    .option("resume", {
      type: "boolean",
      default: false,
      describe: "go on with the same evaluation where it was interrupted",
    })
    .option("out", {
      type: "string",
      requiresArg: true,
      describe: "the file for what each image was taken for, JSON lines",
      defaultDescription: "in the run directory, or runs/evaluations",
    })
    .option("save-adversarial", {
      type: "string",
      requiresArg: true,
      describe: "an .npz file for the adversarial images of every attack",
    })
    .epilogue(
      `${attackList()}\n\n${examples({
        "a run's best student": "mtard evaluate runs/demo --attacks pgd-sat --limit 500",
        "a teacher": "mtard evaluate demo-robust --dataset demo",
        "images made on another classifier":
          "mtard evaluate runs/demo --attacks transfer-pgd-trades --surrogate demo-robust",
        "hours of work, begun or gone on with": "mtard evaluate runs/demo --attacks aa --resume",
      })}`,
    );
}

type EvaluateArguments = GlobalArguments & HandlerArguments<typeof evaluateOptions>;

/** `mtard evaluate MODEL`: clean and robust accuracy of a run, a teacher or an ONNX file. */
export const evaluateCommand: CommandBody = {
  builder: (yargs) => evaluateOptions(yargs as Argv<GlobalArguments>),
  handler: (args) => runEvaluate(args as unknown as EvaluateArguments),
};

async function runEvaluate(args: EvaluateArguments): Promise<void> {
  const attacks = args.attacks === "none" ? [] : requireAttackIds(args.attacks.split(","));
  const request = attackRequest(args);
  const changes = requestedChanges(attacks, request);
  const dataset = args.dataset === undefined ? undefined : findDataset(args.dataset).id;
  const limit = parseLimit(args.limit);
  const asked = args["batch-size"];
  const batchAsked = asked === undefined ? null : parseSetting("batchSize", asked, "--batch-size");
  const { out, "save-adversarial": adversarial } = args;
  if (out !== undefined) requireFilePath(out, "evaluation.jsonl");
  if (adversarial !== undefined) requireFilePath(adversarial, "adversarial.npz");

  prepareNativeLibraries(request.device, threadCount());
  const [{ openForAttack }, { keptEvaluation }, { sourceOf }] = await Promise.all([
    import("../model/opened.js"),
    import("../evaluation/kept.js"),
    import("../evaluation/images.js"),
  ]);
  const { model, dataDir, teachersDir, resume } = args;
  const opened = await openForAttack({ model, ...request, dataset, teachersDir });
  const line = new ProgressLine();
  const say = (text: string): void => {
    line.clear();
    log(text);
  };
  try {
    const { subject, target, surrogate, description } = opened;
    const data = openDataset(description.id, dataDir, limit === undefined ? {} : { test: limit });
    say(`${subject.name} on ${target.runsOn}`);
    const { epsilon, seed, restarts } = request;
    const batchSize = batchAsked ?? batchSizeOf(subject);
    const settings = {
      ...{ attacks, epsilon, batchSize, seed, restarts, changes },
      ...(surrogate ? { surrogate: surrogate.target } : {}),
    };
    const files = { perExample: out ?? defaultOutput(subject, description.id), adversarial, resume };
    const { evaluation, seconds, warnings } = await keptEvaluation(
      target,
      sourceOf(data.test, description.image),
      settings,
      files,
      { ...identityOf(opened), data: `${description.id} ${data.fingerprint}` },
      { onProgress: evaluationProgress(line, say), onMessage: say },
    );
    if (isBestOfRun(opened, args.checkpoint) && restarts === 1) {
      const { keepByAttack } = await import("../evaluation/store.js");
      const student = sha256Of(readFileSync(join(subject.name, RUN_FILES.best)));
      keepByAttack(
        subject.name,
        { ...{ epsilon, seed, batchSize, student }, images: evaluation.total, data: data.fingerprint },
        { evaluation, changes, surrogate: surrogate?.fingerprint ?? null },
      );
    }
    const { total, clean, attacks: robust } = evaluation;
    printResult(
      args,
      {
        model: subject.name,
        dataset: description.id,
        total,
        clean,
        attacks: Object.fromEntries(
          attacks.map((id) => [id, { ...robust[id], seconds: Math.round(1000 * (seconds[id] ?? 0)) / 1000 }]),
        ),
        perExample: files.perExample,
        settings: {
          norm: args.norm,
          ...{ epsilon, seed, restarts, batchSize },
          numbers: numbersOf(attacks, changes),
          surrogate: surrogate?.subject.name ?? null,
          device: target.runsOn,
        },
        ...(adversarial === undefined ? {} : { adversarial }),
        warnings,
      },
      evaluationTable(evaluation),
    );
  } finally {
    line.clear();
    opened.dispose();
  }
}

const BATCH_SIZE = 128;

/** A run's own, so that tables find the same numbers. */
function batchSizeOf(subject: Subject): number {
  const isRun = subject.kind === "known" && subject.isRun;
  return isRun ? readRun(subject.name).settings.evaluationBatch : BATCH_SIZE;
}

/** Tables and the run's page find what is kept of the best student on the run's own data set. */
function isBestOfRun({ subject, description }: Opened, checkpoint: "best" | "last"): boolean {
  const isRun = subject.kind === "known" && subject.isRun;
  return isRun && checkpoint === "best" && subject.dataset === description.id;
}

/** What decides the outcome besides the settings. */
function identityOf({ subject, fingerprint, target, surrogate }: Opened): EvaluationIdentity {
  return {
    program: version,
    model: `${subject.name} ${fingerprint}`,
    surrogate: surrogate && `${surrogate.subject.name} ${surrogate.fingerprint}`,
    device: target.runsOn,
  };
}

function defaultOutput(subject: Subject, dataset: string): string {
  if (subject.kind === "known" && subject.isRun) return join(subject.name, "evaluation.jsonl");
  return join("runs", "evaluations", `${subject.name.replace(/[^A-Za-z0-9._-]+/g, "-")}-${dataset}.jsonl`);
}

/** An evaluation as a table: clean, then each attack with robust accuracy and W-Robust, and what each part of an ensemble fooled. */
export function evaluationTable({ total, clean, attacks }: Evaluation): string {
  const rows = Object.entries(attacks).flatMap(
    ([id, { robust, accuracy, wRobust, meanQueries, fooledBy }]) => {
      const parts = Object.entries(fooledBy ?? {}).map(([part, count]) => [`  ${part}`, `fooled ${count}`]);
      const queries = meanQueries === undefined ? "" : meanQueries.toFixed(1);
      return [[id, `${robust}/${total}`, percent(accuracy), percent(wRobust), queries], ...parts];
    },
  );
  const counted = Object.values(attacks).some(({ meanQueries }) => meanQueries !== undefined);
  return formatTable([
    ["attack", "right", "accuracy", "W-Robust", ...(counted ? ["queries an image"] : [])],
    ["none", `${clean.correct}/${total}`, percent(clean.accuracy), ""],
    ...rows,
  ]);
}
