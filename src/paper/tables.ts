import { attacks } from "../attacks/attacks.js";
import { datasets } from "../data/datasets.js";
import { methods, type MethodId } from "../methods/methods.js";
import { InputError } from "../errors.js";
import { robustnessOf, type PaperDataset, type RobustnessTable } from "./paper.js";
import { table1 } from "./table-1.js";
import { table10 } from "./table-10.js";
import { table11 } from "./table-11.js";
import { table2 } from "./table-2.js";
import { table3 } from "./table-3.js";
import { table4 } from "./table-4.js";
import { table5 } from "./table-5.js";
import { table6 } from "./table-6.js";
import { table7, type VariedRow } from "./table-7.js";
import { table8 } from "./table-8.js";
import { table9 } from "./table-9.js";
import { studentOf } from "../recipes/teachers.js";
import { plainRun, type RowPlan, type RunPlan, type TablePlan } from "./plan.js";
import { accuracyPlan, robustnessPlan, wRobustPlan } from "./robustness-plan.js";

/** The tables that are made here, by number. */
const tables: Readonly<Record<number, (dataset: PaperDataset) => TablePlan>> = {
  1: onCifar10(1, knowledgeScales),
  2: teacherAccuracies,
  3: (dataset) => methodsAgainstAttacks(3, table3, dataset),
  4: (dataset) => methodsAgainstAttacks(4, table4, dataset),
  5: (dataset) => methodsAgainstAttacks(5, table5, dataset),
  6: (dataset) => methodsAgainstAttacks(6, table6, dataset),
  7: onCifar10(7, () =>
    variedSetting(7, "by the initial temperature", "initial temperature", table7, (value) =>
      plainRun("b-mtard", { initialTemperature: value }),
    ),
  ),
  8: onCifar10(8, () =>
    variedSetting(8, "by NLB's exponent beta", "beta", table8, (value) =>
      plainRun("b-mtard", { beta: value }),
    ),
  ),
  9: gradientEstimation,
  10: onCifar10(10, multiTeacherMethods),
  11: onCifar10(11, teacherPairs),
};

/** The numbers of the paper's tables. */
export const tableNumbers = Object.keys(tables).map(Number);

/**
 * The plan of a table of the paper for one of its data sets.
 *
 * @throws {InputError} if the paper has no such table, or it is not of this data set.
 */
export function tablePlan(number: number, dataset: PaperDataset): TablePlan {
  const table = tables[number];
  if (table) return table(dataset);
  throw new InputError(`the paper has no table ${number}`, { expected: tableNumbers.join(", ") });
}

/** A table that the paper has for CIFAR-10 alone. */
function onCifar10(number: number, plan: () => TablePlan): (dataset: PaperDataset) => TablePlan {
  return (dataset) => {
    if (dataset === "cifar10") return plan();
    throw new InputError(`the paper's table ${number} is of CIFAR-10 alone`, {
      expected: "--dataset cifar10",
      found: `--dataset ${dataset}`,
    });
  };
}

/** Table 2. */
function teacherAccuracies(dataset: PaperDataset): TablePlan {
  const rows = table2
    .filter((row) => row.dataset === dataset)
    .map(({ network, role, clean, robust }) => ({
      label: `${role} teacher (paper: ${network})`,
      of: { teacher: role },
      clean,
      robust,
    }));
  return {
    number: 2,
    title: `the teachers (paper: ${datasets[dataset].title})`,
    rowHeading: "teacher",
    student: studentOf(dataset),
    ...accuracyPlan(["fgsm", "pgd-sat", "pgd-trades", "cw", "aa"], rows),
    attackChanges: {},
    notes: [],
  };
}

/** Queries per image of the paper's black-box attacks (section 4.1). */
const QUERIES = 100;

/** Tables 3 to 6. */
function methodsAgainstAttacks(number: number, table: RobustnessTable, dataset: PaperDataset): TablePlan {
  const block = table.blocks.find((each) => each.dataset === dataset);
  if (!block) throw new Error(`table ${number} has no ${dataset}`);
  const rows = block.rows.map((row) => ({
    label: methods[row[0]].title,
    run: plainRun(row[0]),
    clean: row[1],
    attacks: Object.fromEntries(table.attacks.map((attack) => [attack, robustnessOf(table, row, attack)])),
  }));
  return {
    number,
    title: `${number < 5 ? "white-box" : "black-box"} robustness (paper: ${datasets[dataset].title}, ${block.student})`,
    rowHeading: "method",
    student: block.student,
    ...robustnessPlan(table.attacks, rows),
    attackChanges: number < 5 ? {} : { square: { queries: QUERIES }, rays: { queries: QUERIES } },
    notes:
      number < 5
        ? []
        : ["Transfer attacks are made on the robust teacher; Square and RayS have 100 queries an image."],
  };
}

