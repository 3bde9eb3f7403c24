import type { Argv } from "yargs";
import { classifierShape, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { findDescription, listDescriptions } from "../teacher/descriptions.js";
import { fetchTeacher } from "../teacher/fetch.js";
import { examples, type HandlerArguments } from "./options.js";
import type { GlobalArguments } from "./output.js";
import { formatDownload } from "./progress.js";
import { importProgress, reportImport } from "./teacher-import.js";

/** The options of `mtard teacher fetch`. */
export function fetchOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .positional("name", {
      type: "string",
      demandOption: true,
      describe: "a described teacher, see mtard teacher list",
    })
    .option("from", {
      type: "string",
      requiresArg: true,
      describe: "a local copy of the published file, or the ONNX model its recipe made",
    })
    .option("force", { type: "boolean", default: false, describe: "replace a teacher of the same name" })
    .epilogue(
      examples({
        "what can be downloaded": "mtard teacher fetch cifar10-resnet-56",
        "what a browser downloaded":
          "mtard teacher fetch cifar10-wide-resnet-34-10 --from model_cifar_wrn.pt",
      }),
    );
}

/** `mtard teacher fetch`: brings in a described teacher. */
export async function runFetch(args: HandlerArguments<typeof fetchOptions>): Promise<void> {
  const description = findDescription(args.name);
  if (!description)
    throw new InputError(`no teacher "${args.name}" is described`, {
      expected: listDescriptions()
        .map(({ name }) => name)
        .join(", "),
      found: args.name,
      fix: "mtard teacher list, or bring in your own with mtard teacher import",
    });
  await reportImport(args, (line) =>
    fetchTeacher(description, {
      dataset: classifierShape(findDataset(description.dataset, args.dataDir)),
      teachersDir: args.teachersDir,
      from: args.from,
      force: args.force,
      onDownload: (progress) => line.show(formatDownload(progress)),
      onImport: importProgress(line),
    }),
  );
}
