import { existsSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { matchWeights } from "../weights/match-weights.js";
import { recogniseWeights } from "../weights/recognise-weights.js";
import { normalizationText } from "../weights/stored-normalization.js";
import { withWeightsFile } from "../weights/weights-file.js";
import { InputError } from "../errors.js";
import type { Normalization } from "../graph/network.js";
import { createNetwork, networkNamed, networkVariants } from "../networks/networks.js";
import { adaptClassifier, type ClassifierChoices } from "../onnx/adapt.js";
import { openStoredModel } from "../onnx/external-data.js";
import { readModelFile } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { StoredModel } from "../onnx/stored-model.js";
import { readNetworkModel } from "../onnx/weights.js";
import { type ModelHashes, writeModel } from "../onnx/write-model.js";
import { networkModel } from "../onnx/writer.js";
import { writeFileAtomically } from "../files/atomic.js";
import { type Place, takePlace } from "../files/folder.js";
import { sha256OfFile } from "../files/sha256.js";
import { version } from "../version.js";
import { formatManifest, MANIFEST_FILE, type TeacherManifest, teacherNameSchema } from "./manifest.js";
import { type TeacherRole } from "../methods/method.js";
import { type ModelUse, rememberTried } from "./tried.js";
import { tryApart } from "./verify-apart.js";
import { verifyClassifier } from "./verify.js";

/** What trainings and evaluations ask of a teacher, by default. */
const USUAL_USE: ModelUse = { batches: [128], gradient: true, gradientOptional: true };
/** A graph that mtard wrote takes any. */
const ANY_BATCH = 2 ** 31;
const MODEL_FILE = "model.onnx";
/** The same network written anew, kept only while the two are compared. */
const COMPARED_FILE = "compared.onnx";

/** What becomes a teacher, and what it is called. */
export interface ImportRequest {
  readonly name: string;
  readonly dataset: ClassifierShape;
  readonly from:
    | ({ readonly kind: "onnx"; readonly path: string } & ClassifierChoices)
    | {
        readonly kind: "weights";
        readonly path: string;
        readonly network: string;
        /** Which weights to take, where a file has several: their keys joined by dots, such as `state_dict_ema`. */
        readonly key?: string | undefined;
        /** The same, where they are there; any others otherwise. */
        readonly usualKey?: string | undefined;
      };
  /** Applied to images in [0, 1]; what an ONNX model already has inside is not repeated here. */
  readonly normalization?: Normalization | undefined;
  readonly role?: TeacherRole | undefined;
  /** Whether to replace a teacher of the same name; false by default. */
  readonly force?: boolean | undefined;
  readonly teachersDir: string;
  /** Above this many bytes, weights are written beside the model, as external data; 500 MB by default. */
  readonly embedLimit?: number | undefined;
  /** Told now and then what is being done, and how many of its bytes are done. */
  readonly onProgress?: ((doing: string, done: number, total: number) => void) | undefined;
}

/** The teacher that {@link importTeacher} made, and what a person may want to know about the import. */
export interface ImportedTeacher {
  readonly manifest: TeacherManifest;
  readonly folder: string;
  /** Whose parameter names the weights file uses; null for ONNX. */
  readonly dialect: string | null;
  readonly notes: readonly string[];
}

/**
 * Brings a classifier into the teachers' store, in the standard form, checked by running it. It is written beside its place and moved
 * there at the very end, by one rename: a failure leaves nothing behind.
 *
 * @throws {InputError} if the name, the file or what the file holds is wrong, {@link WorkError} if the store cannot be written.
 */
export async function importTeacher(request: ImportRequest): Promise<ImportedTeacher> {
  checkRequest(request);
  const place = takeTeacherPlace(request.name, request.teachersDir);
  try {
    return await importInto(place, request);
  } finally {
    place.release();
  }
}

/**
 * Takes the right to bring in a teacher of this name.
 *
 * @throws {WorkError} if another process has it.
 */
export function takeTeacherPlace(name: string, teachersDir: string): Place {
  return takePlace(join(teachersDir, name), {
    busy: `the name "${name}" is taken: another mtard is bringing in a teacher of that name`,
    once: "one process at a time that brings in a teacher of a name",
    instead: "choose another --name",
  });
}

/** Imports as {@link importTeacher} does, for who has the right to. */
export async function importInto(place: Place, request: ImportRequest): Promise<ImportedTeacher> {
  const { name, dataset, from } = request;
  // Another process may have brought it in before this one had the right to.
  const folder = checkRequest(request);
  return place.put(async (partial) => {
    const { written, ...made } =
      from.kind === "onnx"
        ? await fromOnnx(from, request, partial)
        : await fromWeights(from, request, partial);
    const { size } = statSync(from.path);
    const manifest: TeacherManifest = {
      name,
      dataset: dataset.name,
      classes: dataset.classes,
      image: dataset.image,
      file: MODEL_FILE,
      sha256: written.sha256,
      ...(written.data.length === 0 ? {} : { data: written.data }),
      source: {
        file: basename(from.path),
        sha256: sha256OfFile(from.path, (done) => request.onProgress?.("hashing the source", done, size)),
        format: made.format,
        ...(made.key === null ? {} : { key: made.key }),
      },
      network: made.network,
      normalization: made.normalization,
      ...(request.role === undefined ? {} : { role: request.role }),
      createdBy: version,
    };
    writeFileAtomically(join(partial, MANIFEST_FILE), formatManifest(manifest));
    const batch = from.kind === "onnx" ? Math.max(...USUAL_USE.batches) : ANY_BATCH;
    rememberTried(manifest, { batch, gradient: true, seconds: made.seconds });
    return { manifest, folder, dialect: made.dialect, notes: made.notes };
  });
}

/**
 * Checks what can be checked before there is a file.
 *
 * @returns The folder that the teacher will have.
 * @throws {InputError} if the name is wrong or taken, or the normalisation does not fit the data set.
 */
export function checkRequest({
  name,
  dataset,
  normalization,
  teachersDir,
  force,
}: Omit<ImportRequest, "from">): string {
  const parsed = teacherNameSchema.safeParse(name);
  if (!parsed.success)
    throw new InputError(`"${name}" cannot be a teacher's name`, {
      expected: parsed.error.issues[0]?.message ?? "a plain name",
      found: JSON.stringify(name),
      fix: "--name followed by something like resnet56-clean",
    });
  const folder = join(teachersDir, name);
  if (existsSync(folder) && force !== true)
    throw new InputError(`there is a teacher "${name}" already`, {
      expected: "a new name",
      found: folder,
      fix: "choose another --name, or replace it with --force",
    });
  if (normalization) checkNormalization(normalization, dataset);
  return folder;
}

/** The hashes of a model written in the standard form, and what is known of it. */
interface MadeModel {
  readonly written: ModelHashes;
  /** How long its answer to the largest batch took in its trial; 0 if it needed none. */
  readonly seconds: number;
  readonly format: string;
  /** Where in the file the weights were; null for its beginning, and for ONNX. */
  readonly key: string | null;
  readonly network: string | null;
  readonly dialect: string | null;
  readonly normalization: Normalization | null;
  readonly notes: readonly string[];
}

async function fromOnnx(
  { path, ...choices }: Extract<ImportRequest["from"], { kind: "onnx" }>,
  request: ImportRequest,
  partial: string,
): Promise<MadeModel> {
  const { dataset, normalization } = request;
  const adapt = { ...choices, normalization };
  await tryApart({ model: path, expected: dataset, source: path, adapt, readOnly: true });
  const { model, stored } = openStoredModel(readModelFile(path), path, dirname(path));
  const { opened, notes } = adaptClassifier(model, dataset, {
    ...choices,
    source: path,
    stored,
    normalization,
  });
  const known = readNetworkModel(opened);
  const network = known && networkNamed(known.networkId, known, known.normalization);
  const { written, logits, seconds } = await writeAndVerify(opened, MODEL_FILE, request, partial);
  if (network) {
    const weights = matchWeights(network, known.weights, path);
    const again = networkModel(network, weights, { version, dataset: known.dataset });
    const { logits: same } = await writeAndVerify(again, COMPARED_FILE, request, partial);
    for (const file of [COMPARED_FILE, `${COMPARED_FILE}.data`]) rmSync(join(partial, file), { force: true });
    if (same.some((logit, index) => logit !== logits[index]))
      throw new InputError(`${path} is not the network it says it is`, {
        expected: `the logits of ${known.networkId} with the weights inside`,
        found: "other logits",
        fix: "export it again with mtard export",
      });
  }
  return {
    written,
    seconds,
    format: "onnx",
    key: null,
    network: network?.id ?? null,
    dialect: null,
    normalization: network ? known.normalization : (normalization ?? null),
    notes,
  };
}

async function fromWeights(
  { path, network: networkId, key, usualKey }: Extract<ImportRequest["from"], { kind: "weights" }>,
  request: ImportRequest,
  partial: string,
): Promise<MadeModel> {
  const { dataset, normalization: given } = request;
  const asked = createNetwork(networkId, dataset);
  const variants = networkVariants(networkId).slice(1);
  return withWeightsFile(path, async (file) => {
    const found = recogniseWeights([asked, ...variants.map((id) => createNetwork(id, dataset))], file, path, {
      given,
      key,
      usualKey,
    });
    const { network, weights, dialect, storedNormalization } = found;
    const model = networkModel(network, weights, { version, dataset: dataset.name });
    const { written, seconds } = await writeAndVerify(model, MODEL_FILE, request, partial);
    return {
      written,
      seconds,
      format: file.format,
      key: found.key === "" ? null : found.key,
      network: network.id,
      dialect,
      normalization: network.normalization ?? null,
      notes: [
        `read as ${network.id} in the names of ${dialect}`,
        ...found.alsoFits.map(
          (id) => `${id} has the same names: if the accuracy is not as published, try --network ${id}`,
        ),
        ...(storedNormalization
          ? [`the normalisation is the file's own: ${normalizationText(storedNormalization)}`]
          : []),
        ...found.notes,
      ],
    };
  });
}

/** Writes a model in the standard form into the folder and runs it from there. */
async function writeAndVerify(
  model: StoredModel,
  file: string,
  { dataset, from, embedLimit, onProgress }: ImportRequest,
  partial: string,
): Promise<{ written: ModelHashes; logits: Float32Array; seconds: number }> {
  const path = join(partial, file);
  const written = writeModel(path, model, {
    embedLimit,
    onProgress: (done, total) => onProgress?.("writing the model", done, total),
  });
  // What mtard's own writer made needs no trial: only its weights are the file's.
  const logits =
    from.kind === "onnx" && file === MODEL_FILE
      ? await tryApart({ model: path, expected: dataset, source: from.path, ...USUAL_USE })
      : { logits: await verifyClassifier(path, dataset, from.path) };
  return { written, seconds: 0, ...logits };
}

function checkNormalization({ mean, std }: Normalization, { name, image }: ClassifierShape): void {
  const { channels } = image;
  if (mean.length !== channels || std.length !== channels)
    throw new InputError(`the normalisation does not fit the images of ${name}`, {
      expected: `${channels} numbers in --mean and in --std, one a channel`,
      found: `${mean.length} and ${std.length}`,
      fix: "--mean R,G,B --std R,G,B",
    });
  if (![...mean, ...std].every(Number.isFinite) || !std.every((value) => value > 0))
    throw new InputError("the normalisation cannot be applied", {
      expected: "finite numbers, those of --std above 0",
      found: `--mean ${mean.join(",")} --std ${std.join(",")}`,
      fix: "--mean R,G,B --std R,G,B, for images in [0, 1]",
    });
}
