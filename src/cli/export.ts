import { InputError } from "../errors.js";
import { classifierShape, type DatasetDescription, findDataset, isBuiltIn } from "../data/datasets.js";
import { openDataset, readStoreRecord } from "../data/store.js";
import { isFinished } from "../evaluation/record.js";
import { openModelStore } from "../evaluation/model-store.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { normalizationText } from "../weights/stored-normalization.js";
import { requireFilePath } from "../files/atomic.js";
import { exportFormats, exportModel, type ExportFormat } from "../model/export.js";
import { type Model, openModel } from "../model/model.js";
import { findModel } from "../model/reference.js";
import type { StudentChoice } from "../model/run-student.js";
import { handedModel, measuredData } from "../report/handover/facts.js";
import { requireFreeFolder, writeModelFolder } from "../report/handover/folder.js";
import { sampleImages } from "../report/handover/samples.js";
import type { SampleImage } from "../browser/model-facts.js";
import type { CommandBody } from "./usages.js";
import { checkpointOption, datasetOption, examples, runsDirOption } from "./options.js";
import { log, printResult, type GlobalArguments, shellWord, suggest } from "./output.js";

interface ExportArguments extends GlobalArguments {
  run: string;
  to: ExportFormat | "folder";
  out: string;
  checkpoint: StudentChoice;
  dataset: string | undefined;
  license: string | undefined;
  images: boolean | undefined;
  "runs-dir": string;
}

/** `mtard export RUN`: a run's student or a teacher in a folder that can be handed on, or as ONNX, safetensors or npz. */
export const exportCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .positional("run", {
        type: "string",
        demandOption: true,
        describe: "a run directory, a teacher's name or, to a folder, an .onnx file",
      })
      .option("to", {
        choices: [...exportFormats, "folder"] as const,
        default: "folder" as const,
        requiresArg: true,
        describe: "a format, or a folder with the model, a model card and a page that runs it in a browser",
      })
      .option("out", {
        type: "string",
        demandOption: true,
        requiresArg: true,
        describe: "the file or folder to write; a folder of an earlier export is replaced",
      })
      .option("checkpoint", checkpointOption)
      .option("dataset", { ...datasetOption, defaultDescription: "what the model was trained on" })
      .option("license", {
        type: "string",
        requiresArg: true,
        describe: "of the model, for its card, such as mit or cc-by-4.0",
        defaultDescription: "unknown",
      })
      .option("images", {
        type: "boolean",
        describe: "whether a dozen test images stand in the page (--no-images)",
        defaultDescription: "yes, where the data set is here; not Tiny ImageNet's",
      })
      .option("runs-dir", runsDirOption)
      .epilogue(
        examples({
          "to hand on: a card, a page, and the model":
            "mtard export runs/demo --out demo-model --license mit",
          "for ONNX Runtime, or as a teacher": "mtard export runs/demo --to onnx --out student.onnx",
          "for numpy.load, by PyTorch's names": "mtard export runs/demo --to npz --out student.npz",
        }),
      ),
  handler: (args) => runExport(args as unknown as ExportArguments),
};

async function runExport(args: ExportArguments): Promise<void> {
  const { to } = args;
  if (to === "folder") return exportToFolder(args);
  const unused = (["license", "images", "dataset"] as const).find((name) => args[name] !== undefined);
  if (unused !== undefined)
    throw new InputError(`--${unused} is for an export to a folder`, {
      found: `--to ${to}`,
      fix: `leave --${unused} or --to out`,
    });
  await exportToFile({ ...args, to });
}

