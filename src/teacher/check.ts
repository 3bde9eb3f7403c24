import { join } from "node:path";
import { WorkError } from "../errors.js";
import { writeFileAtomically } from "../runtime/files.js";
import { formatManifest, MANIFEST_FILE, type MeasuredAccuracy, type TeacherManifest } from "./manifest.js";

/** Other kernels or another device may turn the few images that lie on a border: 0.1%. */
const BORDERLINE = 1e-3;

/** How a measurement compares with the manifest's: the first one, of another number of images, or the same. */
export type Comparison = "recorded" | "other total" | "equal" | "borderline";

/**
 * Compares a measurement with the one in a teacher's manifest, and records it there if there is none or it is of more images.
 *
 * @param folder The teacher's folder, or null for a bare .onnx file, where nothing is recorded.
 * @throws {WorkError} if the same number of images gave another accuracy, beyond what other kernels explain.
 */
export function compareAndRecord(
  manifest: TeacherManifest,
  folder: string | null,
  measured: MeasuredAccuracy,
): Comparison {
  const before = manifest.measured;
  if (before?.total === measured.total) {
    const difference = Math.abs(before.correct - measured.correct);
    if (difference === 0) return "equal";
    if (difference <= BORDERLINE * measured.total) return "borderline";
    throw new WorkError(`teacher "${manifest.name}" does not score what its manifest says`, {
      expected: `${before.correct} of ${before.total} test images right`,
      found: `${measured.correct} of ${measured.total}`,
      fix: "check that the data are the same (mtard data), then import the teacher again with --force",
    });
  }
  if (folder === null || (before && before.total > measured.total)) return "other total";
  writeFileAtomically(join(folder, MANIFEST_FILE), formatManifest({ ...manifest, measured }));
  return "recorded";
}
