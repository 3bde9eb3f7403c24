import { join, sep } from "node:path";
import { InputError } from "../errors.js";
import { tidyPlace } from "../files/folder.js";
import { isThere, kindOf } from "../files/kind.js";
import { didYouMean } from "../nearest.js";
import { builtInFolder, builtInTeachers } from "./built-in.js";
import { findDescription, howToGet, listDescriptions } from "./descriptions.js";
import { MANIFEST_FILE } from "./manifest.js";
import { listTeachers } from "./store.js";

/** Where a teacher is: a folder with its manifest, or a bare .onnx file. */
export type TeacherReference =
  { readonly kind: "folder"; readonly folder: string } | { readonly kind: "file"; readonly path: string };

/**
 * Finds the teacher a person named: a name in the store, a teacher's folder, or a file, which need not exist if it is called .onnx.
 *
 * @throws {InputError} if there is no such teacher; the error lists those in the store.
 */
export function findTeacher(named: string, teachersDir: string): TeacherReference {
  if (isOnnxName(named) && kindOf(named) !== "folder") return { kind: "file", path: named };
  if (isName(named)) tidyPlace(join(teachersDir, named));
  const candidates = [
    ...(isName(named) ? [join(teachersDir, named)] : []),
    named,
    ...(builtInTeachers.includes(named) ? [builtInFolder(named)] : []),
  ];
  const folder = candidates.find((candidate) => isThere(join(candidate, MANIFEST_FILE)));
  if (folder !== undefined) return { kind: "folder", folder };
  // Whatever it is called: what it is not is said when it is read.
  if (kindOf(named) === "file") return { kind: "file", path: named };
  const description = findDescription(named);
  // RobustBench's way to write a name is not the store's.
  if (description && description.name !== named) return findTeacher(description.name, teachersDir);
  if (description)
    throw new InputError(`the teacher "${named}" is described, but not in the store`, {
      expected: join(teachersDir, named, MANIFEST_FILE),
      found: "no such file",
      fix: howToGet(description),
    });
  const names = listTeachers(teachersDir).map(({ name }) => name);
  throw new InputError(`there is no teacher "${named}"${didYouMean(named, knownTeachers(teachersDir))}`, {
    expected:
      names.length > 0 ? `one of ${names.join(", ")}` : `a teacher in ${teachersDir}, or an .onnx file`,
    found: isThere(named) ? `no ${MANIFEST_FILE} in ${named}` : "nothing of that name",
    fix: "mtard teacher list, or mtard teacher import",
  });
}

/** The names of the teachers in the store, then of those that are described only. */
export function knownTeachers(teachersDir: string): string[] {
  const there = listTeachers(teachersDir).map(({ name }) => name);
  const described = listDescriptions().map(({ name }) => name);
  return [...there, ...described.filter((name) => !there.includes(name))];
}

/** Whether a path is called what ONNX models are, packed by gzip or not. */
export function isOnnxName(path: string): boolean {
  return /\.onnx(\.gz)?$/i.test(path);
}

function isName(named: string): boolean {
  return !named.includes("/") && !named.includes(sep) && named !== "." && named !== "..";
}

/** The folder or file that a reference points to. */
export function pathOf(reference: TeacherReference): string {
  return reference.kind === "folder" ? reference.folder : reference.path;
}