async function exportToFolder(args: ExportArguments): Promise<void> {
  requireFreeFolder(args.out);
  prepareNativeLibraries("cpu", threadCount());
  const { checkpoint, dataDir, license = null, images } = args;
  const wanted = args.dataset === undefined ? undefined : classifierShape(findDataset(args.dataset, dataDir));
  const model = await openModel(findModel(args.run, args.teachersDir), { dataset: wanted, checkpoint });
  const dataset = args.dataset ?? model.dataset;
  const description = descriptionOf(dataset, model, dataDir);
  const data = description === null ? null : readStoreRecord(description.id, dataDir);
  const fingerprint = measuredData(model, dataset, data?.fingerprint ?? null);
  const records = openModelStore(model, args["runs-dir"], log)
    .list(model.identity, model.classes)
    .filter(({ key, record }) => key.data === fingerprint && isFinished(key, record));
  const samples = description === null || data === null ? [] : samplesOf(description, dataDir, images);
  const handed = handedModel(model, checkpoint, description, records, license);
  const { files, difference, noPage } = await writeModelFolder(args.out, model, handed, samples);
  if (noPage !== null) log(`no page: ${noPage}`);
  else if (samples.length === 0) log("no test images are in the page");
  if (records.length === 0)
    log(
      fingerprint === null
        ? `its card has no numbers: without ${dataset} here, nothing says which measurements are on it`
        : "nothing measured is known of it: its card has no numbers",
    );
  const result = {
    ...{ model: model.name, network: handed.network, format: "folder", folder: args.out, files, difference },
    ...{ images: noPage === null ? samples.length : 0, numbers: handed.measured.length, noPage },
  };
  printResult(args, result, `${args.out}: ${files.join(", ")}`);
  const folder = shellWord(args.out);
  suggest(
    ...(noPage === null ? [`open ${folder}/index.html in a browser`] : []),
    `mtard evaluate ${folder}/model.onnx${description === null ? "" : ` --dataset ${shellWord(description.id)}`}`,
  );
}

/** What is known of the model's data set here; null for another user's own, or where it was made anew with other classes. */
function descriptionOf(dataset: string, { classes }: Model, dataDir: string): DatasetDescription | null {
  try {
    const description = findDataset(dataset, dataDir);
    return description.classNames.length === classes ? description : null;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    log(`the names of the classes are not known: ${error.message}`);
    return null;
  }
}

/** Test images for the page. Those of ImageNet may not be handed on by everybody, so its are asked for. */
function samplesOf(
  { id }: DatasetDescription,
  dataDir: string,
  asked: boolean | undefined,
): readonly SampleImage[] {
  if (!(asked ?? id !== "tiny-imagenet")) return [];
  if (!isBuiltIn(id)) log("a dozen of your test images are in the page (--no-images leaves them out)");
  return sampleImages(openDataset(id, dataDir).test);
}

async function exportToFile(args: ExportArguments & { to: ExportFormat }): Promise<void> {
  requireFilePath(args.out, `model.${args.to}`);
  prepareNativeLibraries("cpu", threadCount());
  const { name, dataset, known } = await openModel(findModel(args.run, args.teachersDir), {
    checkpoint: args.checkpoint,
  });
  if (!known) {
    throw new InputError(`"${name}" is already an ONNX model of another origin`, {
      expected: "a run directory, or a teacher imported with --network",
    });
  }
  const { network } = known;
  const difference = await exportModel({ ...known, dataset }, args.to, args.out);
  const normalization = network.normalization ?? null;
  const outside = args.to === "onnx" ? null : normalization;
  const checked =
    difference === null
      ? ""
      : `; ONNX Runtime's logits are within ${difference.toExponential(1)} of the student's`;
  const left = outside === null ? "" : `; import it with its normalisation: ${normalizationText(outside)}`;
  printResult(
    args,
    { model: name, network: network.id, format: args.to, file: args.out, normalization, difference },
    `${args.out}: ${network.id} as ${args.to}${checked}${left}`,
  );
  const file = shellWord(args.out);
  suggest(
    args.to === "onnx"
      ? `mtard evaluate ${file}`
      : `mtard teacher import --name NAME --dataset ${dataset} --network ${network.id} --weights ${file}`,
  );
}
