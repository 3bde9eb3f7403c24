import type { Argv } from "yargs";
import { findDataset } from "../data/datasets.js";
import {
  describeModel,
  howToGet,
  listDescriptions,
  type TeacherDescription,
} from "../teacher/descriptions.js";
import { absentModels, robustBenchId, robustBenchModels, storeName } from "../teacher/robustbench.js";
import { listTeachers } from "../teacher/store.js";
import type { TeacherManifest } from "../teacher/manifest.js";
import { formatAccuracy, percent } from "./accuracy.js";
import { datasetOption, type HandlerArguments, roleOption } from "./options.js";
import { type GlobalArguments, log, printResult, suggest } from "./output.js";
import { formatTable } from "./text-table.js";

/** The options of `mtard teacher list`. */
export function listOptions(yargs: Argv<GlobalArguments>) {
  return yargs
    .option("dataset", { ...datasetOption, describe: "only teachers for this data set" })
    .option("role", { ...roleOption, describe: "only teachers meant for this" })
    .option("robustbench", {
      type: "boolean",
      default: false,
      describe: "the models of RobustBench that can be fetched, and those that cannot",
    });
}

/** `mtard teacher list`: the teachers in the store, then the described ones that are not there. */
export function runList(args: HandlerArguments<typeof listOptions>): void {
  const dataset = args.dataset === undefined ? undefined : findDataset(args.dataset, args.dataDir).id;
  const wanted = (teacher: { dataset: string; role?: TeacherDescription["role"] | undefined }): boolean =>
    (dataset === undefined || teacher.dataset === dataset) &&
    (args.role === undefined || teacher.role === args.role);

  if (args.robustbench) {
    listRobustBench(args, wanted);
    return;
  }
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
      ...absentTables(absent),
      `${robustBenchModels().length} models of RobustBench: mtard teacher list --robustbench`,
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

/** Teachers, then students: those are to be evaluated, not to teach. */
function absentTables(descriptions: readonly TeacherDescription[]): string[] {
  const students = descriptions.filter(({ role }) => role === "student");
  const teachers = descriptions.filter(({ role }) => role !== "student");
  return [
    ...(teachers.length === 0 ? [] : [absentTable("NOT HERE", teachers)]),
    ...(students.length === 0 ? [] : [absentTable("STUDENTS TO EVALUATE", students)]),
  ];
}

function absentTable(heading: string, descriptions: readonly TeacherDescription[]): string {
  return formatTable([
    [heading, "DATASET", "ROLE", "NETWORK", "PUBLISHED", "BRING IT WITH"],
    ...descriptions.map(({ name, dataset, role, network, expected, published }) => [
      name,
      dataset,
      role,
      network,
      expected[0] === undefined ? "-" : `${expected[0].clean.toFixed(2)}%`,
      `mtard teacher fetch ${name}${published?.url === undefined ? " (says how)" : ""}`,
    ]),
  ]);
}

/** What RobustBench has: of each model whose network is here its numbers, of the others what keeps them away. */
function listRobustBench(
  args: GlobalArguments,
  wanted: (model: { dataset: string; role?: TeacherDescription["role"] | undefined }) => boolean,
): void {
  const models = robustBenchModels().filter((model) => wanted(describeModel(model)));
  const absent = absentModels().filter(({ dataset }) => wanted({ dataset }));
  printResult(
    args,
    {
      robustbench: models.map((model) => ({ ...model, id: robustBenchId(model), teacher: storeName(model) })),
      absent: absent.map((model) => ({ ...model, id: robustBenchId(model) })),
    },
    [
      formatTable([
        ["MODEL", "NETWORK", "CLEAN", "ROBUST"],
        ...models.map((model) => [
          robustBenchId(model),
          model.network,
          `${model.clean.toFixed(2)}%`,
          `${model.robust.toFixed(2)}%`,
        ]),
      ]),
      ...(absent.length === 0
        ? []
        : [
            formatTable([
              ["NO NETWORK OF MTARD", "IT IS"],
              ...absent.map((model) => [robustBenchId(model), model.reason]),
            ]),
          ]),
      "robust: AutoAttack (Linf 8/255, L2 0.5) or common corruptions, as RobustBench states it; bring one with mtard teacher fetch MODEL",
    ].join("\n\n"),
  );
}
