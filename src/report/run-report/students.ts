import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { InputError } from "../../errors.js";
import { openModelStore } from "../../evaluation/model-store.js";
import { isFinished } from "../../evaluation/record.js";
import type { KeptRecord } from "../../evaluation/store.js";
import { openModel } from "../../model/model.js";
import type { StudentChoice } from "../../model/run-student.js";
import { studentChoiceNames } from "../../model/student-choices.js";
import { RUN_FILES, type RunDescription } from "../../run/run-directory.js";

/** A student of a run that is there, and what was measured of it. */
export interface MeasuredStudent {
  /** What a call names it; several where they are the same, as the best student may be the last one. */
  readonly choices: readonly StudentChoice[];
  /** The SHA-256 of its layers and weights, in lower-case hex. */
  readonly identity: string;
  readonly classes: number;
  /** The finished measurements of it on the data that the run was trained on. */
  readonly records: readonly KeptRecord[];
}

/** The file that each student is in. */
const FILES: Readonly<Record<StudentChoice, string>> = {
  best: RUN_FILES.best,
  last: RUN_FILES.last,
  "best-averaged": RUN_FILES.bestAveraged,
  "last-averaged": RUN_FILES.last,
};

/**
 * Reads which students a run has, and their measurements; no engine starts. Measurements of an earlier best student, or of the data set as
 * it was prepared at another time, say nothing about this one and are left out.
 *
 * @param say Called with a message for each student that cannot be read, and about measurements of an older mtard.
 */
export async function readStudents(
  folder: string,
  { settings, inputs }: RunDescription,
  say: (text: string) => void,
): Promise<MeasuredStudent[]> {
  const students = new Map<string, MeasuredStudent>();
  for (const choice of studentChoiceNames) {
    const isAveraged = choice === "best-averaged" || choice === "last-averaged";
    if ((isAveraged && settings.ema === 0) || !existsSync(join(folder, FILES[choice]))) continue;
    try {
      const model = await openModel({ kind: "run", folder }, { checkpoint: choice });
      const known = students.get(model.identity);
      const store = known ? null : openModelStore(model, dirname(folder), students.size === 0 ? say : silent);
      const records =
        known?.records ??
        store
          ?.list(model.identity, model.classes)
          .filter(({ key, record }) => key.data === inputs.data && isFinished(key, record)) ??
        [];
      const { identity, classes } = model;
      students.set(identity, { identity, classes, records, choices: [...(known?.choices ?? []), choice] });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      say(`its ${choice} student is not shown: ${error.message}`);
    }
  }
  return [...students.values()];
}

/** The best student, with its own weights; undefined where the run has none yet. */
export function bestOf(students: readonly MeasuredStudent[]): MeasuredStudent | undefined {
  return students.find(({ choices }) => choices.includes("best"));
}

/** What a student is called on a page. */
export function studentTitle({ choices }: Pick<MeasuredStudent, "choices">): string {
  return choices.join(", ");
}

const silent = (): void => undefined;
