import { accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";
import { WorkError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic.js";
import { waitForPlace } from "../files/folder.js";
import { isBuiltIn } from "./built-in.js";
import { teacherSha256 } from "./load.js";
import {
  formatManifest,
  MANIFEST_FILE,
  readManifest,
  type MeasuredAccuracy,
  type MeasuredRobustness,
  type TeacherManifest,
} from "./manifest.js";

/** The share of images, all borderline, on which other kernels or another device may differ: 0.1%. */
const BORDERLINE = 1e-3;
/** The same under attack, where gradients near zero also change sign and the steps differ: 1%, or two images. */
const ATTACK_BORDERLINE = { share: 1e-2, images: 2 };

/**
 * How a measurement compares with the manifest's; `other total` also means another seed, `recorded` that the manifest now has it, `replaced`
 * that it is another teacher's by now, `read-only` that this user may not write to the teacher.
 */
export type Comparison =
  "recorded" | "other total" | "equal" | "borderline" | "no manifest" | "read-only" | "replaced";

/** A measured accuracy beside the manifest's. */
export interface Compared<Measured> {
  readonly measured: Measured;
  readonly before: Measured | null;
  readonly comparison: Comparison;
}

/** What a check found about a teacher. */
export interface CheckedTeacher {
  readonly clean: Compared<MeasuredAccuracy>;
  readonly robust: readonly Compared<MeasuredRobustness>[];
}

/**
 * Compares measurements with those in a teacher's manifest, and records each that is missing there or was made on fewer images. The manifest
 * is read and written while nobody else writes to the teacher, and a newer teacher of the same name keeps its own.
 *
 * @param folder The teacher's folder, or null for a bare .onnx file; there, and in the package's own teachers, nothing is recorded.
 * @param model What was measured, as `teacherSha256` names it; null for a bare file.
 * @throws {InputError} if the manifest cannot be read; {@link WorkError} if the same images gave another accuracy, beyond what other kernels explain.
 */
export async function compareAndRecord(
  name: string,
  folder: string | null,
  model: string | null,
  clean: MeasuredAccuracy,
  robust: readonly MeasuredRobustness[],
): Promise<CheckedTeacher> {
  const compare = (manifest: TeacherManifest | null): CheckedTeacher =>
    compared(name, manifest, recordingIn(folder), model, clean, robust);
  const checked = compare(folder === null ? null : readManifest(folder));
  if (folder === null || !measurementsOf(checked).some(isRecorded)) return checked;
  const place = await waitForPlace(folder, () => undefined);
  try {
    const manifest = readManifest(folder);
    const recorded = compare(manifest);
    const robustly = recorded.robust.filter(isRecorded).map(({ measured }) => measured);
    const kept = (manifest.robust ?? []).filter(
      (each) => !robustly.some((measured) => isSame(each, measured)),
    );
    const updated: TeacherManifest = {
      ...manifest,
      ...(isRecorded(recorded.clean) ? { measured: clean } : {}),
      ...(robustly.length > 0 ? { robust: [...kept, ...robustly] } : {}),
    };
    if (measurementsOf(recorded).some(isRecorded))
      writeFileAtomically(join(folder, MANIFEST_FILE), formatManifest(updated));
    return recorded;
  } finally {
    place.release();
  }
}

/** What comes of a first measurement of the teacher in a folder. */
type Recording = Extract<Comparison, "recorded" | "no manifest" | "read-only">;

function recordingIn(folder: string | null): Recording {
  if (folder === null || isBuiltIn(folder)) return "no manifest";
  try {
    // Beside the folder lies the lock of who writes into it.
    for (const each of [folder, dirname(folder)]) accessSync(each, constants.W_OK);
    return "recorded";
  } catch {
    return "read-only";
  }
}

function compared(
  name: string,
  manifest: TeacherManifest | null,
  recording: Recording,
  model: string | null,
  clean: MeasuredAccuracy,
  robust: readonly MeasuredRobustness[],
): CheckedTeacher {
  const isReplaced = manifest !== null && teacherSha256(manifest) !== model;
  const compare = comparer(name, recording, isReplaced);
  return {
    clean: compare(manifest?.measured, clean, BORDERLINE * clean.total, "right"),
    robust: robust.map((measured) => {
      const before = manifest?.robust?.find((each) => isSame(each, measured));
      const borderline = Math.max(ATTACK_BORDERLINE.images, ATTACK_BORDERLINE.share * measured.total);
      return compare(before, measured, borderline, `right under ${measured.attack}`);
    }),
  };
}

function measurementsOf({ clean, robust }: CheckedTeacher): readonly Compared<unknown>[] {
  return [clean, ...robust];
}

function isSame(one: MeasuredRobustness, other: MeasuredRobustness): boolean {
  return one.attack === other.attack && one.epsilon === other.epsilon;
}

function comparer(name: string, recording: Recording, isReplaced: boolean) {
  return <Measured extends MeasuredAccuracy & { seed?: number }>(
    before: Measured | undefined,
    measured: Measured,
    borderline: number,
    right: string,
  ): Compared<Measured> => {
    const compared = (comparison: Comparison): Compared<Measured> => ({
      measured,
      before: before ?? null,
      comparison,
    });
    if (isReplaced) return { ...compared("replaced"), before: null };
    if (before?.total === measured.total && before.seed === measured.seed) {
      const difference = Math.abs(before.correct - measured.correct);
      if (difference === 0) return compared("equal");
      if (difference <= borderline) return compared("borderline");
      throw new WorkError(`teacher "${name}" does not score what its manifest says`, {
        expected: `${before.correct} of ${before.total} test images ${right}`,
        found: `${measured.correct} of ${measured.total}`,
        fix: "check that the data are the same (mtard data), then import the teacher again with --force",
      });
    }
    if (recording === "no manifest") return compared(recording);
    return compared(!before || before.total < measured.total ? recording : "other total");
  };
}

function isRecorded({ comparison }: Compared<unknown>): boolean {
  return comparison === "recorded";
}
