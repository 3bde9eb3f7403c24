import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's own `teachers/` folder, wherever the store is: descriptions, and the teachers of the demo. */
export const PACKAGE_TEACHERS = fileURLToPath(new URL("../../teachers/", import.meta.url));

/** The teachers that come with the package. */
export const builtInTeachers: readonly string[] = ["demo-clean", "demo-robust"];

/** The folder of a teacher that comes with the package; nothing is written there. */
export function builtInFolder(name: string): string {
  return join(PACKAGE_TEACHERS, name);
}

/** Whether a teacher's folder is one that came with the package. */
export function isBuiltIn(folder: string): boolean {
  return builtInTeachers.some((name) => builtInFolder(name) === resolve(folder));
}
