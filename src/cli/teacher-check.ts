import type { Argv } from "yargs";
import { attackIds, requireAttackIds, type AttackId } from "../attacks/attacks.js";
import { classifierShape, findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import type { ImagesDone } from "../evaluation/progress.js";
import { parseSetting } from "../recipes/settings.js";
import {
  type Device,
  type DeviceRequest,
  prepareNativeLibraries,
  requestedDevice,
  threadCount,
} from "../runtime/device.js";
import type { CheckedTeacher, Comparison } from "../teacher/check.js";
import type { Expectation } from "../teacher/expectations.js";
import type { MeasuredAccuracy, MeasuredRobustness } from "../teacher/manifest.js";
import { formatAccuracy, percent } from "./accuracy.js";
import { datasetOption, deviceOption, examples, type HandlerArguments } from "./options.js";
import { limitOption, parseLimit } from "./options.js";
import { type GlobalArguments, printResult } from "./output.js";
import { formatImages, ProgressLine } from "./progress.js";
import { showOptions } from "./teacher-show.js";

/** Images at a time when clean accuracy is measured, and under attack, where one takes long and progress is to be seen. */
const BATCH = 128;
const ATTACK_BATCH = 50;
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
  const request: CheckRequest = {
    reference: args.name,
    dataset: args.dataset === undefined ? undefined : findDataset(args.dataset).id,
    limit: parseLimit(args.limit),
    attacks: args.attacks === "none" ? [] : requireAttackIds(args.attacks.split(",")),
    attackLimit: parseLimit(args["attack-limit"], "--attack-limit"),
    seed: parseSetting("seed", args.seed, "--seed"),
    device: requestedDevice(args.device),
    dataDir: args.dataDir,
    teachersDir: args.teachersDir,
  };
  prepareNativeLibraries(request.device, threadCount());
  const { findDescription } = await import("../teacher/descriptions.js");
  const { compareAndRecord } = await import("../teacher/check.js");
  const { compareWithPublished } = await import("../teacher/expectations.js");

  const line = new ProgressLine();
  try {
    const { manifest, folder, device, clean, robust, impossible } = await measure(request, line);
    line.clear();
    const checked = compareAndRecord(manifest, folder, clean, robust);
    const description = folder === null ? undefined : findDescription(manifest.name);
    const published = description ? compareWithPublished(description, clean, robust) : [];
    const { measured, before, comparison } = checked.clean;
    printResult(
      args,
      {
        teacher: manifest.name,
        dataset: manifest.dataset,
        device,
        measured,
        before,
        comparison,
        attacks: Object.fromEntries(checked.robust.map((each) => [each.measured.attack, each])),
        impossible,
        published,
      },
      [
        ...measurementLines(manifest.name, device, checked),
        ...(impossible === null ? [] : [`${request.attacks.join(", ")}: not measured, ${impossible}`]),
        ...published.map(publishedLine),
      ].join("\n"),
    );
  } finally {
    line.clear();
  }
}

interface CheckRequest {
  readonly reference: string;
  readonly dataset: string | undefined;
  readonly limit: number | undefined;
  readonly attacks: readonly AttackId[];
  readonly attackLimit: number | undefined;
  readonly seed: number;
  readonly device: DeviceRequest;
  readonly dataDir: string;
  readonly teachersDir: string;
}

async function measure(request: CheckRequest, line: ProgressLine) {
  const { reference, dataset, limit, teachersDir, device, attacks } = request;
  const { openTeacher } = await import("../teacher/bridge.js");
  const { findTeacher } = await import("../teacher/store.js");
  const { evaluateClean } = await import("../evaluation/clean.js");
  const shape = dataset === undefined ? undefined : classifierShape(findDataset(dataset));
  const teacher = await openTeacher(reference, { device, teachersDir, dataset: shape });
  try {
    const { manifest } = teacher;
    const { id } = findDataset(manifest.dataset);
    const { test } = openDataset(id, request.dataDir, limit === undefined ? {} : { test: limit });
    const evaluation = await evaluateClean(teacher, test, BATCH, progressOf(line, `${manifest.name}, clean`));
    const clean: MeasuredAccuracy = { split: "test", correct: evaluation.clean.correct, total: test.count };
    await teacher.close();
    const folder = reference.endsWith(".onnx") ? null : findTeacher(reference, teachersDir);
    const nothing: AttackOutcome = { robust: [], impossible: null };
    const outcome =
      attacks.length === 0 ? nothing : await measureRobust(folder ?? reference, id, request, line);
    return { manifest, folder, device: teacher.device, clean, ...outcome };
  } finally {
    await teacher.close();
  }
}

/** Robust accuracies, or why a foreign graph cannot be attacked. */
interface AttackOutcome {
  readonly robust: readonly MeasuredRobustness[];
  readonly impossible: string | null;
}

async function measureRobust(
  reference: string,
  dataset: string,
  { attacks, limit, attackLimit, seed, device, dataDir, teachersDir }: CheckRequest,
  line: ProgressLine,
): Promise<AttackOutcome> {
  const { attackTarget, openSubject } = await import("../model/model.js");
  const { evaluate } = await import("../evaluation/evaluate.js");
  const subject = await openSubject(reference, { teachersDir, dataset, checkpoint: "best" });
  const { id, image } = findDataset(dataset);
  const { test } = openDataset(id, dataDir, { test: Math.min(limit ?? Infinity, attackLimit ?? Infinity) });
  const target = await attackTarget(subject, device);
  try {
    const settings = { attacks, epsilon: EPSILON, batchSize: ATTACK_BATCH, seed };
    const progress = progressOf(line, `${subject.name}, ${attacks.join(", ")}`);
    const evaluation = await evaluate(target, test, image, settings, progress);
    const robust = attacks.map((attack): MeasuredRobustness => ({
      attack,
      epsilon: EPSILON,
      seed,
      split: "test",
      correct: evaluation.attacks[attack]?.robust ?? NaN,
      total: evaluation.total,
    }));
    return { robust, impossible: null };
  } catch (error) {
    // Not every operator of a foreign graph has a gradient here.
    if (subject.kind === "foreign" && error instanceof InputError)
      return { robust: [], impossible: error.message };
    throw error;
  } finally {
    target.dispose();
  }
}

function progressOf(line: ProgressLine, what: string): (progress: ImagesDone) => void {
  const started = performance.now();
  return (progress) => line.show(`${what}: ${formatImages(progress, started)}`);
}

const COMPARISONS: Readonly<Record<Comparison, string>> = {
  recorded: "recorded in its manifest",
  "other total": "its manifest is about other images or another seed",
  equal: "as its manifest says",
  borderline: "as its manifest says, but for borderline images",
  "no manifest": "not recorded, as it is a bare file",
};

function measurementLines(name: string, device: Device, { clean, robust }: CheckedTeacher): string[] {
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
