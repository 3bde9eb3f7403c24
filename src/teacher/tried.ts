import { join } from "node:path";
import { InputError } from "../errors.js";
import { sha256Of } from "../files/sha256.js";
import { readMetadata } from "../onnx/metadata.js";
import { parseModel, readModelFile } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { loadTeacher, shapeOf, type StoredTeacher } from "./load.js";
import { readManifest, type TeacherManifest } from "./manifest.js";
import type { TeacherReference } from "./reference.js";
import { readTrial, type TrialKey, type TrialRecord, writeTrial } from "./trial-record.js";
import { tryApart } from "./verify-apart.js";

/** What a model will be asked. */
export interface ModelUse {
  /** The batch sizes it will meet, besides 1 and 3. */
  readonly batches: readonly number[];
  readonly gradient: boolean;
  /** Whether a model without a gradient will do all the same; not by default. */
  readonly gradientOptional?: boolean;
}

/** The sizes of batches when so many images are looked at: whole ones, and the last. */
export function batchesOf(images: number, batchSize: number): number[] {
  const whole = Math.min(batchSize, images);
  const rest = images % whole;
  return rest === 0 ? [whole] : [whole, rest];
}

/**
 * Loads a teacher, or a bare .onnx file, as `loadTeacher` does, after it passed a trial in a process of its own: here, or earlier on
 * this installation, as the user's cache says. A manifest that came with a teacher is not believed.
 *
 * @returns The teacher, and how long its answer to the largest batch took in the trial, in seconds of one thread, 0 if unknown.
 * @throws {InputError} as `loadTeacher` and `tryApart`.
 */
export async function openTried(
  reference: TeacherReference,
  dataset: ClassifierShape | undefined,
  use: ModelUse,
): Promise<{ readonly stored: StoredTeacher; readonly seconds: number }> {
  const { path, sha256, expected, standard } = subjectOf(reference, dataset);
  const key: TrialKey = { sha256, standard, image: expected.image, classes: expected.classes };
  const attempt = async (tried: ModelUse): Promise<Omit<TrialRecord, "data">> => {
    const { seconds } = await tryApart({
      ...{ model: path, expected, source: path, adapt: standard ? null : {} },
      ...tried,
    });
    return { batch: Math.max(3, ...tried.batches), gradient: tried.gradient, seconds };
  };
  const known = readTrial(key);
  const enough = known !== null && isWithin(use, { batches: [known.batch], gradient: known.gradient });
  let passed = enough || refusedBefore(reference, key) ? known : await attempt(withEarlier(use, known));
  const stored = loadTeacher(reference, dataset);
  const { data = [] } = stored.manifest;
  if (known !== null && passed === known && !sameFiles(known, data)) passed = await attempt(use);
  if (bytesOf(stored) !== key.sha256)
    throw new InputError(`${path} changed while it was read`, {
      expected: "a file that stays as it is",
      found: "other bytes than a moment before",
      fix: "run the same command again",
    });
  if (passed !== null && passed !== known) writeTrial(key, { ...passed, data });
  return { stored, seconds: passed?.seconds ?? 0 };
}

/** Remembers a model in the standard form that was tried, or that mtard's own writer made. */
export function rememberTried(manifest: TeacherManifest, tried: Omit<TrialRecord, "data">): void {
  const { sha256, image, classes, data = [] } = manifest;
  writeTrial({ sha256, standard: true, image, classes }, { ...tried, data });
}

/** Whether a model that was tried for one use needs no trial for another. */
export function isWithin(asked: ModelUse, tried: ModelUse): boolean {
  const largest = Math.max(3, ...tried.batches);
  return asked.batches.every((batch) => batch <= largest) && (tried.gradient || !asked.gradient);
}

/** One record is kept of a model: uses that take turns would be tried at every turn, were they not tried together. */
function withEarlier(use: ModelUse, known: TrialRecord | null): ModelUse {
  if (known === null) return use;
  return {
    batches: [...use.batches, known.batch],
    gradient: use.gradient || known.gradient,
    gradientOptional: !use.gradient || use.gradientOptional === true,
  };
}

function sameFiles({ data }: TrialRecord, found: TrialRecord["data"]): boolean {
  const text = (files: TrialRecord["data"]): string =>
    JSON.stringify(files.map(({ file, sha256 }) => [file, sha256]));
  return text(data) === text(found);
}

/** Whether `loadTeacher` will refuse the model before it reads it: other bytes than its manifest names. */
function refusedBefore(reference: TeacherReference, { sha256 }: TrialKey): boolean {
  return reference.kind !== "file" && readManifest(reference.folder).sha256 !== sha256;
}

/** What is tried, the SHA-256 of its bytes (of those inside, if they are packed by gzip), and for which images and classes. */
function subjectOf(
  reference: TeacherReference,
  dataset: ClassifierShape | undefined,
): { path: string; sha256: string; expected: ClassifierShape; standard: boolean } {
  if (reference.kind === "file") {
    const { path } = reference;
    const bytes = readModelFile(path);
    const expected = dataset ?? shapeOf(readMetadata(parseModel(bytes, path)), path);
    return { path, sha256: sha256Of(bytes), expected, standard: false };
  }
  const manifest = readManifest(reference.folder);
  const path = join(reference.folder, manifest.file);
  const sha256 = sha256Of(readModelFile(path));
  return { path, sha256, expected: { ...manifest, name: manifest.dataset }, standard: true };
}

/** The SHA-256 of the .onnx file that a teacher was loaded from. */
function bytesOf({ folder, manifest }: StoredTeacher): string {
  return folder === null ? manifest.source.sha256 : manifest.sha256;
}
