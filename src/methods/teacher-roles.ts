import type { TeacherRole } from "../teacher/manifest.js";
import type { MethodId } from "./ids.js";

/** The teachers each method asks; apart from the methods themselves, so that planning loads no native library. */
export const teacherRolesOf: Readonly<Record<MethodId, readonly TeacherRole[]>> = {
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
