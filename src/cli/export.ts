import { InputError } from "../errors.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { normalizationText } from "../weights/stored-normalization.js";
import { requireFilePath } from "../files/atomic.js";
import type { ExportFormat } from "../model/export.js";
import type { CommandBody } from "./commands.js";
import { checkpointOption, examples } from "./options.js";
import { printResult, type GlobalArguments } from "./output.js";

interface ExportArguments extends GlobalArguments {
  run: string;
  to: (typeof formats)[number];
  out: string;
  checkpoint: "best" | "last";
}

/** Named here too, because `subject/export.ts` loads libtensorflow. */
const formats = ["onnx", "safetensors", "npz"] as const satisfies readonly ExportFormat[];

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
        choices: formats,
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
  const [{ openSubject }, { exportSubject }] = await Promise.all([
    import("../model/model.js"),
    import("../model/export.js"),
  ]);
  const subject = await openSubject(args.run, args);
  if (subject.kind === "foreign") {
    throw new InputError(`"${subject.name}" is already an ONNX model of another origin`, {
      expected: "a run directory, or a teacher imported with --network",
    });
  }
  const difference = await exportSubject(subject, args.to, args.out);
  const { name, network } = subject;
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
}
