import { datasetIds, ownDatasetIds } from "../data/datasets.js";
import { readStoreRecord } from "../data/store.js";
import { diagnoseMachine, type Check } from "../runtime/diagnosis.js";
import { listTeachers } from "../teacher/store.js";
import type { CommandBody } from "./usages.js";
import { type GlobalArguments, printResult, suggest } from "./output.js";
import { formatRows } from "./text-table.js";

/** `mtard doctor`: what runs here, and what to do about what does not. */
export const doctorCommand: CommandBody = {
  handler: (args) => runDoctor(args as unknown as GlobalArguments),
};

async function runDoctor(args: GlobalArguments): Promise<void> {
  const checks = [
    ...(await diagnoseMachine()),
    storeCheck("data sets", "mtard data demo", () => describeData(args.dataDir)),
    storeCheck("teachers", "mtard teacher import --help", () => describeTeachers(args.teachersDir)),
  ];
  const ok = checks.every(({ status }) => status !== "broken");
  printResult(args, { ok, checks }, formatRows(checks.flatMap(rows)));
  if (!ok) process.exitCode = 1;
  suggest(checks.find(({ status }) => status === "broken")?.fix ?? "mtard demo");
}

function rows({ name, status, found, fix }: Check): string[][] {
  const line = [status, name, found];
  return fix === undefined ? [line] : [line, ["", "", `fix: ${fix}`]];
}

/** A store that is empty or cannot be read is a warning: the program can fill it. */
function storeCheck(name: string, fix: string, describe: () => string): Check {
  try {
    const found = describe();
    return found === "" ? { name, status: "warning", found: "none yet", fix } : { name, status: "ok", found };
  } catch (error) {
    return { name, status: "warning", found: error instanceof Error ? error.message : String(error), fix };
  }
}

function describeData(dataDir: string): string {
  return [...datasetIds, ...ownDatasetIds(dataDir)]
    .flatMap((id) => {
      const record = readStoreRecord(id, dataDir);
      return record === null ? [] : [`${id} (${record.train} train, ${record.test} test)`];
    })
    .join(", ");
}

function describeTeachers(teachersDir: string): string {
  return listTeachers(teachersDir)
    .map((teacher) =>
      "error" in teacher ? `${teacher.name} (broken: ${teacher.error.message})` : teacher.name,
    )
    .join(", ");
}
