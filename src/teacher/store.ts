import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { adaptClassifier } from "../onnx/adapt.js";
import { dataFilesOf, openStoredModel } from "../onnx/external-data.js";
import { readMetadata } from "../onnx/metadata.js";
import { readModelFile, serializeModel } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { version } from "../version.js";
import { findDescription, howToGet } from "./descriptions.js";
import { MANIFEST_FILE, readManifest, type TeacherManifest } from "./manifest.js";

/** How much of a file is in memory while it is hashed. */
const HASHED_PIECE = 2 ** 22;

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
  /** Where the model's external data are, or null if it has none. */
  readonly dataFolder: string | null;
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

/** The usable teachers of a data set in the store, by name. */
export function teachersFor(dataset: string, teachersDir: string): TeacherManifest[] {
  return listTeachers(teachersDir).flatMap((teacher) =>
    "manifest" in teacher && teacher.manifest.dataset === dataset ? [teacher.manifest] : [],
  );
}

/** Those of `teachersFor` as errors say what was found. */
export function teachersFound(dataset: string, teachersDir: string): string {
  const names = teachersFor(dataset, teachersDir).map(({ name }) => name);
  return names.length > 0
    ? `for ${dataset}: ${names.join(", ")}`
    : `no teacher for ${dataset} in ${teachersDir}`;
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
  const description = findDescription(reference);
  if (description)
    throw new InputError(`the teacher "${reference}" is described, but not in the store`, {
      expected: join(teachersDir, reference, MANIFEST_FILE),
      found: "no such file",
      fix: howToGet(description),
    });
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

/** What tells a teacher from every other: the SHA-256 of its model, or of the model's and its external data's together. */
export function teacherSha256({ sha256, data = [] }: TeacherManifest): string {
  if (data.length === 0) return sha256;
  return sha256Of(Buffer.from([sha256, ...data.map((file) => file.sha256)].join("\n")));
}

/** The SHA-256 of some bytes, lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * The SHA-256 of a file's bytes, lower-case hex, read in pieces.
 *
 * @param onProgress Told how many bytes are read.
 */
export function sha256OfFile(path: string, onProgress: (done: number) => void = () => undefined): string {
  const hash = createHash("sha256");
  const piece = Buffer.allocUnsafe(HASHED_PIECE);
  const file = openSync(path, "r");
  try {
    for (let done = 0; ;) {
      const length = readSync(file, piece, 0, piece.length, done);
      if (length === 0) return hash.digest("hex");
      hash.update(piece.subarray(0, length));
      onProgress((done += length));
    }
  } finally {
    closeSync(file);
  }
}

function loadOnnxFile(path: string, dataset: ClassifierShape | undefined): StoredTeacher {
  const bytes = readModelFile(path);
  const folder = dirname(path);
  const { model } = openStoredModel(bytes, path, folder);
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
  const data = dataFilesOf(model).map((file) => ({ file, sha256: sha256OfFile(join(folder, file)) }));
  return {
    folder: null,
    model: adapted,
    dataFolder: data.length === 0 ? null : folder,
    manifest: {
      name: basename(path, ".onnx"),
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

function refuseMisfit(manifest: TeacherManifest, wanted: ClassifierShape, path: string): void {
  const problem = misfit(manifest, wanted);
  if (problem === null) return;
  throw new InputError(`teacher "${manifest.name}" ${problem}`, {
    expected: `a teacher for ${wanted.name}`,
    found: `${path} says dataset "${manifest.dataset}"`,
    fix: `mtard teacher list --dataset ${wanted.name}`,
  });
}

/** What keeps a teacher from being used with a data set, or null. */
function misfit({ classes, dataset, image }: TeacherManifest, wanted: ClassifierShape): string | null {
  const size = ({ height, width, channels }: ImageShape): string => `${height}x${width}x${channels}`;
  if (classes !== wanted.classes)
    return `answers ${classes} classes, but ${wanted.name} has ${wanted.classes}`;
  if (size(image) !== size(wanted.image))
    return `takes images of ${size(image)}, but those of ${wanted.name} are ${size(wanted.image)}`;
  return dataset === wanted.name ? null : `is for ${dataset}, not for ${wanted.name}`;
}

function isName(reference: string): boolean {
  return !reference.includes("/") && !reference.includes(sep) && reference !== "." && reference !== "..";
}
