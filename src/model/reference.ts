import { join } from "node:path";
import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { RUN_FILES } from "../run/run-directory.js";
import { MANIFEST_FILE } from "../teacher/manifest.js";
import { isThere, kindOf } from "../files/kind.js";
import { findTeacher, knownTeachers, type TeacherReference } from "../teacher/reference.js";

/** Where a model is: in a run directory, or in a teacher's folder or file. */
export type ModelReference = { readonly kind: "run"; readonly folder: string } | TeacherReference;

/**
 * Finds the model a user named: a run directory, a teacher's name or folder, or an .onnx file, which need not exist. Commands
 * that take any kind of model read its name here.
 *
 * @throws {InputError} if it is none of these.
 */
export function findModel(named: string, teachersDir: string): ModelReference {
  if (isThere(join(named, RUN_FILES.settings))) return { kind: "run", folder: named };
  try {
    return findTeacher(named, teachersDir);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const near = didYouMean(named, knownTeachers(teachersDir));
    throw new InputError(`"${named}" is neither a run, nor a teacher, nor an .onnx file${near}`, {
      expected: `a run directory, or ${error.detail.expected ?? "a teacher"}`,
      found: foundAt(named),
      fix: "mtard teacher list, or ls runs",
      cause: error,
    });
  }
}

function foundAt(path: string): string {
  return kindOf(path) === null
    ? "nothing of that name"
    : `a folder without ${RUN_FILES.settings} or ${MANIFEST_FILE}`;
}
