import { basename, dirname, join } from "node:path";
import { InputError } from "../errors.js";
import { readWhole } from "../files/folder.js";
import { sha256Of, sha256OfFile } from "../files/sha256.js";
import { adaptClassifier } from "../onnx/adapt.js";
import { dataFilesOf, embedChanged, openStoredModel } from "../onnx/external-data.js";
import { type ModelMetadata, readMetadata } from "../onnx/metadata.js";
import { readModelFile, serializeModel } from "../onnx/model.js";
import { type ClassifierShape, misfitOf } from "../onnx/signature.js";
import { version } from "../version.js";
import { MANIFEST_FILE, readManifest, type TeacherManifest } from "./manifest.js";
import type { TeacherReference } from "./reference.js";

/** A teacher ready to be opened: its manifest and the bytes of its model in the standard form. */
export interface StoredTeacher {
  readonly manifest: TeacherManifest;
  /** The manifest's folder, or null for a bare .onnx file. */
  readonly folder: string | null;
  readonly model: Uint8Array<ArrayBuffer>;
  /** The folder of the model's external data, or null if it has none. */
  readonly dataFolder: string | null;
}

/**
 * Loads a teacher; a bare .onnx file is brought into the standard form on the way, without a normalisation.
 *
 * @param dataset The data set the teacher is for; without it an .onnx file that mtard did not write cannot be read.
 * @throws {InputError} if its files cannot be read, its model is not the one its manifest names, or it does not fit the data set.
 */
export function loadTeacher(reference: TeacherReference, dataset?: ClassifierShape): StoredTeacher {
  if (reference.kind === "file") return loadOnnxFile(reference.path, dataset);
  const { folder } = reference;
  return readWhole(folder, () => loadFolder(folder, dataset));
}

function loadFolder(folder: string, dataset: ClassifierShape | undefined): StoredTeacher {
  const manifest = readManifest(folder);
  if (dataset) refuseMisfit(manifest, dataset, join(folder, MANIFEST_FILE));
  const path = join(folder, manifest.file);
  const model = readModelFile(path);
  const check = (file: string, expected: string, found: string): void => {
    if (found !== expected)
      throw new InputError(`${file} is not the model its manifest describes`, {
        expected: `sha256 ${expected}`,
        found: `sha256 ${found}`,
        fix: `mtard teacher import --name ${manifest.name} --force, from the original file`,
      });
  };
  check(path, manifest.sha256, sha256Of(model));
  const { data = [] } = manifest;
  const named = dataFilesOf(openStoredModel(model, path, data.length === 0 ? null : folder).model);
  for (const file of named) {
    const expected = data.find((known) => known.file === file)?.sha256 ?? "(none)";
    check(join(folder, file), expected, sha256OfFile(join(folder, file)));
  }
  return { manifest, folder, model, dataFolder: data.length === 0 ? null : folder };
}

/**
 * Reads a teacher's manifest; the model is loaded only for a bare .onnx file.
 *
 * @throws {InputError} as `loadTeacher`.
 */
export function manifestOf(reference: TeacherReference, dataset: ClassifierShape): TeacherManifest {
  if (reference.kind === "file") return loadTeacher(reference, dataset).manifest;
  const manifest = readManifest(reference.folder);
  refuseMisfit(manifest, dataset, join(reference.folder, MANIFEST_FILE));
  return manifest;
}

/** Identifies a teacher: the SHA-256 of its model or, if it has external data, of the hashes of all its files. */
export function teacherSha256({ sha256, data = [] }: TeacherManifest): string {
  if (data.length === 0) return sha256;
  return sha256Of(Buffer.from([sha256, ...data.map((file) => file.sha256)].join("\n")));
}

function loadOnnxFile(path: string, dataset: ClassifierShape | undefined): StoredTeacher {
  const bytes = readModelFile(path);
  const folder = dirname(path);
  const opened = openStoredModel(bytes, path, folder);
  const { model } = opened;
  const metadata = readMetadata(model);
  const expected = dataset ?? shapeOf(metadata, path);
  embedChanged(opened, adaptClassifier(model, expected, { source: path, stored: opened.stored }).opened);
  const adapted = serializeModel(model);
  const data = dataFilesOf(model).map((file) => ({ file, sha256: sha256OfFile(join(folder, file)) }));
  return {
    folder: null,
    model: adapted,
    dataFolder: data.length === 0 ? null : folder,
    manifest: {
      name: basename(path).replace(/\.onnx(\.gz)?$/i, ""),
      dataset: expected.name,
      classes: expected.classes,
      image: expected.image,
      file: basename(path),
      sha256: sha256Of(adapted),
      ...(data.length === 0 ? {} : { data }),
      source: { file: basename(path), sha256: sha256Of(bytes), format: "onnx" },
      network: metadata?.network ?? null,
      normalization: metadata?.normalization ?? null,
      createdBy: version,
    },
  };
}

/**
 * What a model of mtard's own classifies.
 *
 * @throws {InputError} if it does not say so.
 */
export function shapeOf(metadata: ModelMetadata | null, path: string): ClassifierShape {
  if (metadata) return { ...metadata, name: metadata.dataset };
  throw new InputError(`${path} does not say what it classifies`, {
    expected: "a model written by mtard, or a data set to read it with",
    found: "an ONNX model of another origin",
    fix: "give --dataset, or bring it in with mtard teacher import",
  });
}

function refuseMisfit(manifest: TeacherManifest, wanted: ClassifierShape, path: string): void {
  const other =
    manifest.dataset === wanted.name ? null : `is for ${manifest.dataset}, not for ${wanted.name}`;
  const problem = misfitOf(manifest, wanted) ?? other;
  if (problem === null) return;
  throw new InputError(`teacher "${manifest.name}" ${problem}`, {
    expected: `a teacher for ${wanted.name}`,
    found: `${path} says dataset "${manifest.dataset}"`,
    fix: `mtard teacher list --dataset ${wanted.name}`,
  });
}
