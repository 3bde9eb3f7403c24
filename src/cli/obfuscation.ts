import type { Argv } from "yargs";
import { findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { imagesOf } from "../evaluation/images.js";
import { measure } from "../evaluation/measure.js";
import { openModelStore, usualBatch } from "../evaluation/model-store.js";
import { type Comparison, looksAt, type Sign, signsOf } from "../evaluation/obfuscation.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import type { Evaluation } from "../evaluation/summary.js";
import { parseQuantity } from "../recipes/settings.js";
import { prepareNativeLibraries, requestedDevice, threadCount } from "../runtime/device.js";
import { percent } from "./accuracy.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { type AttackedModel, openModels, wordsFor, expectedUse } from "./open-models.js";
import {
  checkpointOption,
  datasetOption,
  deviceOption,
  examples,
  type HandlerArguments,
  limitOption,
  parseLimit,
  runsDirOption,
} from "./options.js";
import { type GlobalArguments, printResult, suggest } from "./output.js";
import { formatTable } from "./text-table.js";
import type { CommandBody } from "./usages.js";
import { type MeasuringSession, whileMeasuring } from "./while-measuring.js";

const SLOW_IMAGES = 100;

function options(yargs: Argv<GlobalArguments>) {
  return yargs
    .positional("model", {
      type: "string",
      demandOption: true,
      describe: "a run directory, a teacher's name or an .onnx file",
    })
    .option("dataset", { ...datasetOption, defaultDescription: "what the model was trained on" })
    .option("eps", {
      type: "string",
      requiresArg: true,
      default: "8/255",
      describe: "L-infinity radius, in pixel values of [0, 1]; larger ones are tried as well",
    })
    .option("surrogate", {
      type: "string",
      requiresArg: true,
      describe: "a classifier to make transferred images on; without it, transfers are left out",
    })
    .option("limit", limitOption)
    .option("slow-limit", {
      requiresArg: true,
      default: SLOW_IMAGES,
      describe: "AutoAttack and gradient estimation on the first K test images only",
    })
    .option("checkpoint", checkpointOption)
    .option("runs-dir", runsDirOption)
    .option("device", deviceOption)
    .epilogue(
      examples({
        "a run's best student, with transfers": "mtard obfuscation runs/demo --surrogate demo-robust",
        "fewer images": "mtard obfuscation robust.onnx --dataset cifar10 --limit 500 --slow-limit 50",
      }),
    );
}

type ObfuscationArguments = GlobalArguments & HandlerArguments<typeof options>;

/** `mtard obfuscation MODEL`: the paper's four signs of obfuscated gradients, with numbers and verdicts. */
export const obfuscationCommand: CommandBody = {
  builder: (yargs) => options(yargs as Argv<GlobalArguments>),
  handler: (args) => runObfuscation(args as unknown as ObfuscationArguments),
};

async function runObfuscation(args: ObfuscationArguments): Promise<void> {
  const epsilon = parseQuantity("--eps", args.eps, { minimum: 0, maximum: 1 });
  const limit = parseLimit(args.limit);
  const slowLimit = parseLimit(args["slow-limit"], "--slow-limit") ?? SLOW_IMAGES;
  const dataset = args.dataset === undefined ? undefined : findDataset(args.dataset, args.dataDir).id;
  const device = requestedDevice(args.device);
  prepareNativeLibraries(device, threadCount());
  const { model: named, surrogate, checkpoint, teachersDir, dataDir } = args;
  const opened = await openModels({
    ...{ model: named, dataset, surrogate, checkpoint, device, teachersDir, dataDir },
    use: expectedUse(true, limit),
  });
  await whileMeasuring(opened, async (session) => {
    const found = await measureLooks(opened, args, { epsilon, limit, slowLimit }, session);
    const signs = signsOf(found.evaluations);
    const holds = signs.every((each) => each.holds);
    const { model, description } = opened;
    printResult(
      args,
      {
        ...{ model: model.name, dataset: description.id, epsilon, signs, obfuscated: !holds },
        warnings: found.warnings,
      },
      signsText(signs, surrogate !== undefined),
    );
    suggest(`mtard evaluate ${wordsFor(args)} --attacks aa`);
  });
}

interface Sizes {
  readonly epsilon: number;
  readonly limit: number | undefined;
  readonly slowLimit: number;
}

/** Measures what the signs are read from; what is known already is not measured again. */
async function measureLooks(
  { model, surrogate, description }: AttackedModel,
  args: ObfuscationArguments,
  { epsilon, limit, slowLimit }: Sizes,
  { line, say, stopIfAsked }: MeasuringSession,
): Promise<{ evaluations: Map<string, Evaluation>; warnings: string[] }> {
  const { test, fingerprint } = openDataset(description.id, args.dataDir);
  const store = openModelStore(model, args["runs-dir"], say);
  const batchSize = usualBatch(model);
  const evaluations = new Map<string, Evaluation>();
  const warnings = new Set<string>();
  for (const { name, attack, changes, epsilon: radius, isSlow } of looksAt(epsilon, surrogate !== null)) {
    const images = Math.min(limit ?? Infinity, isSlow ? slowLimit : Infinity);
    const show = evaluationProgress(line, () => undefined);
    const found = await measure(
      model,
      imagesOf(test, description, fingerprint, images),
      {
        ...{
          attacks: [attack],
          changes: { [attack]: changes },
          epsilon: radius,
          batchSize,
          seed: USUAL_SEED,
        },
        ...(surrogate ? { surrogate } : {}),
      },
      store,
      {
        onProgress(progress) {
          stopIfAsked(progress);
          show(progress);
        },
        onMessage(text) {
          // Each warning comes back with what was found, and is said once.
          if (!text.startsWith("warning: ")) say(text);
        },
      },
    );
    evaluations.set(name, found.evaluation);
    for (const warning of found.warnings.filter((each) => !warnings.has(each))) {
      warnings.add(warning);
      say(`warning: ${warning}`);
    }
    const { attacks, total } = found.evaluation;
    say(`${name}: ${attacks[attack]?.robust ?? NaN} of ${total} left robust`);
  }
  return { evaluations, warnings: [...warnings] };
}

function signsText(signs: readonly Sign[], transfers: boolean): string {
  const rows = signs.flatMap(({ title, comparisons, holds }, index) => [
    [`${index + 1}. ${title}`, "", "", "", holds ? "yes" : "no"],
    ...comparisons.map(comparisonRow),
  ]);
  const missing = signs.filter(({ holds }) => !holds).length;
  return [
    formatTable([
      ["sign", "withstood", "images", "fooled only by the weaker, the stronger", "holds"],
      ...rows,
    ]),
    "",
    missing === 0
      ? "no sign of obfuscated gradients"
      : `${missing} of the 4 signs that gradients are not obfuscated ${missing === 1 ? "is" : "are"} missing: robust accuracy may be lower`,
    ...(transfers ? [] : ["transfers were left out: --surrogate names a classifier to make them on"]),
  ].join("\n");
}

function comparisonRow(found: Comparison): string[] {
  const { weaker, stronger, images, withstoodWeaker, withstoodStronger, onlyWeaker, onlyStronger } = found;
  return [
    `   ${weaker}, ${stronger}`,
    `${percent(withstoodWeaker / images)}, ${percent(withstoodStronger / images)}`,
    String(images),
    `${onlyWeaker}, ${onlyStronger}`,
    found.holds ? "yes" : "no",
  ];
}
