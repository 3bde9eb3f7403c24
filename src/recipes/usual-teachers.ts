import { InputError } from "../errors.js";
import type { TrainingSettings } from "./settings.js";
import { isPapersTeacher, teacherRecipes } from "./teachers.js";
import { findDescription, howToGet } from "../teacher/descriptions.js";
import type { TeacherRole } from "../methods/method.js";
import { teachersFor, teachersFound } from "../teacher/store.js";

/**
 * The teacher taken for a role when none is named: DATASET-ROLE, else the paper's by its name, else the only one that is the paper's by its
 * network and normalisation, else the only one with the paper's network, else the one that stands in for the paper's; null if the store has
 * none of them.
 */
export function usualTeacher(dataset: string, role: TeacherRole, teachersDir: string): string | null {
  const there = teachersFor(dataset, teachersDir);
  const paper = teacherRecipes[dataset];
  const isThere = (name: string | undefined): boolean => there.some((manifest) => manifest.name === name);
  const named = [`${dataset}-${role}`, paper?.[role].name].find(isThere);
  if (named !== undefined) return named;
  const ofNetwork = there.filter(
    (manifest) => manifest.network === paper?.[role].network && (manifest.role ?? role) === role,
  );
  const distinct = paper?.clean.network !== paper?.robust.network;
  const alike = ofNetwork.filter((manifest) => isPapersTeacher(manifest, paper?.[role] ?? null));
  const [only] = [alike, ofNetwork].find(({ length }) => length === 1) ?? [];
  if (distinct && only) return only.name;
  const instead = paper?.[role].instead;
  return instead !== undefined && isThere(instead) ? instead : null;
}

/**
 * The usual teacher of each role.
 *
 * @throws {InputError} if one is not in the store; the error says how to get each missing one.
 */
export function requireUsualTeachers(
  dataset: string,
  roles: readonly TeacherRole[],
  teachersDir: string,
): Partial<Record<TeacherRole, string>> {
  const found = roles.map((role) => [role, usualTeacher(dataset, role, teachersDir)] as const);
  const missing = found.flatMap(([role, name]) => (name === null ? [role] : []));
  if (missing.length > 0) throw missingTeachers(dataset, missing, teachersDir);
  return Object.fromEntries(found);
}

/**
 * The teachers of a training: those that the call names, and the usual ones for the other roles of its method.
 *
 * @throws {InputError} as {@link requireUsualTeachers}.
 */
export function namedOrUsualTeachers(
  dataset: string,
  roles: readonly TeacherRole[],
  named: { readonly cleanTeacher?: string | undefined; readonly robustTeacher?: string | undefined },
  teachersDir: string,
): Pick<TrainingSettings, "cleanTeacher" | "robustTeacher"> {
  const open = roles.filter((role) => named[`${role}Teacher`] === undefined);
  const usual = requireUsualTeachers(dataset, open, teachersDir);
  return {
    cleanTeacher: named.cleanTeacher ?? usual.clean ?? null,
    robustTeacher: named.robustTeacher ?? usual.robust ?? null,
  };
}

function missingTeachers(dataset: string, roles: readonly TeacherRole[], teachersDir: string): InputError {
  const named = roles.map((role) => ({
    role,
    name: teacherRecipes[dataset]?.[role].name ?? `${dataset}-${role}`,
  }));
  const ways = named.map(({ role, name }) => {
    const description = findDescription(name);
    const instead = findDescription(teacherRecipes[dataset]?.[role].instead ?? "");
    return description
      ? `${howToGet(description)}${instead ? ` (or ${howToGet(instead)}, which is another)` : ""}`
      : `mtard teacher import --name ${dataset}-${role} --dataset ${dataset} ...`;
  });
  const options = roles.map((role) => `--${role}-teacher NAME`).join(" ");
  return new InputError(
    `no ${roles.join(" and no ")} teacher is named, and the usual ${roles.length > 1 ? "ones are" : "one is"} not here`,
    {
      expected: `${named.map(({ name }) => name).join(" and ")} in ${teachersDir}, or ${options}`,
      found: teachersFound(dataset, teachersDir),
      fix: ways.join("; and "),
    },
  );
}
