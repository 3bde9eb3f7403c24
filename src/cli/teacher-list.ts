import type { Argv } from "yargs";
import { findDataset } from "../data/datasets.js";
import { howToGet, listDescriptions, type TeacherDescription } from "../teacher/descriptions.js";
import { listTeachers } from "../teacher/store.js";
import type { TeacherManifest } from "../teacher/manifest.js";
import type { TeacherRole } from "../methods/method.js";
import { formatAccuracy, percent } from "./accuracy.js";
import { datasetOption, type HandlerArguments, roleOption } from "./options.js";
import { type GlobalArguments, log, printResult, suggest } from "./output.js";
import { formatTable } from "./text-table.js";

/** The options of `mtard teacher list`. */
export function listOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .option("dataset", { ...datasetOption, describe: "only teachers for this data set" })
    .option("role", { ...roleOption, describe: "only teachers meant for this" });
}

/** `mtard teacher list`: the teachers in the store, then the described ones that are not there. */
export function runList(args: HandlerArguments<typeof listOptions>): void {
  const dataset = args.dataset === undefined ? undefined : findDataset(args.dataset).id;
  const wanted = (teacher: { dataset: string; role?: TeacherRole | undefined }): boolean =>
    (dataset === undefined || teacher.dataset === dataset) &&
    (args.role === undefined || teacher.role === args.role);

  const listed = listTeachers(args.teachersDir);
  const broken = listed.flatMap((entry) => ("error" in entry ? [entry] : []));
  const teachers = listed.flatMap((entry) => ("manifest" in entry ? [entry.manifest] : [])).filter(wanted);
  const absent = listDescriptions()
    .filter(({ name }) => !listed.some((entry) => entry.name === name))
    .filter(wanted);
  for (const { error } of broken) log(error.report());
  printResult(
    args,
    {
      teachers,
      described: absent.map((description) => ({ ...description, get: howToGet(description) })),
      broken: broken.map(({ name, error }) => ({ name, message: error.message, ...error.detail })),
    },
    [
      teachers.length === 0
        ? `no teachers${dataset ? ` for ${dataset}` : ""} in ${args.teachersDir}`
        : storedTable(teachers),
      ...(absent.length === 0 ? [] : [absentTable(absent)]),
    ].join("\n\n"),
  );
  const [one] = teachers;
  suggest(
    one ? `mtard teacher show ${one.name}` : "mtard teacher fetch NAME, or mtard teacher import --help",
  );
}

function storedTable(teachers: readonly TeacherManifest[]): string {
  return formatTable([
    ["NAME", "DATASET", "ROLE", "NETWORK", "CLEAN", "ROBUST"],
    ...teachers.map(({ name, dataset, role, network, measured, robust = [] }) => [
      name,
      dataset,
      role ?? "-",
      network ?? "(ONNX)",
      measured ? formatAccuracy(measured) : "not measured",
      robust.map(({ attack, correct, total }) => `${percent(correct / total)} ${attack}`).join(", "),
    ]),
  ]);
}

function absentTable(descriptions: readonly TeacherDescription[]): string {
  return formatTable([
    ["NOT HERE", "DATASET", "ROLE", "NETWORK", "PUBLISHED", "BRING IT WITH"],
    ...descriptions.map(({ name, dataset, role, network, expected, published }) => [
      name,
      dataset,
      role,
      network,
      `${(expected[0]?.clean ?? NaN).toFixed(2)}%`,
      `mtard teacher fetch ${name}${published?.url === undefined ? " (says how)" : ""}`,
    ]),
  ]);
}
