import type { Argv } from "yargs";
import { classifierShape, datasetIds, findDataset } from "../data/datasets.js";
import { InputError, oneLine } from "../errors.js";
import { parseQuantity } from "../recipes/settings.js";
import { isAddress, parseAddress } from "../teacher/address.js";
import { fetchAddress } from "../teacher/fetch-address.js";
import { fetchTeacher } from "../teacher/fetch.js";
import type { ChangedFile } from "../teacher/first-checksum.js";
import { requireDescription } from "../teacher/find-description.js";
import { examples, type HandlerArguments, roleOption } from "./options.js";
import { type GlobalArguments, logAlways, shellWord } from "./output.js";
import { formatDownload, type ProgressLine } from "./progress.js";
import {
  importProgress,
  keyOption,
  normalizationOf,
  normalizationOptions,
  reportImport,
} from "./teacher-import.js";

/** The options of `mtard teacher fetch`. */
export function fetchOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .positional("model", {
      type: "string",
      demandOption: true,
      describe: "a described model, robustbench:NAME, hf:OWNER/NAME/FILE, or an https address",
    })
    .option("from", {
      type: "string",
      requiresArg: true,
      describe: "a local copy of the published file, or the ONNX model its recipe made",
    })
    .option("file", {
      type: "string",
      requiresArg: true,
      describe: "the file's name in a folder or an archive; * stands for anything",
    })
    .option("max-size", {
      requiresArg: true,
      describe: "the most gigabytes to download where no size is published",
      defaultDescription: "what the network's checkpoint can take, else 4",
    })
    .option("force", { type: "boolean", default: false, describe: "replace a teacher of the same name" })
    .option("name", {
      type: "string",
      requiresArg: true,
      describe: "of an address: what the teacher will be called",
    })
    .option("dataset", {
      type: "string",
      requiresArg: true,
      describe: `of an address: the data set it was trained on: ${datasetIds.join(", ")}`,
    })
    .option("network", {
      type: "string",
      requiresArg: true,
      describe: "of an address: the architecture of its weights; without it, it is an ONNX classifier",
    })
    .option("key", { ...keyOption, describe: `of an address: ${keyOption.describe}` })
    .options(normalizationOptions)
    .option("role", { ...roleOption, describe: "of an address: what it is meant for" })
    .option("sha256", {
      type: "string",
      requiresArg: true,
      describe: "of an address: the file's SHA-256, or its first digits",
    })
    .epilogue(
      examples({
        "a teacher of the paper": "mtard teacher fetch cifar10-wide-resnet-34-10",
        "one of RobustBench": "mtard teacher fetch robustbench:cifar10/Linf/Sehwag2020Hydra",
        "what a browser downloaded":
          "mtard teacher fetch cifar10-wide-resnet-34-10 --from model_cifar_wrn.pt",
        "one's own, HF_TOKEN for a private one":
          "mtard teacher fetch hf:me/models/wrn.pt --name wrn --dataset cifar10 --network wide-resnet-28-10",
      }),
    );
}

type Arguments = HandlerArguments<typeof fetchOptions>;

/** What only an address needs: the rest is described. */
const ofAddress = [
  ...([
    "name",
    "dataset",
    "network",
    "key",
    "mean",
    "std",
    "layout",
    "output",
    "pixels",
    "role",
    "sha256",
  ] as const),
];

/** `mtard teacher fetch`: brings in a published model. */
export async function runFetch(args: Arguments): Promise<void> {
  await (isAddress(args.model) ? fetchOwn(args) : fetchDescribed(args));
}

async function fetchDescribed(args: Arguments): Promise<void> {
  const description = requireDescription(args.model);
  const needless = ofAddress.filter((option) => args[option] !== undefined);
  if (needless.length > 0)
    throw new InputError(`${args.model} is described already`, {
      expected: "options of the download only",
      found: needless.map((option) => `--${option}`).join(", "),
      fix: "leave them out; or give an address, which they are for",
    });
  await reportImport(args, (line) =>
    fetchTeacher(description, {
      dataset: classifierShape(findDataset(description.dataset, args.dataDir)),
      teachersDir: args.teachersDir,
      from: args.from,
      file: args.file,
      mostBytes: mostBytesOf(args),
      force: args.force,
      onDownload: (progress) => line.show(formatDownload(progress)),
      onChanged: changeReporter(line),
      onImport: importProgress(line),
    }),
  );
}

async function fetchOwn(args: Arguments): Promise<void> {
  const address = parseAddress(args.model);
  const { name, dataset, network, layout, output, pixels } = args;
  if (name === undefined || dataset === undefined)
    throw new InputError("nothing is known of what is at an address", {
      expected: "--name NAME --dataset ID, and --network ID for weights",
      found: [name === undefined ? "no --name" : [], dataset === undefined ? "no --dataset" : []]
        .flat()
        .join(", "),
      fix: `mtard teacher fetch ${shellWord(args.model)} --name my-teacher --dataset cifar10 --network resnet-18`,
    });
  for (const [option, value] of Object.entries({ layout, output, pixels }))
    if (network !== undefined && value !== undefined)
      throw new InputError(`--${option} is for ONNX classifiers, --network for weights`, {
        fix: "leave one of them out",
      });
  await reportImport(args, (line) =>
    fetchAddress({
      address,
      name,
      dataset: classifierShape(findDataset(dataset, args.dataDir)),
      network,
      key: args.key,
      layout,
      output,
      pixels,
      normalization: normalizationOf(args),
      role: args.role,
      from: args.from,
      file: args.file,
      sha256: digitsOf(args.sha256),
      mostBytes: mostBytesOf(args),
      force: args.force,
      teachersDir: args.teachersDir,
      onDownload: (progress) => line.show(formatDownload(progress)),
      onChanged: changeReporter(line),
      onProgress: importProgress(line),
    }),
  );
}

/** Says that a file is not what it was: whoever trusted the first one has to know it. */
function changeReporter(line: ProgressLine): (change: ChangedFile) => void {
  return ({ url, sha256: { first, now } }) => {
    line.clear();
    logAlways(
      oneLine(`warning: ${url} gave another file than the first time: sha256 ${first} then, ${now} now`),
    );
  };
}

function mostBytesOf(args: Arguments): number | undefined {
  const gigabytes = args["max-size"];
  return gigabytes === undefined
    ? undefined
    : parseQuantity("--max-size", gigabytes, { minimum: 0.001 }) * 1e9;
}

function digitsOf(text: string | undefined): string | undefined {
  if (text === undefined || /^[0-9a-f]{8,64}$/i.test(text)) return text?.toLowerCase();
  throw new InputError("--sha256 is not a SHA-256", {
    expected: "64 hexadecimal digits, or at least the first 8",
    found: text,
  });
}
