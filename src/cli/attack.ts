import { basename, join } from "node:path";
import type { Argv } from "yargs";
import { requireAttackIds, type AttackId } from "../attacks/attacks.js";
import { norms } from "../attacks/norms.js";
import { findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import { usesGradients } from "../evaluation/checks.js";
import { examine, type ExaminedImage } from "../evaluation/examine.js";
import { examinedArrays, imagesInNpz, pickedImages, type PickedImages } from "../evaluation/image-files.js";
import { fileName } from "../evaluation/model-store.js";
import { requireFilePath, writeFileAtomically } from "../files/atomic.js";
import type { ImageShape } from "../graph/network.js";
import type { Model } from "../model/model.js";
import { parseQuantity } from "../recipes/settings.js";
import { drawGrid } from "../report/adversarial-grid.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { encodeNpz } from "../weights/npz.js";
import { percent } from "./accuracy.js";
import {
  attackList,
  attackOptions,
  attackRequest,
  requestedChanges,
  requestedConventions,
} from "./attack-options.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { openModels, type AttackedModel, titleOf, wordsFor } from "./open-models.js";
import { datasetOption, examples, type HandlerArguments } from "./options.js";
import { log, printResult, type GlobalArguments, suggest } from "./output.js";
import { formatTable } from "./text-table.js";
import { ProgressLine } from "./progress.js";
import type { CommandBody } from "./usages.js";

/** A picture with more rows is too tall for programs that read PNG files. */
const MOST_IMAGES = 64;
const SHOWN = 8;

function options(yargs: Argv<GlobalArguments>) {
  return attackOptions(yargs)
    .positional("model", {
      type: "string",
      demandOption: true,
      describe: "a run directory, a teacher's name or an .onnx file",
    })
    .option("attack", {
      type: "string",
      requiresArg: true,
      default: "pgd-sat",
      describe: "one of those below",
    })
    .option("dataset", { ...datasetOption, defaultDescription: "what the model was trained on" })
    .option("limit", {
      requiresArg: true,
      describe: `the first K test images, at most ${MOST_IMAGES}`,
      defaultDescription: String(SHOWN),
    })
    .option("index", {
      type: "string",
      requiresArg: true,
      describe: "test images by their place, counted from 0, such as 3,17,20",
    })
    .option("images", {
      type: "string",
      requiresArg: true,
      describe: "an .npz file with images [N, height, width, channels] in [0, 1] and labels [N]",
    })
    .conflicts("index", ["limit", "images"])
    .option("out", {
      type: "string",
      requiresArg: true,
      describe: "the .png file of the picture",
      defaultDescription: "in runs/attacks",
    })
    .option("save-adversarial", {
      type: "string",
      requiresArg: true,
      describe: "an .npz file for the images, clean and adversarial",
    })
    .epilogue(
      `${attackList()}\n\n${examples({
        "what PGD does to a student": "mtard attack runs/demo --attack pgd-sat --out attack.png",
        "three images, a larger radius": "mtard attack demo-robust --index 3,17,20 --eps 16/255",
      })}`,
    );
}

type AttackArguments = GlobalArguments & HandlerArguments<typeof options>;

/** `mtard attack MODEL`: makes adversarial images and shows them. */
export const attackCommand: CommandBody = {
  builder: (yargs) => options(yargs as Argv<GlobalArguments>),
  handler: (args) => runAttack(args as unknown as AttackArguments),
};

async function runAttack(args: AttackArguments): Promise<void> {
  const call = attackCall(args);
  prepareNativeLibraries(call.device, threadCount());
  const opened = await openModels({
    ...call,
    model: args.model,
    teachersDir: args.teachersDir,
    dataDir: args.dataDir,
  });
  const line = new ProgressLine();
  try {
    const { model, surrogate, description } = opened;
    const { image: shape, id } = description;
    const { attack, norm, epsilon, seed, restarts, changes, conventions, saved } = call;
    const source = await imagesToAttack(call, id, args.dataDir, shape);
    const use = { batches: [source.count], gradient: usesGradients([attack]) };
    const target = await model.target(use);
    log(`${titleOf(model, call.checkpoint)} on ${target.runsOn}`);
    const settings = {
      ...{ norm, epsilon, seed, restarts, changes, ...conventions, batchSize: source.count },
      ...(surrogate ? { surrogate: await surrogate.target({ ...use, gradient: true }) } : {}),
    };
    const onProgress = evaluationProgress(line, () => undefined);
    const examined = await examine(target, source, attack, settings, { onProgress });
    line.clear();
    const picture = call.out ?? defaultOutput(model, id, attack);
    writeFileAtomically(picture, await drawExamined(examined, source, opened, call));
    if (saved !== undefined)
      writeFileAtomically(saved, encodeNpz(examinedArrays(examined, source.places, shape)));
    printExamined(args, examined, source, opened, call, picture);
  } finally {
    line.clear();
    opened.dispose();
  }
}

/** What the call asks for, checked before anything is opened. */
function attackCall(args: AttackArguments) {
  const [attack, ...more] = requireAttackIds(args.attack.split(","));
  if (attack === undefined || more.length > 0)
    throw new InputError("--attack takes one attack", { expected: "one id", found: args.attack });
  const request = attackRequest([attack], args);
  const { out, "save-adversarial": saved, images: given } = args;
  if (out !== undefined) requireFilePath(out, "attack.png");
  if (saved !== undefined) requireFilePath(saved, "adversarial.npz");
  return {
    ...request,
    attack,
    changes: requestedChanges([attack], request),
    conventions: requestedConventions([attack], request),
    dataset: args.dataset === undefined ? undefined : findDataset(args.dataset, args.dataDir).id,
    limit: args.limit === undefined ? undefined : parseImages(args.limit),
    indexes: args.index === undefined ? null : parseIndexes(args.index),
    ...{ out, saved, given },
  };
}

type AttackCall = ReturnType<typeof attackCall>;

async function imagesToAttack(
  { given, indexes, limit }: AttackCall,
  dataset: string,
  dataDir: string,
  shape: ImageShape,
): Promise<PickedImages> {
  if (given !== undefined) return imagesInNpz(given, shape, limit ?? SHOWN);
  return pickedImages(openDataset(dataset, dataDir).test, shape, indexes ?? limit ?? SHOWN);
}

/** How many images were answered right when clean, and on how many of these the attack fooled the model. */
function verdicts(examined: readonly ExaminedImage[]): { right: number; fooled: number } {
  const right = examined.filter(({ label, before }) => before.answer === label);
  return { right: right.length, fooled: right.filter(({ label, after }) => after.answer !== label).length };
}

function drawExamined(
  examined: readonly ExaminedImage[],
  { places, shape }: PickedImages,
  { model, description }: AttackedModel,
  { attack, norm, epsilon, radius }: AttackCall,
): Promise<Buffer> {
  const { right, fooled } = verdicts(examined);
  const { classNames, id } = description;
  return drawGrid(examined, shape, {
    title: `${attack} on ${model.reference.kind === "run" ? basename(model.name) : model.name}`,
    subtitle: `${id}, epsilon ${radius} in ${norms[norm].title}; ${fooled} of ${right} fooled that were right`,
    classNames,
    ...{ norm, epsilon },
    names: places.map((place) => `image ${place}`),
  });
}

function printExamined(
  args: AttackArguments,
  examined: readonly ExaminedImage[],
  { places }: PickedImages,
  { model, description }: AttackedModel,
  { attack, norm, epsilon, saved }: AttackCall,
  picture: string,
): void {
  const nameOfClass = (answer: number): string => description.classNames[answer] ?? `class ${answer}`;
  const { right, fooled } = verdicts(examined);
  const images = examined.map(({ index, label, before, after, linf, l2 }) => ({
    index: places[index],
    label,
    clean: before,
    adversarial: after,
    ...(norm === "l2" ? { l2 } : { linf }),
  }));
  printResult(
    args,
    {
      model: model.name,
      dataset: description.id,
      attack,
      ...(norm === "l2" ? { norm } : {}),
      epsilon,
      total: examined.length,
      correct: right,
      fooled,
      images,
      picture,
      ...(saved === undefined ? {} : { adversarial: saved }),
    },
    [
      formatTable([
        ["image", "label", "clean", "adversarial"],
        ...images.map(({ index, label, clean, adversarial }) => [
          String(index),
          nameOfClass(label),
          ...[clean, adversarial].map((each) => `${nameOfClass(each.answer)} ${percent(each.confidence)}`),
        ]),
      ]),
      "",
      ...[picture, saved].filter((file) => file !== undefined),
    ].join("\n"),
  );
  suggest(`mtard evaluate ${wordsFor(args)} --attacks ${attack}`);
}

function parseImages(value: unknown): number {
  return parseQuantity("--limit", value, { minimum: 1, maximum: MOST_IMAGES, whole: true });
}

function parseIndexes(text: string): number[] {
  const indexes = text
    .split(",")
    .map((each) => parseQuantity("--index", each.trim(), { minimum: 0, whole: true }));
  if (indexes.length <= MOST_IMAGES) return indexes;
  throw new InputError("--index names too many images", {
    expected: `at most ${MOST_IMAGES}`,
    found: String(indexes.length),
  });
}

function defaultOutput({ name }: Model, dataset: string, attack: AttackId): string {
  return join("runs", "attacks", `${fileName(`${name}-${dataset}-${attack}`)}.png`);
}
