import { InputError } from "../errors.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { normalizationText } from "../weights/stored-normalization.js";
import { requireFilePath } from "../files/atomic.js";
import { exportFormats, exportModel, type ExportFormat } from "../model/export.js";
import { openModel } from "../model/model.js";
import { findModel } from "../model/reference.js";
import type { StudentChoice } from "../model/run-student.js";
import type { CommandBody } from "./usages.js";
import { checkpointOption, examples } from "./options.js";
import { printResult, type GlobalArguments, shellWord, suggest } from "./output.js";

interface ExportArguments extends GlobalArguments {
  run: string;
  to: ExportFormat;
  out: string;
  checkpoint: StudentChoice;
}

/** `mtard export RUN`: a run's student or a teacher as ONNX, safetensors or npz. */
export const exportCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .positional("run", {
        type: "string",
        demandOption: true,
        describe: "a run directory or a teacher's name",
      })
      .option("to", {
        choices: exportFormats,
        demandOption: true,
        requiresArg: true,
        describe: "the format",
      })
      .option("out", { type: "string", demandOption: true, requiresArg: true, describe: "the file to write" })
      .option("checkpoint", checkpointOption)
      .epilogue(
        examples({
          "for ONNX Runtime, or as a teacher": "mtard export runs/demo --to onnx --out student.onnx",
          "for numpy.load, by PyTorch's names": "mtard export runs/demo --to npz --out student.npz",
        }),
      ),
  handler: (args) => runExport(args as unknown as ExportArguments),
};

async function runExport(args: ExportArguments): Promise<void> {
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
