import type { Argv } from "yargs";
import { classifierShape, datasetIds, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { checkImported, type ImportCheck } from "../evaluation/import-check.js";
import type { Normalization } from "../graph/network.js";
import { pixelRanges } from "../onnx/pixels.js";
import { importTeacher, type ImportedTeacher } from "../teacher/import.js";
import { formatAccuracy } from "./accuracy.js";
import { examples, type HandlerArguments, roleOption } from "./options.js";
import { type GlobalArguments, log, printResult, suggest } from "./output.js";
import { ProgressLine } from "./progress.js";

/** How images go into a model: `--mean` and `--std`, see {@link normalizationOf}, and what an ONNX classifier may leave open. */
export const normalizationOptions = {
  mean: {
    type: "string",
    requiresArg: true,
    describe: "R,G,B taken from images in [0, 1] before the model",
  },
  std: { type: "string", requiresArg: true, describe: "R,G,B that images are then divided by" },
  layout: {
    choices: ["nchw", "nhwc"],
    requiresArg: true,
    describe: "where the channels are in an ONNX classifier, if its shapes do not say it",
  },
  output: {
    type: "string",
    requiresArg: true,
    describe: "the output of an ONNX classifier that is its logits, if several could be",
  },
  pixels: {
    choices: pixelRanges,
    requiresArg: true,
    describe: "the values of pixels an ONNX classifier takes, if its first nodes do not say it",
  },
} as const;

/** Which weights of a file are taken. */
export const keyOption = {
  type: "string",
  requiresArg: true,
  describe: "which weights of a file that has several: its keys joined by dots, such as state_dict_ema",
} as const;

/** The options of `mtard teacher import`. */
export function importOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .option("name", {
      type: "string",
      requiresArg: true,
      demandOption: true,
      describe: "what the teacher will be called",
    })
    .option("dataset", {
      type: "string",
      requiresArg: true,
      demandOption: true,
      describe: `the data set it was trained on: ${datasetIds.join(", ")}, or one of your own`,
    })
    .option("onnx", { type: "string", requiresArg: true, describe: "an ONNX classifier" })
    .option("network", {
      type: "string",
      requiresArg: true,
      describe: "the architecture of --weights, such as resnet-56",
    })
    .option("weights", {
      type: "string",
      requiresArg: true,
      describe: "a PyTorch, safetensors or npz file with its state_dict",
    })
    .option("key", keyOption)
    .options(normalizationOptions)
    .option("role", { ...roleOption, describe: "what it is meant for" })
    .option("force", { type: "boolean", default: false, describe: "replace a teacher of the same name" })
    .conflicts("onnx", ["network", "weights", "key"])
    .conflicts("layout", ["network", "weights"])
    .conflicts("output", ["network", "weights"])
    .conflicts("pixels", ["network", "weights"])
    .epilogue(
      examples({
        "from PyTorch":
          "mtard teacher import --name resnet56 --dataset cifar10 --network resnet-56 --weights resnet56.th",
        "from ONNX": "mtard teacher import --name cnn --dataset cifar10 --onnx cnn.onnx",
      }),
    );
}

/** `mtard teacher import`: brings in an ONNX classifier or weights. */
export async function runImport(args: HandlerArguments<typeof importOptions>): Promise<void> {
  await reportImport(args, (line) =>
    importTeacher({
      name: args.name,
      dataset: classifierShape(findDataset(args.dataset, args.dataDir)),
      from: sourceOf(args),
      normalization: normalizationOf(args),
      role: args.role,
      force: args.force,
      teachersDir: args.teachersDir,
      onProgress: importProgress(line),
    }),
  );
}

/** Runs an import beside a progress line, and prints what it made. */
export async function reportImport(
  args: GlobalArguments,
  importing: (line: ProgressLine) => Promise<ImportedTeacher>,
): Promise<void> {
  const line = new ProgressLine();
  try {
    const { manifest, folder, dialect, notes } = await importing(line);
    line.clear();
    for (const note of notes) log(note);
    const check = await lookAt({ manifest, folder }, args, line);
    if (check.skipped !== null) log(check.skipped);
    for (const warning of check.warnings) log(`warning: ${warning}`);
    const { name, dataset, network } = manifest;
    const accuracy = check.accuracy ? `; ${formatAccuracy(check.accuracy)}` : "";
    printResult(
      args,
      { teacher: manifest, folder, dialect, notes, ...check },
      `${name}: ${network ?? "an ONNX model"} for ${dataset}, in ${folder}${accuracy}`,
    );
    suggest(`mtard teacher check ${name}`);
  } finally {
    line.clear();
  }
}

/** What is over sooner needs no progress. */
const SHOWN_MILLISECONDS = 2000;

/** Looks at a few hundred test images; the first signal ends that alone, as the teacher is in its place by then. */
async function lookAt(
  imported: Pick<ImportedTeacher, "manifest" | "folder">,
  { dataDir }: GlobalArguments,
  line: ProgressLine,
): Promise<ImportCheck> {
  const began = performance.now();
  const signal = { aborted: false };
  const stop = (): void => void (signal.aborted = true);
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    return await checkImported(imported, dataDir, {
      signal,
      onProgress(doing, done, total) {
        if (performance.now() - began > SHOWN_MILLISECONDS) line.show(`${doing}: ${done} of ${total}`);
      },
    });
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    line.clear();
  }
}

/** A smaller file is done before anyone could read about it. */
const SHOWN_BYTES = 50e6;

/** Shows what an import is doing. */
export function importProgress(line: ProgressLine): (doing: string, done: number, total: number) => void {
  return (doing, done, total) => {
    if (total < SHOWN_BYTES) return;
    line.show(`${doing}: ${(done / 1e6).toFixed(0)} of ${(total / 1e6).toFixed(0)} MB`);
  };
}

function sourceOf(args: HandlerArguments<typeof importOptions>) {
  const { onnx, layout, output, pixels } = args;
  if (onnx !== undefined) return { kind: "onnx", path: onnx, layout, output, pixels } as const;
  if (args.network !== undefined && args.weights !== undefined)
    return { kind: "weights", path: args.weights, network: args.network, key: args.key } as const;
  const { network, weights } = args;
  if (weights !== undefined)
    throw new InputError("--weights has no --network, which says how they are used", {
      expected: "--network ID --weights FILE",
      found: `--weights ${weights}`,
      fix: "add --network; mtard networks lists them",
    });
  throw new InputError(network === undefined ? "nothing to import was named" : "--network has no --weights", {
    expected: "--onnx FILE, or --network ID --weights FILE",
    fix: "mtard teacher import --help",
  });
}

/** @throws {InputError} if only one of `--mean` and `--std` is there, or one is not a list of numbers. */
export function normalizationOf(args: {
  readonly mean?: string | undefined;
  readonly std?: string | undefined;
}): Normalization | undefined {
  if (args.mean === undefined && args.std === undefined) return undefined;
  if (args.mean === undefined || args.std === undefined)
    throw new InputError("a normalisation needs both --mean and --std", {
      found: args.mean === undefined ? "--std alone" : "--mean alone",
      fix: "--mean R,G,B --std R,G,B, for images in [0, 1]",
    });
  return { mean: numbers("--mean", args.mean), std: numbers("--std", args.std) };
}

function numbers(option: string, text: string): number[] {
  const parts = text.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (parts.every(Number.isFinite)) return parts;
  throw new InputError(`${option} is not a list of numbers`, {
    expected: `${option} R,G,B, for images in [0, 1]`,
    found: text,
    fix: `${option} ${option === "--mean" ? "0.485,0.456,0.406" : "0.229,0.224,0.225"}`,
  });
}
