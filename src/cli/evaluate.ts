import { join } from "node:path";
import type { Argv } from "yargs";
import { requireAttackIds, type AttackId } from "../attacks/attacks.js";
import { findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import { imagesOf } from "../evaluation/images.js";
import type { KeptUse } from "../evaluation/kept.js";
import { usesGradients } from "../evaluation/checks.js";
import { measure, type Measurement } from "../evaluation/measure.js";
import { fileName, openModelStore, usualBatch } from "../evaluation/model-store.js";
import { numbersOf } from "../evaluation/numbers.js";
import { MEASUREMENTS_FOLDER } from "../evaluation/store.js";
import type { Evaluation } from "../evaluation/summary.js";
import { requireFilePath, writeFileAtomically } from "../files/atomic.js";
import type { Model } from "../model/model.js";
import { parseSetting } from "../recipes/settings.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { percent } from "./accuracy.js";
import {
  attackList,
  attackOptions,
  attackRequest,
  requestedChanges,
  requestedConventions,
} from "./attack-options.js";
import {
  chooseCorruptions,
  corruptionList,
  corruptionOptions,
  corruptionRequest,
  evaluateCorruptions,
} from "./evaluate-corruptions.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { openModels, type AttackedModel, titleOf, wordsFor, expectedUse } from "./open-models.js";
import {
  configOption,
  datasetOption,
  examples,
  limitOption,
  parseLimit,
  runsDirOption,
  type HandlerArguments,
} from "./options.js";
import { printResult, type GlobalArguments, shellWord, suggest } from "./output.js";
import { formatTable } from "./text-table.js";
import type { CommandBody } from "./usages.js";
import { whileMeasuring } from "./while-measuring.js";

/** What is measured if a call asks for nothing else. */
const USUAL_ATTACKS = "fgsm,pgd-sat,pgd-trades";

function evaluateOptions(yargs: Argv<GlobalArguments>) {
  return corruptionOptions(attackOptions(yargs))
    .positional("model", {
      type: "string",
      demandOption: true,
      describe: "a run directory, a teacher's name or an .onnx file",
    })
    .option("dataset", { ...datasetOption, defaultDescription: "what the model was trained on" })
    .option("attacks", {
      type: "string",
      requiresArg: true,
      describe: "none, or some of those below, with commas between",
      defaultDescription: `${USUAL_ATTACKS}; with --corruptions none`,
    })
    .option("limit", limitOption)
    .option("config", configOption)
    .option("batch-size", {
      requiresArg: true,
      describe: "images at a time",
      defaultDescription: "a run's evaluationBatch, else that of the data set's recipe",
    })
    .option("resume", {
      type: "boolean",
      default: false,
      describe: "go on as always, but refuse to begin where what is unfinished has other settings",
    })
    .option("again", {
      type: "boolean",
      default: false,
      describe: "measure anew what is known, or begun, already",
    })
    .option("runs-dir", runsDirOption)
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
      `${attackList()}\n\n${corruptionList()}\n\n${examples({
        "a run's best student": "mtard evaluate runs/demo --attacks pgd-sat --limit 500",
        "in L2, within 0.5": "mtard evaluate runs/demo --attacks aa --norm 2 --eps 0.5",
        "a teacher": "mtard evaluate demo-robust --dataset demo",
        "images made on another classifier":
          "mtard evaluate runs/demo --attacks transfer-pgd-trades --surrogate demo-robust",
        "the fifteen common corruptions": "mtard evaluate runs/demo --corruptions all --limit 500",
        "hours of work; after an interruption the same call goes on": "mtard evaluate runs/demo --attacks aa",
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
  const request = evaluateRequest(args);
  prepareNativeLibraries(request.device, threadCount());
  const { limit, batchSize: batch } = request;
  const opened = await openModels({
    ...request,
    use: expectedUse(usesGradients(request.attacks), limit, batch),
    model: args.model,
    teachersDir: args.teachersDir,
    dataDir: args.dataDir,
  });
  await whileMeasuring(opened, async ({ line, say, stopIfAsked }) => {
    const show = evaluationProgress(line, say);
    const { model, surrogate, description } = opened;
    const dataset = openDataset(description.id, args.dataDir);
    const { test, fingerprint } = dataset;
    const chosen =
      request.corruptions && chooseCorruptions(request.corruptions, dataset, request.limit, request.seed);
    const data = imagesOf(test, description, fingerprint, request.limit);
    const { attacks, changes, conventions, norm, epsilon, seed, restarts, kept, adversarial } = request;
    const batchSize = request.batchSize ?? usualBatch(model);
    const store = openModelStore(model, args["runs-dir"], say);
    const found = await measure(
      model,
      data,
      {
        ...{ attacks, changes, ...conventions, norm, epsilon, seed, restarts, batchSize, kept, adversarial },
        ...(surrogate ? { surrogate } : {}),
      },
      store,
      {
        onBegin: (device) => say(`${titleOf(model, request.checkpoint)} on ${device}`),
        onProgress(progress) {
          stopIfAsked(progress);
          show(progress);
        },
        onMessage: say,
      },
    );
    const known = attacks.filter((attack) => !found.made.includes(attack));
    if (known.length > 0) say(`known already: ${known.join(", ")} (--again measures anew)`);
    const corrupted =
      chosen &&
      request.corruptions &&
      (await evaluateCorruptions(model, dataset, chosen, request.corruptions, { batchSize, kept }, store, {
        ...{ line, say, stopIfAsked },
      }));
    // What attacks found before is worth more than clean answers alone.
    const isCleanAlone = corrupted ? attacks.length === 0 && request.out === undefined : false;
    const perExample = isCleanAlone
      ? null
      : (request.out ?? defaultOutput(model, description.id, args["runs-dir"]));
    if (perExample !== null) {
      const lines = found.evaluation.perExample.map((example) => `${JSON.stringify(example)}\n`);
      writeFileAtomically(perExample, lines.join(""));
    }
    printResult(
      args,
      {
        ...resultOf(opened, found, attacks),
        ...(corrupted ? { corruptions: corrupted.value } : {}),
        perExample,
        settings: {
          ...{ norm, epsilon, seed, restarts, batchSize, ...conventions },
          numbers: numbersOf(attacks, changes, norm),
          surrogate: surrogate?.name ?? null,
          device: found.device,
        },
        ...(adversarial === undefined ? {} : { adversarial }),
        warnings: found.warnings,
      },
      [evaluationTable(found.evaluation), ...(corrupted ? [corrupted.text] : [])].join("\n\n"),
    );
    suggest(
      ...(model.reference.kind === "run" ? [`mtard report ${shellWord(args.model)}`] : []),
      ...attacks
        .slice(-1)
        .map(
          (attack) => `mtard attack ${wordsFor(args)} --attack ${attack}${norm === "l2" ? " --norm 2" : ""}`,
        ),
    );
  });
}

/** What the call asks for, checked before anything is opened. */
function evaluateRequest(args: EvaluateArguments) {
  const corruptions = corruptionRequest(args);
  const list = args.attacks ?? (corruptions ? "none" : USUAL_ATTACKS);
  const attacks = list === "none" ? [] : requireAttackIds(list.split(","));
  const request = attackRequest(attacks, args);
  const { out, "save-adversarial": adversarial, "batch-size": batchSize, resume, again } = args;
  if (again && resume)
    throw new InputError("--again and --resume are mutually exclusive", {
      expected: "--again or --resume",
      found: "both",
    });
  if (out !== undefined) requireFilePath(out, "evaluation.jsonl");
  if (adversarial !== undefined) requireFilePath(adversarial, "adversarial.npz");
  const kept: KeptUse = again ? "discard" : resume ? "require" : "use";
  return {
    ...request,
    attacks,
    corruptions,
    changes: requestedChanges(attacks, request),
    conventions: requestedConventions(attacks, request),
    dataset: args.dataset === undefined ? undefined : findDataset(args.dataset, args.dataDir).id,
    limit: parseLimit(args.limit),
    batchSize: batchSize === undefined ? null : parseSetting("batchSize", batchSize, "--batch-size"),
    ...{ out, adversarial, kept },
  };
}

/** The part of the result that says what was found, for `--json`. */
function resultOf(
  { model, description }: AttackedModel,
  { evaluation, seconds, made }: Measurement,
  attacks: readonly AttackId[],
): object {
  const { total, clean, attacks: robust } = evaluation;
  return {
    model: model.name,
    dataset: description.id,
    total,
    clean,
    attacks: Object.fromEntries(
      attacks.map((id) => [id, { ...robust[id], seconds: Math.round(1000 * (seconds[id] ?? 0)) / 1000 }]),
    ),
    known: attacks.filter((id) => !made.includes(id)),
  };
}

function defaultOutput({ name, reference }: Model, dataset: string, runsDir: string): string {
  if (reference.kind === "run") return join(reference.folder, "evaluation.jsonl");
  return join(runsDir, MEASUREMENTS_FOLDER, `${fileName(name)}-${dataset}.jsonl`);
}

/** Formats clean accuracy, robust accuracy and W-Robust by attack as a table, with what each part of an ensemble fooled. */
export function evaluationTable({ total, clean, attacks }: Evaluation): string {
  const counted = Object.values(attacks).some(({ meanQueries }) => meanQueries !== undefined);
  const regained = Object.values(attacks).some(({ wrongWhenClean }) => wrongWhenClean !== undefined);
  const rows = Object.entries(attacks).flatMap(
    ([id, { robust, accuracy, wRobust, wrongWhenClean = 0, meanQueries, fooledBy }]) => {
      const parts = Object.entries(fooledBy ?? {}).map(([part, count]) => [`  ${part}`, `fooled ${count}`]);
      const queries = meanQueries === undefined ? "" : meanQueries.toFixed(1);
      const more = [...(regained ? [String(wrongWhenClean)] : []), ...(counted ? [queries] : [])];
      return [[id, `${robust}/${total}`, percent(accuracy), percent(wRobust), ...more], ...parts];
    },
  );
  const more = [...(regained ? ["wrong when clean"] : []), ...(counted ? ["queries an image"] : [])];
  return formatTable([
    ["attack", "right", "accuracy", "W-Robust", ...more],
    ["none", `${clean.correct}/${total}`, percent(clean.accuracy), ""],
    ...rows,
  ]);
}
