import { join } from "node:path";
import { WorkError } from "../errors.js";
import { writeFileAtomically } from "../runtime/files.js";
import type { Teacher } from "./bridge.js";
import { formatManifest, MANIFEST_FILE, type MeasuredAccuracy, type TeacherManifest } from "./manifest.js";

const BATCH = 128;
/** Other kernels or another device may turn the few images that lie on a border: 0.1%. */
const BORDERLINE = 1e-3;

/** Labelled images: uint8 NHWC, `count` of them. */
export interface LabelledImages {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/**
 * The number of images a teacher classifies right.
 *
 * @param split At least `count` images of the teacher's shape.
 * @param progress Told after every batch how many are done and how many of those right.
 */
export async function measureAccuracy(
  teacher: Teacher,
  split: LabelledImages,
  count: number,
  progress?: (done: number, correct: number) => void,
): Promise<MeasuredAccuracy> {
  const { height, width, channels } = teacher.manifest.image;
  const size = height * width * channels;
  const ask = (start: number): Promise<Float32Array> =>
    teacher.logits(toUnit(split.images.subarray(start * size, Math.min(start + BATCH, count) * size)));

  let correct = 0;
  let next = count > 0 ? ask(0) : null;
  for (let start = 0; next; start += BATCH) {
    const logits = await next;
    next = start + BATCH < count ? ask(start + BATCH) : null;
    correct += countRight(logits, split.labels.subarray(start), teacher.manifest.classes);
    progress?.(Math.min(start + BATCH, count), correct);
  }
  return { split: "test", correct, total: count };
}

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

function toUnit(bytes: Uint8Array): Float32Array {
  const unit = new Float32Array(bytes.length);
  for (let index = 0; index < bytes.length; index++) unit[index] = (bytes[index] as number) / 255;
  return unit;
}

function countRight(logits: Float32Array, labels: Uint8Array, classes: number): number {
  let right = 0;
  for (let row = 0; row * classes < logits.length; row++) {
    const answers = logits.subarray(row * classes, (row + 1) * classes);
    if (answers.indexOf(Math.max(...answers)) === labels[row]) right++;
  }
  return right;
}
