import { resolve } from "node:path";
import { InputError } from "../../errors.js";
import type { RunDescription } from "../../run/run-directory.js";
import { type AccuracyRow, accuracyRows, type Usual } from "../run-report/accuracies.js";
import { brief } from "../run-report/names.js";
import { readRunReport, type RunReport } from "../run-report/read.js";
import { bestOf } from "../run-report/students.js";
import { type Agreement, agreementsOf } from "./agreement.js";

/** A run among those compared. */
export interface ComparedRun {
  /** A letter, and what tells the run from the others in few words; no two are alike. */
  readonly letter: string;
  readonly title: string;
  readonly report: RunReport;
  /** The measurements of its best student. */
  readonly accuracies: readonly AccuracyRow[];
}

/** A setting, or what a run was made from, that is not the same in all runs. */
export interface Difference {
  readonly name: string;
  /** A value for each run, in their order. */
  readonly values: readonly unknown[];
}

/** Runs beside each other. */
export interface Comparison {
  readonly runs: readonly ComparedRun[];
  readonly differences: readonly Difference[];
  readonly agreements: readonly Agreement[];
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/** What runs are told apart by in pictures, in this order. */
const TELLING = ["dataset", "method", "student", "seed"] as const;
const LONGEST_TITLE = 40;

/**
 * Reads runs to be compared by their best students. No engine starts, and nothing is written.
 *
 * @throws {InputError} if a folder holds no run or cannot be read, one is named twice, or there are too many.
 */
export async function readComparison(
  folders: readonly string[],
  options: { readonly dataDir: string; readonly say?: (text: string) => void },
): Promise<Comparison> {
  const twice = folders.find((folder, index) =>
    folders.slice(0, index).some((other) => resolve(other) === resolve(folder)),
  );
  if (twice !== undefined)
    throw new InputError(`${twice} is named twice`, { expected: "each run once", found: twice });
  if (folders.length > LETTERS.length)
    throw new InputError("these are too many runs to be compared", {
      expected: `at most ${LETTERS.length}`,
      found: String(folders.length),
    });
  const reports: RunReport[] = [];
  for (const folder of folders) reports.push(await readRunReport(folder, options));
  const titles = titlesOf(reports);
  const bests = reports.map(({ students }) => bestOf(students));
  const keys = bests.flatMap((best) => best?.records.map(({ key }) => key) ?? []);
  const usual = usualOf(reports.map(({ run }) => run.settings));
  const runs = reports.map((report, index): ComparedRun => {
    const best = bests[index];
    return {
      letter: LETTERS[index] ?? "",
      title: `${LETTERS[index] ?? ""}: ${titles[index] ?? ""}`,
      report,
      accuracies: best ? accuracyRows([best], usual, keys) : [],
    };
  });
  return {
    runs,
    differences: differencesOf(reports.map(({ run }) => run)),
    agreements: agreementsOf(runs.map(({ accuracies }) => accuracies)),
  };
}

/** What is usual for the measurements of several runs: what is for each of them. */
export function usualOf(settings: readonly Usual[]): Usual {
  const only = (name: keyof Usual): number | null => {
    const [value = null, ...others] = new Set(settings.map((each) => each[name]));
    return others.length === 0 ? value : null;
  };
  return { evaluationBatch: only("evaluationBatch"), evaluationEpsilon: only("evaluationEpsilon") };
}

function titlesOf(reports: readonly RunReport[]): string[] {
  const settings = reports.map(({ run }) => run.settings);
  const telling = TELLING.filter((name) => settings.some((each) => each[name] !== settings[0]?.[name]));
  return reports.map(({ run, name }) => {
    const parts = telling.map((each) => (each === "seed" ? `seed ${run.settings.seed}` : run.settings[each]));
    return brief(parts.length === 0 ? name : parts.join(", "), LONGEST_TITLE);
  });
}

/** The settings and inputs in which runs differ, in the order in which they are written. */
export function differencesOf(runs: readonly RunDescription[]): Difference[] {
  const values = runs.map(({ settings, inputs }): Record<string, unknown> => {
    const { data, cleanTeacher, robustTeacher, network, init } = inputs;
    const sums = { data, "clean teacher": cleanTeacher, "robust teacher": robustTeacher, network };
    return {
      ...settings,
      ...Object.fromEntries(
        Object.entries(sums).map(([name, sum]) => [`${name}, SHA-256`, sum?.slice(0, 12) ?? null]),
      ),
      "initial weights": init ? `${init.from} (${init.sha256.slice(0, 12)})` : null,
    };
  });
  const names = [...new Set(values.flatMap((each) => Object.keys(each)))];
  return names
    .map((name) => ({ name, values: values.map((each) => each[name] ?? null) }))
    .filter((difference) => new Set(difference.values.map((value) => JSON.stringify(value))).size > 1);
}
