import type { CommandModule } from "yargs";
import { InputError } from "../errors.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { checkpointOption, examples } from "./options.js";
import { printResult, type GlobalArguments } from "./output.js";

interface ExportArguments extends GlobalArguments {
  run: string;
  to: "onnx" | "safetensors";
  out: string;
  checkpoint: "best" | "last";
}

/** `mtard export RUN`: a run's student as ONNX or safetensors. */
export const exportCommand: CommandModule = {
  command: "export <run>",
  describe: "write a run's student (or a teacher) as ONNX or safetensors",
  builder: (yargs) =>
    yargs
      .positional("run", {
        type: "string",
        demandOption: true,
        describe: "a run directory or a teacher's name",
      })
      .option("to", {
        choices: ["onnx", "safetensors"] as const,
        demandOption: true,
        requiresArg: true,
        describe: "the format",
      })
      .option("out", { type: "string", demandOption: true, requiresArg: true, describe: "the file to write" })
      .option("checkpoint", checkpointOption)
      .epilogue(
        examples({
          "for ONNX Runtime, or as a teacher": "mtard export runs/demo --to onnx --out student.onnx",
        }),
      ),
  handler: (args) => runExport(args as unknown as ExportArguments),
};

async function runExport(args: ExportArguments): Promise<void> {
  prepareNativeLibraries("cpu", threadCount());
  const [{ openSubject }, { exportSubject }] = await Promise.all([
    import("../subject/subject.js"),
    import("../subject/export.js"),
  ]);
  const subject = await openSubject(args.run, args);
  if (subject.kind === "foreign") {
    throw new InputError(`"${subject.name}" is already an ONNX model of another origin`, {
      expected: "a run directory, or a teacher imported with --network",
    });
  }
  const difference = await exportSubject(subject, args.to, args.out);
  const checked =
    difference === null
      ? ""
      : `; ONNX Runtime's logits are within ${difference.toExponential(1)} of the student's`;
  printResult(
    args,
    { model: subject.name, network: subject.network.id, format: args.to, file: args.out, difference },
    `${args.out}: ${subject.network.id} as ${args.to}${checked}`,
  );
}
