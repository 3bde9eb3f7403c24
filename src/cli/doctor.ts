import type { CommandModule } from "yargs";
import { datasetIds } from "../data/datasets.js";
import type { Check } from "../runtime/diagnosis.js";
import { formatTable, type GlobalArguments, printResult } from "./output.js";

/** `mtard doctor`: what runs here, and what to do about what does not. */
export const doctorCommand: CommandModule = {
  command: "doctor",
  describe: "say what runs on this machine and what to fix",
  handler: (args) => runDoctor(args as unknown as GlobalArguments),
};

async function runDoctor(args: GlobalArguments): Promise<void> {
  const { diagnoseMachine } = await import("../runtime/diagnosis.js");
  const checks = [
    ...(await diagnoseMachine()),
    await storeCheck("data sets", "mtard data demo", () => describeData(args.dataDir)),
    await storeCheck("teachers", "mtard teacher import --help", () => describeTeachers(args.teachersDir)),
  ];
  const ok = checks.every(({ status }) => status !== "broken");
  printResult(args, { ok, checks }, formatTable(checks.flatMap(rows)));
  if (!ok) process.exitCode = 1;
}

function rows({ name, status, found, fix }: Check): string[][] {
  const line = [status, name, found];
  return fix === undefined ? [line] : [line, ["", "", `fix: ${fix}`]];
}

/** A store that is empty or cannot be read is a warning: the program can fill it. */
async function storeCheck(name: string, fix: string, describe: () => Promise<string>): Promise<Check> {
  try {
    const found = await describe();
    return found === "" ? { name, status: "warning", found: "none yet", fix } : { name, status: "ok", found };
  } catch (error) {
    return { name, status: "warning", found: error instanceof Error ? error.message : String(error), fix };
  }
}

async function describeData(dataDir: string): Promise<string> {
  const { readStoreRecord } = await import("../data/store.js");
  return datasetIds
    .flatMap((id) => {
      const record = readStoreRecord(id, dataDir);
      return record === null ? [] : [`${id} (${record.train} train, ${record.test} test)`];
    })
    .join(", ");
}

async function describeTeachers(teachersDir: string): Promise<string> {
  const { listTeachers } = await import("../teacher/store.js");
  return listTeachers(teachersDir)
    .map((teacher) =>
      "error" in teacher ? `${teacher.name} (broken: ${teacher.error.message})` : teacher.name,
    )
    .join(", ");
}
