import type { Argv } from "yargs";
import { attackIds, requireAttackIds } from "../attacks/attacks.js";
import { classifierShape, findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import { imagesOf, type MeasuredImages } from "../evaluation/images.js";
import { measure } from "../evaluation/measure.js";
import { openModelStore, usualBatch } from "../evaluation/model-store.js";
import { type Model, openModel, requireFit } from "../model/model.js";
import { parseSetting } from "../recipes/settings.js";
import { prepareNativeLibraries, requestedDevice, threadCount } from "../runtime/device.js";
import { type CheckedTeacher, compareAndRecord, type Comparison } from "../teacher/check.js";
import { findDescription } from "../teacher/descriptions.js";
import { compareWithPublished, type Expectation } from "../teacher/expectations.js";
import { teacherSha256 } from "../teacher/load.js";
import { readManifest, type MeasuredAccuracy, type MeasuredRobustness } from "../teacher/manifest.js";
import { findTeacher } from "../teacher/reference.js";
import { formatAccuracy, percent } from "./accuracy.js";
import { evaluationProgress } from "./evaluation-progress.js";
import {
  datasetOption,
  deviceOption,
  examples,
  limitOption,
  parseLimit,
  runsDirOption,
  type HandlerArguments,
} from "./options.js";
import { type GlobalArguments, log, printResult, shellWord, suggest } from "./output.js";
import { ProgressLine } from "./progress.js";
import { showOptions } from "./teacher-show.js";

const EPSILON = 8 / 255;

/** The options of `mtard teacher check`. */
export function checkOptions(yargs: Argv<GlobalArguments>) {
  return showOptions(yargs)
    .describe("name", "a teacher's name, its folder or an .onnx file")
    .option("limit", limitOption)
    .option("attacks", {
      type: "string",
      requiresArg: true,
      default: "pgd-sat",
      describe: `none, or some of ${attackIds.join(", ")}, with radius 8/255`,
    })
    .option("attack-limit", {
      requiresArg: true,
      default: 500,
      describe: "attack the first K test images only",
    })
    .option("seed", { requiresArg: true, default: 0, describe: "of the attacks' random starts" })
    .option("dataset", { ...datasetOption, describe: "the data set of an .onnx file that does not name it" })
    .option("device", deviceOption)
    .option("runs-dir", runsDirOption)
    .option("again", { type: "boolean", default: false, describe: "measure anew what is known already" })
    .epilogue(
      examples({
        "clean accuracy, and PGD-20 on 500 images": "mtard teacher check cifar10-resnet-56",
        "as the paper's Table 2, hours on a CPU":
          "mtard teacher check cifar10-resnet-56 --attacks fgsm,pgd-sat,pgd-trades --attack-limit 10000",
      }),
    );
}

/** `mtard teacher check`: measures, compares with the manifest and with what is published, and records. */
export async function runCheck(args: HandlerArguments<typeof checkOptions>): Promise<void> {
  const request = checkRequest(args);
  prepareNativeLibraries(request.device, threadCount());
  const reference = findTeacher(args.name, args.teachersDir);
  const shape =
    request.dataset === undefined ? undefined : classifierShape(findDataset(request.dataset, args.dataDir));
  const folder = reference.kind === "folder" ? reference.folder : null;
  const measured = folder === null ? null : teacherSha256(readManifest(folder));
  const model = await openModel(reference, { dataset: shape, device: request.device });
  const line = new ProgressLine();
  try {
    const { device, clean, robust, warnings, impossible } = await measureTeacher(model, request, line);
    line.clear();
    const checked = await compareAndRecord(model.name, folder, measured, clean, robust);
    const description = folder === null ? undefined : findDescription(model.name);
    const published = description ? compareWithPublished(description, clean, robust) : [];
    printResult(
      args,
      {
        teacher: model.name,
        dataset: model.dataset,
        device,
        ...checked.clean,
        attacks: Object.fromEntries(checked.robust.map((each) => [each.measured.attack, each])),
        impossible,
        published,
        warnings,
      },
      [
        ...measurementLines(model.name, device, checked),
        ...(impossible === null ? [] : [`${request.attacks.join(", ")}: not measured, ${impossible}`]),
        ...published.map(publishedLine),
      ].join("\n"),
    );
    const { role = "clean" } = folder === null ? {} : readManifest(folder);
    suggest(`mtard train --dataset ${model.dataset} --${role}-teacher ${shellWord(args.name)}`);
  } finally {
    line.clear();
    model.dispose();
  }
}

/** What the call asks for, checked before anything is opened. */
function checkRequest(args: HandlerArguments<typeof checkOptions>) {
  return {
    dataset: args.dataset === undefined ? undefined : findDataset(args.dataset, args.dataDir).id,
    limit: parseLimit(args.limit),
    attacks: args.attacks === "none" ? [] : requireAttackIds(args.attacks.split(",")),
    attackLimit: parseLimit(args["attack-limit"], "--attack-limit"),
    seed: parseSetting("seed", args.seed, "--seed"),
    device: requestedDevice(args.device),
    dataDir: args.dataDir,
    runsDir: args["runs-dir"],
    kept: args.again ? ("discard" as const) : ("use" as const),
  };
}

/** What was measured of a teacher; `impossible` says why a foreign graph cannot be attacked. */
interface MeasuredTeacher {
  readonly device: string;
  readonly clean: MeasuredAccuracy;
  readonly robust: readonly MeasuredRobustness[];
  /** What makes the accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
  readonly impossible: string | null;
}

async function measureTeacher(
  model: Model,
  request: ReturnType<typeof checkRequest>,
  line: ProgressLine,
): Promise<MeasuredTeacher> {
  const { attacks, limit, attackLimit = Infinity, seed, kept, dataDir, runsDir } = request;
  const { description, test, fingerprint } = openDataset(model.dataset, dataDir);
  const say = (text: string): void => {
    line.clear();
    log(text);
  };
  requireFit(model, classifierShape(description));
  const store = openModelStore(model, runsDir, say);
  const settings = { epsilon: EPSILON, batchSize: usualBatch(model), seed, kept };
  const images = (count: number | undefined): MeasuredImages =>
    imagesOf(test, description, fingerprint, count);
  const said = new Set<string>();
  const events = {
    onProgress: evaluationProgress(line, say),
    onMessage(text: string) {
      if (!said.has(text)) say(text);
      said.add(text);
    },
  };
  const unattacked = await measure(model, images(limit), { ...settings, attacks: [] }, store, events);
  const { evaluation, warnings } = unattacked;
  // The text is such as "cpu (ONNX Runtime)".
  const [device = ""] = unattacked.device.split(" ");
  const clean = { split: "test", correct: evaluation.clean.correct, total: evaluation.total } as const;
  if (attacks.length === 0) return { device, clean, robust: [], warnings, impossible: null };
  try {
    const attacked = images(Math.min(limit ?? Infinity, attackLimit));
    const found = await measure(model, attacked, { ...settings, attacks }, store, events);
    const robust = attacks.map((attack): MeasuredRobustness => ({
      attack,
      epsilon: EPSILON,
      seed,
      split: "test",
      correct: found.evaluation.attacks[attack]?.robust ?? NaN,
      total: found.evaluation.total,
    }));
    return {
      device,
      clean,
      robust,
      warnings: [...new Set([...warnings, ...found.warnings])],
      impossible: null,
    };
  } catch (error) {
    // Not every operator of a foreign graph has a gradient here.
    if (model.known || !(error instanceof InputError)) throw error;
    return { device, clean, robust: [], warnings, impossible: error.message };
  }
}

const COMPARISONS: Readonly<Record<Comparison, string>> = {
  recorded: "recorded in its manifest",
  "other total": "its manifest is about other images or another seed",
  equal: "as its manifest says",
  borderline: "as its manifest says, but for borderline images",
  replaced: "not recorded: the teacher was replaced while it was measured",
  "read-only": "not recorded: this user may not write to the teacher's folder",
  "no manifest": "not recorded: nothing is written beside a bare file, or into the package",
};

function measurementLines(name: string, device: string, { clean, robust }: CheckedTeacher): string[] {
  return [
    `${name}: ${formatAccuracy(clean.measured)}, on ${device}; ${COMPARISONS[clean.comparison]}`,
    ...robust.map(
      ({ measured, comparison }) =>
        `${name} under ${measured.attack}: ${formatAccuracy(measured)}, seed ${measured.seed}; ${COMPARISONS[comparison]}`,
    ),
  ];
}

function publishedLine({ from, what, expected, measured, samplingError, agrees }: Expectation): string {
  const difference = Math.abs(100 * (measured - expected)).toFixed(2);
  const error = (100 * samplingError).toFixed(2);
  return agrees
    ? `${what} ${percent(expected)} by ${from}: agrees, ${difference} points off, within the sampling error of ${error}`
    : `${what} ${percent(expected)} by ${from}: DIFFERS by ${difference} points, beyond the sampling error of ${error}`;
}
