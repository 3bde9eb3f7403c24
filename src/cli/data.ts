import type { Argv } from "yargs";
import { datasetIds, isBuiltIn, MOST_SIDE } from "../data/datasets.js";
import type { LeftOutFile } from "../data/own-files.js";
import type { OwnOptions } from "../data/own-prepare.js";
import type { PrepareProgress } from "../data/obtain.js";
import { prepareDataset, type PreparedDataset } from "../data/prepare.js";
import { InputError } from "../errors.js";
import { quoted } from "../weights/source-file.js";
import { parseQuantity, parseSetting } from "../recipes/settings.js";
import type { CommandBody } from "./usages.js";
import { examples, type HandlerArguments } from "./options.js";
import { log, printResult, type GlobalArguments, suggest } from "./output.js";
import { formatDownload, formatDuration, ProgressLine } from "./progress.js";

function dataOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .positional("dataset", {
      type: "string",
      demandOption: true,
      describe: `${datasetIds.join(", ")}, or a name for your own images, see --from`,
    })
    .option("from", {
      type: "string",
      requiresArg: true,
      describe:
        "a local archive, or the folder it was unpacked to, instead of a download; of your own images a folder of class folders, a zip of one, or an npz file",
    })
    .option("sha256", {
      type: "string",
      requiresArg: true,
      describe: "refuse the archive of --from unless it has this checksum",
    })
    .option("force", { type: "boolean", default: false, describe: "replace what is there" })
    .option("size", {
      type: "string",
      requiresArg: true,
      describe: "N or HxW: bring the shorter side of your images to it, then crop around the centre",
    })
    .option("split", {
      requiresArg: true,
      describe: "the share of each class, such as 0.1, that becomes the test images where there are none",
    })
    .option("seed", { requiresArg: true, describe: "draws that share", defaultDescription: "0" })
    .option("classes", {
      type: "string",
      requiresArg: true,
      describe: "A,B,C: the class names of arrays, label 0 first",
    })
    .option("skip-broken", {
      type: "boolean",
      describe: "leave out, name and count the images that cannot be read",
    })
    .option("padding", {
      requiresArg: true,
      describe: "training crops your images after so many pixels of padding",
      defaultDescription: "an eighth of the shorter side",
    })
    .option("flip", {
      type: "boolean",
      describe: "training mirrors your images half the time; --no-flip for digits and the like",
      defaultDescription: "true",
    })
    .epilogue(
      examples({
        "the built-in data set": "mtard data demo",
        "an archive fetched elsewhere": "mtard data cifar10 --from cifar-10-binary.tar.gz",
        "an unpacked one": "mtard data tiny-imagenet --from tiny-imagenet-200",
        "your own: train/ and test/, or class folders with --split 0.1":
          "mtard data pets --from pets --size 64",
        arrays: "mtard data digits --from mnist.npz --no-flip",
      }),
    );
}

type DataArguments = GlobalArguments & HandlerArguments<typeof dataOptions>;

/** `mtard data DATASET`: fetches a data set or takes a local copy or the user's own images, verifies it and packs it. */
export const dataCommand: CommandBody = {
  builder: (yargs) => dataOptions(yargs as Argv<GlobalArguments>),
  handler: (args) => runData(args as unknown as DataArguments),
};

async function runData(args: DataArguments): Promise<void> {
  const line = new ProgressLine();
  const asked = ownOptions(args);
  const own =
    Object.keys(asked).length === 0 && isBuiltIn(args.dataset) ? {} : { own: { ...asked, onLeftOut } };
  let named = 0;
  function onLeftOut({ name, reason }: LeftOutFile): void {
    line.clear();
    if (++named <= NAMED) log(`cannot be read: ${quoted(name)}: ${reason}`);
    else if (named === NAMED + 1) log("cannot be read: and more files");
  }
  try {
    const prepared = await prepareDataset(args.dataset, args.dataDir, {
      ...(args.from === undefined ? {} : { from: args.from }),
      ...(args.sha256 === undefined ? {} : { sha256: args.sha256 }),
      ...own,
      force: args.force,
      onProgress: progressReporter(line, args.dataset),
      onWait: (holder) => log(`${args.dataset}: waiting for another mtard that is packing it (${holder})`),
    });
    line.clear();
    const { report, ...rest } = prepared;
    printResult(
      args,
      { ...rest, ...(report ? { leftOut: report.leftOut, notes: report.notes } : {}) },
      textOf(prepared),
    );
    suggest(`mtard train --dataset ${prepared.dataset}`);
  } finally {
    line.clear();
  }
}

