import { basename, join } from "node:path";
import type { Argv } from "yargs";
import { requireAttackIds, type AttackId } from "../attacks/attacks.js";
import { encodeNpz } from "../weights/npz.js";
import { findDataset } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import { parseQuantity } from "../recipes/settings.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { requireFilePath, writeFileAtomically } from "../files/atomic.js";
import type { Subject } from "../model/model.js";
import type { CommandBody } from "./commands.js";
import { percent } from "./accuracy.js";
import { attackList, attackOptions, attackRequest, requestedChanges } from "./attack-options.js";
import { evaluationProgress } from "./evaluation-progress.js";
import { datasetOption, examples, type HandlerArguments } from "./options.js";
import { formatTable, log, printResult, type GlobalArguments } from "./output.js";
import { ProgressLine } from "./progress.js";

/** A picture of more rows is taller than what reads PNG files takes. */
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
  const [attack, ...more] = requireAttackIds(args.attack.split(","));
  if (attack === undefined || more.length > 0)
    throw new InputError("--attack takes one attack", { expected: "one id", found: args.attack });
  const request = attackRequest(args);
  const changes = requestedChanges([attack], request);
  const dataset = args.dataset === undefined ? undefined : findDataset(args.dataset).id;
  const limit = args.limit === undefined ? undefined : parseImages(args.limit);
  const indexes = args.index === undefined ? null : parseIndexes(args.index);
  const { out, "save-adversarial": saved, images: given } = args;
  if (out !== undefined) requireFilePath(out, "attack.png");
  if (saved !== undefined) requireFilePath(saved, "adversarial.npz");

  prepareNativeLibraries(request.device, threadCount());
  const [{ openForAttack }, { examine }, { pickedImages, imagesInNpz, examinedArrays }, { drawGrid }] =
    await Promise.all([
      import("../model/opened.js"),
      import("../evaluation/examine.js"),
      import("../evaluation/image-files.js"),
      import("../report/adversarial-grid.js"),
    ]);
  const { model, dataDir, teachersDir } = args;
  const opened = await openForAttack({ model, ...request, dataset, teachersDir });
  const line = new ProgressLine();
  try {
    const { subject, target, surrogate, description } = opened;
    const { image: shape, classNames, id } = description;
    const source =
      given === undefined
        ? pickedImages(openDataset(id, dataDir).test, shape, indexes ?? limit ?? SHOWN)
        : await imagesInNpz(given, shape, limit ?? SHOWN);
    log(`${subject.name} on ${target.runsOn}`);
    const { epsilon, seed, restarts } = request;
    const settings = {
      ...{ epsilon, seed, restarts, changes, batchSize: source.count },
      ...(surrogate ? { surrogate: surrogate.target } : {}),
    };
    const onProgress = evaluationProgress(line, () => undefined);
    const examined = await examine(target, source, attack, settings, { onProgress });
    line.clear();
    const nameOfClass = (answer: number): string => classNames[answer] ?? `class ${answer}`;
    const files = { picture: out ?? defaultOutput(subject, id, attack) };
    const fooled = examined.filter(
      ({ label, before, after }) => before.answer === label && after.answer !== label,
    );
    const right = examined.filter(({ label, before }) => before.answer === label);
    const picture = await drawGrid(examined, shape, {
      title: `${attack} on ${subject.kind === "known" && subject.isRun ? basename(subject.name) : subject.name}`,
      subtitle: `${id}, epsilon ${args.eps} in L-infinity; ${fooled.length} of ${right.length} fooled that were right`,
      classNames,
      epsilon,
      names: source.places.map((place) => `image ${place}`),
    });
    writeFileAtomically(files.picture, picture);
    if (saved !== undefined)
      writeFileAtomically(saved, encodeNpz(examinedArrays(examined, source.places, shape)));
    const images = examined.map(({ index, label, before, after, linf }) => ({
      index: source.places[index],
      label,
      clean: before,
      adversarial: after,
      linf,
    }));
    printResult(
      args,
      {
        model: subject.name,
        dataset: id,
        attack,
        epsilon,
        total: examined.length,
        correct: right.length,
        fooled: fooled.length,
        images,
        ...files,
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
        ...[files.picture, saved].filter((file) => file !== undefined),
      ].join("\n"),
    );
  } finally {
    line.clear();
    opened.dispose();
  }
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

function defaultOutput(subject: Subject, dataset: string, attack: AttackId): string {
  const name = `${subject.name}-${dataset}-${attack}`.replace(/[^A-Za-z0-9._-]+/g, "-");
  return join("runs", "attacks", `${name}.png`);
}
