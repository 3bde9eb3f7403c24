import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { InputError, WorkError } from "../errors.js";
import { tidyPlaces } from "../files/folder.js";
import { isThere } from "../files/kind.js";
import { builtInFolder, builtInTeachers } from "./built-in.js";
import { MANIFEST_FILE, readManifest, type TeacherManifest } from "./manifest.js";

/** A teacher in the store: its manifest, or why that cannot be used. */
export type ListedTeacher =
  | { readonly name: string; readonly manifest: TeacherManifest }
  | { readonly name: string; readonly error: InputError | WorkError };

/** Every teacher in the store, and those that come with the package, by name; a broken one is listed with its error. */
export function listTeachers(teachersDir: string): ListedTeacher[] {
  tidyPlaces(teachersDir);
  const stored = existsSync(teachersDir) ? readdirSync(teachersDir) : [];
  const folders = new Map([
    ...builtInTeachers.map((name) => [name, builtInFolder(name)] as const),
    ...stored
      .filter((name) => !name.startsWith(".") && mayHoldManifest(join(teachersDir, name)))
      .map((name) => [name, join(teachersDir, name)] as const),
  ]);
  return [...folders]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, folder]) => {
      try {
        return { name, manifest: readManifest(folder) };
      } catch (error) {
        if (error instanceof InputError || error instanceof WorkError) return { name, error };
        throw error;
      }
    });
}

/** Whether a folder has a manifest, or may not be looked into. */
function mayHoldManifest(folder: string): boolean {
  try {
    return isThere(join(folder, MANIFEST_FILE));
  } catch {
    return true;
  }
}

/** The usable teachers of a data set in the store, by name. */
export function teachersFor(dataset: string, teachersDir: string): TeacherManifest[] {
  return listTeachers(teachersDir).flatMap((teacher) =>
    "manifest" in teacher && teacher.manifest.dataset === dataset ? [teacher.manifest] : [],
  );
}

/** The teachers of a data set in one phrase, for the `found` of an error. */
export function teachersFound(dataset: string, teachersDir: string): string {
  const names = teachersFor(dataset, teachersDir).map(({ name }) => name);
  return names.length > 0
    ? `for ${dataset}: ${names.join(", ")}`
    : `no teacher for ${dataset} in ${teachersDir}`;
}
