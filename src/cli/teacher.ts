import { join } from "node:path";
import type { Argv, CommandModule } from "yargs";
import { classifierShape, datasetIds, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import type { Normalization } from "../graph/network.js";
import type { MeasuredAccuracy, TeacherManifest } from "../teacher/manifest.js";
import { formatTable, type GlobalArguments, log, printResult } from "./output.js";
import { datasetOption, deviceOption, examples, limitOption, parseLimit } from "./options.js";
import { ProgressLine } from "./progress.js";

/** Images of one request when accuracy is measured. */
const BATCH = 128;

/** How each action is called. */
export const teacherUsages = {
  import: "import",
  list: "list",
  show: "show <name>",
  check: "check <name>",
} as const;

/** `mtard teacher import | list | show | check`. */
export const teacherCommand: CommandModule = {
  command: "teacher",
  describe: "bring in, list, show and check teachers",
  builder: (yargs) =>
    (yargs as Argv<GlobalArguments>)
      .command(
        teacherUsages.import,
        "bring in an ONNX classifier or PyTorch weights",
        importOptions,
        runImport,
      )
      .command(teacherUsages.list, "every teacher in the store", listOptions, runList)
      .command(teacherUsages.show, "one teacher's manifest", nameArgument, runShow)
      .command(teacherUsages.check, "measure a teacher's clean accuracy", checkOptions, runCheck)
      .demandCommand(1, `name what to do: ${Object.keys(teacherUsages).join(", ")}`),
  handler: () => undefined,
};

type Arguments<Options extends (yargs: Argv<GlobalArguments>) => Argv<unknown>> =
  ReturnType<Options> extends Argv<infer Values> ? Values : never;

function importOptions(yargs: Argv<GlobalArguments>) {
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
      describe: `the data set it was trained on: ${datasetIds.join(", ")}`,
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
    .option("mean", {
      type: "string",
      requiresArg: true,
      describe: "R,G,B taken from images in [0, 1] before the model",
    })
    .option("std", { type: "string", requiresArg: true, describe: "R,G,B that images are then divided by" })
    .option("layout", {
      choices: ["nchw", "nhwc"] as const,
      requiresArg: true,
      describe: "where the channels are in --onnx, if its shapes do not say it",
    })
    .option("force", { type: "boolean", default: false, describe: "replace a teacher of the same name" })
    .conflicts("onnx", ["network", "weights"])
    .conflicts("layout", ["network", "weights"])
    .epilogue(
      examples({
        "from PyTorch":
          "mtard teacher import --name resnet56 --dataset cifar10 --network resnet-56 --weights resnet56.th",
        "from ONNX": "mtard teacher import --name cnn --dataset cifar10 --onnx cnn.onnx",
      }),
    );
}

async function runImport(args: Arguments<typeof importOptions>): Promise<void> {
  const { importTeacher } = await import("../teacher/import.js");
  const { manifest, folder, dialect, notes } = await importTeacher({
    name: args.name,
    dataset: classifierShape(findDataset(args.dataset)),
    from: sourceOf(args),
    normalization: normalizationOf(args),
    force: args.force,
    teachersDir: args.teachersDir,
  });
  for (const note of notes) log(note);
  const { name, dataset, network } = manifest;
  printResult(
    args,
    { teacher: manifest, folder, dialect, notes },
    `${name}: ${network ?? "an ONNX model"} for ${dataset}, in ${folder}\nmeasure it with: mtard teacher check ${name}`,
  );
}

function sourceOf(args: Arguments<typeof importOptions>) {
  if (args.onnx !== undefined) return { kind: "onnx", path: args.onnx, layout: args.layout } as const;
  if (args.network !== undefined && args.weights !== undefined)
    return { kind: "weights", path: args.weights, network: args.network } as const;
  throw new InputError("nothing to import was named", {
    expected: "--onnx FILE, or --network ID --weights FILE",
    fix: "mtard teacher import --help",
  });
}

function normalizationOf(args: Arguments<typeof importOptions>): Normalization | undefined {
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

function listOptions(yargs: Argv<GlobalArguments>) {
  return yargs.option("dataset", {
    type: "string",
    requiresArg: true,
    describe: "only teachers for this data set",
  });
}

async function runList(args: Arguments<typeof listOptions>): Promise<void> {
  const { listTeachers } = await import("../teacher/store.js");
  const dataset = args.dataset === undefined ? undefined : findDataset(args.dataset).id;
  const listed = listTeachers(args.teachersDir);
  const broken = listed.flatMap((entry) => ("error" in entry ? [entry] : []));
  const teachers = listed
    .flatMap((entry) => ("manifest" in entry ? [entry.manifest] : []))
    .filter((manifest) => dataset === undefined || manifest.dataset === dataset);
  for (const { error } of broken) log(error.report());
  const rows = teachers.map((teacher) => [
    teacher.name,
    teacher.dataset,
    String(teacher.classes),
    teacher.network ?? "(ONNX)",
    teacher.measured ? formatAccuracy(teacher.measured) : "not measured",
  ]);
  printResult(
    args,
    {
      teachers,
      broken: broken.map(({ name, error }) => ({ name, message: error.message, ...error.detail })),
    },
    teachers.length === 0
      ? `no teachers${dataset ? ` for ${dataset}` : ""} in ${args.teachersDir}`
      : formatTable([["NAME", "DATASET", "CLASSES", "NETWORK", "CLEAN"], ...rows]),
  );
}

function nameArgument(yargs: Argv<GlobalArguments>) {
  return yargs.positional("name", {
    type: "string",
    demandOption: true,
    describe: "a teacher's name, or its folder",
  });
}

async function runShow(args: Arguments<typeof nameArgument>): Promise<void> {
  const { findTeacher } = await import("../teacher/store.js");
  const { readManifest } = await import("../teacher/manifest.js");
  const folder = findTeacher(args.name, args.teachersDir);
  const manifest = readManifest(folder);
  printResult(args, { teacher: manifest, folder }, formatTable(manifestRows(manifest, folder)));
}

function manifestRows(manifest: TeacherManifest, folder: string): string[][] {
  const { image, source, normalization, measured } = manifest;
  return [
    ["name", manifest.name],
    ["dataset", `${manifest.dataset}, ${manifest.classes} classes`],
    ["images", `${image.height}x${image.width}, ${image.channels} channels`],
    ["network", manifest.network ?? "unknown: a foreign ONNX graph"],
    [
      "normalisation",
      normalization
        ? `mean ${normalization.mean.join(", ")}; std ${normalization.std.join(", ")}`
        : "none known",
    ],
    [
      "clean accuracy",
      measured ? formatAccuracy(measured) : `not measured: mtard teacher check ${manifest.name}`,
    ],
    ["model", join(folder, manifest.file)],
    ["sha256", manifest.sha256],
    ["made from", `${source.file} (${source.format}), sha256 ${source.sha256}`],
    ["made by", `mtard ${manifest.createdBy}`],
  ];
}

function checkOptions(yargs: Argv<GlobalArguments>) {
  return nameArgument(yargs)
    .describe("name", "a teacher's name, its folder or an .onnx file")
    .option("limit", limitOption)
    .option("dataset", { ...datasetOption, describe: "the data set of an .onnx file that does not name it" })
    .option("device", deviceOption);
}

async function runCheck(args: Arguments<typeof checkOptions>): Promise<void> {
  const { prepareNativeLibraries, requestedDevice, threadCount } = await import("../runtime/device.js");
  const { openDataset } = await import("../data/store.js");
  const { evaluateClean } = await import("../evaluation/clean.js");
  const { openTeacher } = await import("../teacher/bridge.js");
  const { compareAndRecord } = await import("../teacher/check.js");
  const { findTeacher } = await import("../teacher/store.js");

  const limit = parseLimit(args.limit);
  const device = requestedDevice(args.device);
  prepareNativeLibraries(device, threadCount());
  const teacher = await openTeacher(args.name, {
    device,
    teachersDir: args.teachersDir,
    dataset: args.dataset === undefined ? undefined : classifierShape(findDataset(args.dataset)),
  });
  const { manifest } = teacher;
  const line = new ProgressLine();
  try {
    const { id } = findDataset(manifest.dataset);
    const { test } = openDataset(id, args.dataDir, limit === undefined ? {} : { test: limit });
    const { clean, total } = await evaluateClean(teacher, test, BATCH, ({ done }) =>
      line.show(`${manifest.name}  ${done} of ${test.count} images`),
    );
    const measured = { split: "test", correct: clean.correct, total } as const;
    line.clear();
    const folder = args.name.endsWith(".onnx") ? null : findTeacher(args.name, args.teachersDir);
    const comparison = compareAndRecord(manifest, folder, measured);
    printResult(
      args,
      {
        teacher: manifest.name,
        dataset: manifest.dataset,
        device: teacher.device,
        measured,
        before: manifest.measured ?? null,
        comparison,
      },
      `${manifest.name}: ${formatAccuracy(measured)}, on ${teacher.device}; ${COMPARISONS[comparison]}`,
    );
  } finally {
    line.clear();
    await teacher.close();
  }
}

const COMPARISONS = {
  recorded: "recorded in its manifest",
  "other total": "its manifest is about other images",
  equal: "as its manifest says",
  borderline: "as its manifest says, but for borderline images",
};

function formatAccuracy({ correct, total }: MeasuredAccuracy): string {
  const [right, all] = [correct, total].map((count) => count.toLocaleString("en-US"));
  return `${percent(correct / total)} (${right ?? ""} of ${all ?? ""} test images)`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)}%`;
}
