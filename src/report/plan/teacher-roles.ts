import type { MethodId } from "../../methods/ids.js";

export type TeacherRole = "clean" | "robust";

/** The teachers each method asks; apart from the methods themselves, so that planning loads no native library. */
export const teacherRoles: Readonly<Record<MethodId, readonly TeacherRole[]>> = {
  natural: [],
  sat: [],
  trades: [],
  score: [],
  ard: ["robust"],
  rslad: ["robust"],
  "fair-ard": ["robust"],
  absld: ["robust"],
  lmtn: ["clean", "robust"],
  baseline: ["clean", "robust"],
  "baseline-ebb": ["clean", "robust"],
  mtard: ["clean", "robust"],
  "b-mtard": ["clean", "robust"],
};