/** By Theorem 1, and by the entropy that the scripts compute. */
const KNOWLEDGE_SCALES = ["K", "K with 1e-5"];

/** Table 1: the knowledge scale of both teachers, of a run with fixed temperatures (MTARD) and one with EBB (B-MTARD). */
function knowledgeScales(): TablePlan {
  const [clean, robust] = table1;
  const row = (
    label: string,
    of: "nat" | "adv" | "gap",
    noBalance: number,
    afterBalance: number,
  ): RowPlan => {
    const cell = (method: MethodId, paper: number) =>
      (["theorem", "scripts"] as const).map((entropy) => ({
        of: plainRun(method),
        measure: { kind: "knowledgeScale", of, entropy } as const,
        paper,
        paperMean: null,
      }));
    return { label, cells: [cell("mtard", noBalance), cell("b-mtard", afterBalance)] };
  };
  const rows = [
    row(`clean teacher (paper: ${clean.teacher})`, "nat", clean.noBalance, clean.afterBalance),
    row(`robust teacher (paper: ${robust.teacher})`, "adv", robust.noBalance, robust.afterBalance),
    row(
      "gap",
      "gap",
      Math.abs(clean.noBalance - robust.noBalance),
      Math.abs(clean.afterBalance - robust.afterBalance),
    ),
  ];
  return {
    number: 1,
    title: "knowledge scale of the teachers in the final epoch (paper: CIFAR-10)",
    rowHeading: "teacher",
    student: "resnet-18",
    sections: [
      { title: "No balance", measures: [...KNOWLEDGE_SCALES], unit: "nats" },
      { title: "After balance", measures: [...KNOWLEDGE_SCALES], unit: "nats" },
    ],
    rows,
    attackChanges: {},
    notes: [
      "K = log C - H(P), the mean over the final epoch: no balance is MTARD's run, after balance B-MTARD's.",
      "K with 1e-5 has the scripts' entropy, of p log(p + 1e-5); the paper does not say which of the two its numbers are.",
    ],
  };
}

/** Tables 7 and 8. */
function variedSetting(
  number: number,
  title: string,
  rowHeading: string,
  printed: readonly VariedRow[],
  runOf: (value: number) => RunPlan,
): TablePlan {
  const rows = printed.map(({ value, clean, attacks }) => ({
    label: String(value),
    run: runOf(value),
    clean,
    attacks,
  }));
  return {
    number,
    title: `B-MTARD ${title} (paper: CIFAR-10, resnet-18)`,
    rowHeading,
    student: "resnet-18",
    ...robustnessPlan(["pgd-sat", "pgd-trades", "cw"], rows),
    attackChanges: {},
    notes: [],
  };
}

/** Table 9. */
function gradientEstimation(dataset: PaperDataset): TablePlan {
  return {
    number: 9,
    title: `the gradient-estimation attack (paper: ${datasets[dataset].title}, ${studentOf(dataset)})`,
    rowHeading: "attack",
    student: studentOf(dataset),
    sections: [{ title: "Robust accuracy of B-MTARD", measures: ["Robust"], unit: "%" }],
    rows: table9.map(({ attack, robust }) => ({
      label: attacks[attack].title,
      cells: [
        [
          {
            of: plainRun("b-mtard"),
            measure: { kind: "robust", attack },
            paper: robust[dataset],
            paperMean: null,
          },
        ],
      ],
    })),
    attackChanges: {},
    notes: [],
  };
}

/** Table 10. */
function multiTeacherMethods(): TablePlan {
  const rows = table10.map(({ method, wRobust }) => ({
    label: methods[method].title,
    run: plainRun(method),
    wRobust,
  }));
  return {
    number: 10,
    title: "multi-teacher distillation methods (paper: CIFAR-10, resnet-18)",
    rowHeading: "method",
    student: "resnet-18",
    ...wRobustPlan(["fgsm", "pgd-sat", "pgd-trades", "cw", "aa"], rows),
    attackChanges: {},
    notes: [],
  };
}

/** Table 11. */
function teacherPairs(): TablePlan {
  const [first] = table11;
  if (!first) throw new Error("table 11 has no rows");
  const rows = table11.map(({ cleanTeacher, robustTeacher, wRobust }) => ({
    label: `${cleanTeacher} and ${robustTeacher}`,
    run: {
      ...plainRun("b-mtard"),
      teachers: {
        clean: cleanTeacher === first.cleanTeacher ? "first" : "second",
        robust: robustTeacher === first.robustTeacher ? "first" : "second",
      },
    } as const,
    wRobust,
  }));
  return {
    number: 11,
    title: "B-MTARD with other teachers (paper: CIFAR-10, resnet-18)",
    rowHeading: "clean and robust teacher",
    student: "resnet-18",
    ...wRobustPlan(["pgd-sat", "pgd-trades", "cw"], rows),
    attackChanges: {},
    notes: [],
  };
}
