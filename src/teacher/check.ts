import { join } from "node:path";
import { WorkError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic.js";
import { isBuiltIn } from "./built-in.js";
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

/** How a measurement compares with the manifest's; `other total` also means another seed, `recorded` that the manifest now has it. */
export type Comparison = "recorded" | "other total" | "equal" | "borderline" | "no manifest";

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
 * Compares measurements with those in a teacher's manifest, and records each that is missing there or was made on fewer images.
 *
 * @param folder The teacher's folder, or null for a bare .onnx file; there, and in the package's own teachers, nothing is recorded.
 * @throws {InputError} if the manifest cannot be read; {@link WorkError} if the same images gave another accuracy, beyond what other kernels explain.
 */
export function compareAndRecord(
  name: string,
  folder: string | null,
  clean: MeasuredAccuracy,
  robust: readonly MeasuredRobustness[],
): CheckedTeacher {
  const manifest = folder === null ? null : readManifest(folder);
  const known = manifest?.robust ?? [];
  const same = (one: MeasuredRobustness, other: MeasuredRobustness): boolean =>
    one.attack === other.attack && one.epsilon === other.epsilon;
  const recordable = folder !== null && !isBuiltIn(folder);
  const compare = comparer(name, recordable);
  const checked: CheckedTeacher = {
    clean: compare(manifest?.measured, clean, BORDERLINE * clean.total, "right"),
    robust: robust.map((measured) => {
      const before = known.find((each) => same(each, measured));
      const borderline = Math.max(ATTACK_BORDERLINE.images, ATTACK_BORDERLINE.share * measured.total);
      return compare(before, measured, borderline, `right under ${measured.attack}`);
    }),
  };
  const recorded = checked.robust.filter(isRecorded).map(({ measured }) => measured);
  if (!recordable || !manifest || (recorded.length === 0 && !isRecorded(checked.clean))) return checked;
  const kept = known.filter((each) => !recorded.some((measured) => same(each, measured)));
  const updated: TeacherManifest = {
    ...manifest,
    ...(isRecorded(checked.clean) ? { measured: clean } : {}),
    ...(recorded.length > 0 ? { robust: [...kept, ...recorded] } : {}),
  };
  writeFileAtomically(join(folder, MANIFEST_FILE), formatManifest(updated));
  return checked;
}

function comparer(name: string, recordable: boolean) {
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
    if (!recordable) return compared("no manifest");
    return compared(!before || before.total < measured.total ? "recorded" : "other total");
  };
}

function isRecorded({ comparison }: Compared<unknown>): boolean {
  return comparison === "recorded";
}