/** What the call says of the user's own images; nothing that it leaves open. */
function ownOptions(args: DataArguments): OwnOptions {
  const { size, split, seed, classes, padding, flip, "skip-broken": skipBroken } = args;
  return {
    ...(size === undefined ? {} : { size: parseSize(size) }),
    ...(split === undefined ? {} : { split: parseShare(split) }),
    ...(seed === undefined ? {} : { seed: parseSetting("seed", seed, "--seed") }),
    ...(classes === undefined ? {} : { classNames: classes.split(",").map((name) => name.trim()) }),
    ...(skipBroken === undefined ? {} : { skipBroken }),
    ...(padding === undefined
      ? {}
      : { padding: parseQuantity("--padding", padding, { minimum: 0, maximum: MOST_SIDE, whole: true }) }),
    ...(flip === undefined ? {} : { flip }),
  };
}

function parseSize(text: string): { height: number; width: number } {
  const [, height = "", width = height] = /^(\d{1,5})(?:x(\d{1,5}))?$/i.exec(text.trim()) ?? [];
  const size = { height: Number(height), width: Number(width) };
  const fits = (side: number): boolean => side >= LEAST_SIDE && side <= MOST_SIDE;
  if (fits(size.height) && fits(size.width)) return size;
  throw new InputError("--size is no size of images", {
    expected: `N or HxW, ${LEAST_SIDE} to ${MOST_SIDE} pixels each`,
    found: text,
    fix: "--size 64",
  });
}

/** Images are not made smaller than this; no network learns from less. */
const LEAST_SIDE = 4;

function parseShare(value: unknown): number {
  const share = parseQuantity("--split", value, { minimum: 0, maximum: 1 });
  if (share > 0 && share < 1) return share;
  throw new InputError("--split is no share of the images", {
    expected: "a number above 0 and below 1, such as 0.1",
    found: String(share),
  });
}

/** How many broken images are named one by one. */
const NAMED = 1000;

function textOf(prepared: PreparedDataset): string {
  const { dataset, title, train, test, classes, folder, image, images, report, alreadyThere } = prepared;
  const state = alreadyThere ? "is already there" : "is ready";
  const counts = `${train} train and ${test} test images, ${classes} classes`;
  const first = `${dataset} (${title}) ${state} in ${folder}: ${counts}`;
  if (!images) return first;
  return [
    `${first}, ${image.height}x${image.width}x${image.channels}`,
    ...(report?.notes ?? []).map((note) => `  ${note}`),
    ...Object.entries(images.converted).map(([how, count]) => `  ${how}: ${count}`),
    ...(images.leftOut === 0 ? [] : [`  cannot be read, left out: ${images.leftOut}`]),
  ].join("\n");
}

/** Logs each stage once, and keeps showing how far downloading and decoding have got. */
function progressReporter(line: ProgressLine, id: string): (progress: PrepareProgress) => void {
  const stages = {
    download: "downloading",
    verify: "checking the archive",
    unpack: "unpacking",
    make: "making the images",
    inspect: "looking at the images' sizes",
    decode: "decoding the images",
  } satisfies Record<PrepareProgress["stage"], string>;
  let stage = "";
  return (progress) => {
    if (progress.stage !== stage) {
      stage = progress.stage;
      line.clear();
      log(`${id}: ${stages[progress.stage]}`);
    }
    if (progress.stage === "download") line.show(formatDownload(progress));
    if (progress.stage === "decode" || progress.stage === "inspect") line.show(decodeLine(progress));
  };
}

function decodeLine({ done, total, rate }: PrepareProgress & { stage: "decode" | "inspect" }): string {
  return `${done} of ${total} images, ${Math.round(rate)} images/s, ${formatDuration((total - done) / rate)} left`;
}
