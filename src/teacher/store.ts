import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, sep } from "node:path";
import { InputError } from "../errors.js";
import { adaptClassifier } from "../onnx/adapt.js";
import { readMetadata } from "../onnx/metadata.js";
import { parseModel, readModelFile, serializeModel } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { version } from "../version.js";
import { MANIFEST_FILE, readManifest, type TeacherManifest } from "./manifest.js";

/** A teacher in the store: its manifest, or why that cannot be used. */
export type ListedTeacher =
  | { readonly name: string; readonly manifest: TeacherManifest }
  | { readonly name: string; readonly error: InputError };

/** A teacher ready to be opened: its manifest and the bytes of its model in the standard form. */
export interface StoredTeacher {
  readonly manifest: TeacherManifest;
  /** Where the manifest is, or null for a teacher that is only an .onnx file. */
  readonly folder: string | null;
  readonly model: Uint8Array<ArrayBuffer>;
}

/** Every teacher in the store, by name; one that is broken is listed with what is wrong. */
export function listTeachers(teachersDir: string): ListedTeacher[] {
  if (!existsSync(teachersDir)) return [];
  return readdirSync(teachersDir)
    .filter((name) => !name.startsWith(".") && existsSync(join(teachersDir, name, MANIFEST_FILE)))
    .sort()
    .map((name) => {
      try {
        return { name, manifest: readManifest(join(teachersDir, name)) };
      } catch (error) {
        if (error instanceof InputError) return { name, error };
        throw error;
      }
    });
}

/**
 * The folder a teacher's name or path means.
 *
 * @throws {InputError} if there is no teacher there; the error lists those there are.
 */
export function findTeacher(reference: string, teachersDir: string): string {
  const candidates = [...(isName(reference) ? [join(teachersDir, reference)] : []), reference];
  const folder = candidates.find((candidate) => existsSync(join(candidate, MANIFEST_FILE)));
  if (folder !== undefined) return folder;
  const names = listTeachers(teachersDir).map(({ name }) => name);
  throw new InputError(`there is no teacher "${reference}"`, {
    expected:
      names.length > 0 ? `one of ${names.join(", ")}` : `a teacher in ${teachersDir}, or an .onnx file`,
    found: existsSync(reference) ? `no ${MANIFEST_FILE} in ${reference}` : "nothing of that name",
    fix: "mtard teacher list, or mtard teacher import",
  });
}

/**
 * Loads the teacher a reference means: a name in the store, a teacher's folder, or an .onnx file (which is brought into the standard
 * form on the way, without a normalisation).
 *
 * @param dataset What the teacher is wanted for; without it a foreign .onnx file cannot be read.
 * @throws {InputError} if there is no such teacher, its model is not the one its manifest names, or it does not fit the data set.
 */
export function loadTeacher(
  reference: string,
  teachersDir: string,
  dataset?: ClassifierShape,
): StoredTeacher {
  if (
    reference.endsWith(".onnx") &&
    !(statSync(reference, { throwIfNoEntry: false })?.isDirectory() ?? false)
  )
    return loadOnnxFile(reference, dataset);
  const folder = findTeacher(reference, teachersDir);
  const manifest = readManifest(folder);
  if (dataset) refuseMisfit(manifest, dataset, join(folder, MANIFEST_FILE));
  const path = join(folder, manifest.file);
  const model = readModelFile(path);
  const found = sha256Of(model);
  if (found !== manifest.sha256)
    throw new InputError(`${path} is not the model its manifest describes`, {
      expected: `sha256 ${manifest.sha256}`,
      found: `sha256 ${found}`,
      fix: `mtard teacher import --name ${manifest.name} --force, from the original file`,
    });
  return { manifest, folder, model };
}

/** The SHA-256 of some bytes, lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function loadOnnxFile(path: string, dataset: ClassifierShape | undefined): StoredTeacher {
  const bytes = readModelFile(path);
  const model = parseModel(bytes, path);
  const metadata = readMetadata(model);
  const expected = dataset ?? (metadata ? { ...metadata, name: metadata.dataset } : undefined);
  if (!expected)
    throw new InputError(`${path} does not say what it classifies`, {
      expected: "a model written by mtard, or a data set to read it with",
      found: "an ONNX model of another origin",
      fix: "give --dataset, or bring it in with mtard teacher import",
    });
  adaptClassifier(model, expected, { source: path });
  const adapted = serializeModel(model);
  return {
    folder: null,
    model: adapted,
    manifest: {
      name: basename(path, ".onnx"),
      dataset: expected.name,
      classes: expected.classes,
      image: expected.image,
      file: basename(path),
      sha256: sha256Of(adapted),
      source: { file: basename(path), sha256: sha256Of(bytes), format: "onnx" },
      network: metadata?.network ?? null,
      normalization: metadata?.normalization ?? null,
      createdBy: version,
    },
  };
}

function refuseMisfit(manifest: TeacherManifest, dataset: ClassifierShape, path: string): void {
  const { name, classes } = manifest;
  if (manifest.dataset === dataset.name && classes === dataset.classes) return;
  throw new InputError(
    classes === dataset.classes
      ? `teacher "${name}" is for ${manifest.dataset}, not for ${dataset.name}`
      : `teacher "${name}" answers ${classes} classes, but ${dataset.name} has ${dataset.classes}`,
    {
      expected: `a teacher for ${dataset.name}`,
      found: `${path} says dataset "${manifest.dataset}"`,
      fix: `mtard teacher list --dataset ${dataset.name}`,
    },
  );
}

function isName(reference: string): boolean {
  return !reference.includes("/") && !reference.includes(sep) && reference !== "." && reference !== "..";
}
