import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { matchWeights, recogniseWeights } from "../checkpoint/match-weights.js";
import { normalizationText } from "../checkpoint/stored-normalization.js";
import { withWeightsFile } from "../checkpoint/weights-file.js";
import { InputError, WorkError } from "../errors.js";
import type { Normalization } from "../graph/network.js";
import { loadWeights } from "../graph/parameters.js";
import { createNetwork, networkVariants } from "../networks/networks.js";
import { adaptClassifier } from "../onnx/adapt.js";
import { parseModel, readModelFile, serializeModel } from "../onnx/model.js";
import type { ClassifierShape, Layout } from "../onnx/signature.js";
import { readNetworkModel } from "../onnx/weights.js";
import { networkToOnnx } from "../onnx/writer.js";
import { writeFailure, writeFileAtomically } from "../runtime/files.js";
import { version } from "../version.js";
import { formatManifest, MANIFEST_FILE, type TeacherManifest, teacherNameSchema } from "./manifest.js";
import { sha256Of } from "./store.js";
import { verifyClassifier } from "./verify.js";

const MODEL_FILE = "model.onnx";

export interface ImportRequest {
  readonly name: string;
  readonly dataset: ClassifierShape;
  readonly from:
    | { readonly kind: "onnx"; readonly path: string; readonly layout?: Layout | undefined }
    | { readonly kind: "weights"; readonly path: string; readonly network: string };
  /** Applied to images in [0, 1]; what an ONNX model already has inside is not repeated here. */
  readonly normalization?: Normalization | undefined;
  /** Whether to replace a teacher of the same name; false by default. */
  readonly force?: boolean | undefined;
  readonly teachersDir: string;
}

/** The teacher that {@link importTeacher} made, and what a person may want to know of how. */
export interface ImportedTeacher {
  readonly manifest: TeacherManifest;
  readonly folder: string;
  /** In whose names the weights file has its parameters; null for ONNX. */
  readonly dialect: string | null;
  readonly notes: readonly string[];
}

/**
 * Brings a classifier into the teachers' store, in the standard form, checked by running it. The store changes at the very end, by one
 * rename: a failure leaves nothing behind.
 *
 * @throws {InputError} if the name, the file or what the file holds is wrong, {@link WorkError} if the store cannot be written.
 */
export async function importTeacher(request: ImportRequest): Promise<ImportedTeacher> {
  const { name, dataset, from, normalization, teachersDir } = request;
  const parsed = teacherNameSchema.safeParse(name);
  if (!parsed.success)
    throw new InputError(`"${name}" cannot be a teacher's name`, {
      expected: parsed.error.issues[0]?.message ?? "a plain name",
      found: JSON.stringify(name),
      fix: "--name followed by something like resnet56-clean",
    });
  const folder = join(teachersDir, name);
  if (existsSync(folder) && request.force !== true)
    throw new InputError(`there is a teacher "${name}" already`, {
      expected: "a new name",
      found: folder,
      fix: "choose another --name, or replace it with --force",
    });
  if (normalization) checkNormalization(normalization, dataset);

  const made =
    from.kind === "onnx"
      ? await fromOnnx(from.path, from.layout, dataset, normalization)
      : await fromWeights(from.path, from.network, dataset, normalization);
  const manifest: TeacherManifest = {
    name,
    dataset: dataset.name,
    classes: dataset.classes,
    image: dataset.image,
    file: MODEL_FILE,
    sha256: sha256Of(made.model),
    source: { file: basename(from.path), sha256: await sha256OfFile(from.path), format: made.format },
    network: made.network,
    normalization: made.normalization,
    createdBy: version,
  };
  place(folder, teachersDir, { [MODEL_FILE]: made.model, [MANIFEST_FILE]: formatManifest(manifest) });
  return { manifest, folder, dialect: made.dialect, notes: made.notes };
}

/** A model in the standard form, and what is known of it. */
interface MadeModel {
  readonly model: Uint8Array;
  readonly format: string;
  readonly network: string | null;
  readonly dialect: string | null;
  readonly normalization: Normalization | null;
  readonly notes: readonly string[];
}

async function fromOnnx(
  path: string,
  layout: Layout | undefined,
  dataset: ClassifierShape,
  normalization: Normalization | undefined,
): Promise<MadeModel> {
  const parsed = parseModel(readModelFile(path), path);
  const { fixedBatch, removed } = adaptClassifier(parsed, dataset, { source: path, layout, normalization });
  const known = readNetworkModel(parsed);
  const model = serializeModel(parsed);
  const logits = await verifyClassifier(model, dataset, path);
  if (known) {
    const network = createNetwork(known.networkId, known, known.normalization);
    const weights = matchWeights(network, known.weights, path);
    const written = networkToOnnx(network, weights, { version, dataset: known.dataset });
    const same = await verifyClassifier(written, dataset, path);
    if (same.some((logit, index) => logit !== logits[index]))
      throw new InputError(`${path} is not the network it says it is`, {
        expected: `the logits of ${known.networkId} with the weights inside`,
        found: "other logits",
        fix: "export it again with mtard export",
      });
  }
  return {
    model,
    format: "onnx",
    network: known?.networkId ?? null,
    dialect: null,
    normalization: known ? known.normalization : (normalization ?? null),
    notes: [
      ...(fixedBatch === null ? [] : [`the batch size, fixed at ${fixedBatch}, was made free`]),
      ...(removed === null ? [] : [`${removed} at the end was removed`]),
    ],
  };
}

async function fromWeights(
  path: string,
  networkId: string,
  dataset: ClassifierShape,
  normalization: Normalization | undefined,
): Promise<MadeModel> {
  const asked = createNetwork(networkId, dataset);
  const variants = networkVariants(networkId).slice(1);
  return withWeightsFile(path, async ({ format, weights: tensors, notes }) => {
    const { network, weights, dialect, alsoFits, storedNormalization } = recogniseWeights(
      [asked, ...variants.map((id) => createNetwork(id, dataset))],
      tensors,
      path,
      normalization,
    );
    const model = networkToOnnx(network, loadWeights(weights), { version, dataset: dataset.name });
    await verifyClassifier(model, dataset, path);
    return {
      model,
      format,
      network: network.id,
      dialect,
      normalization: network.normalization ?? null,
      notes: [
        `read as ${network.id} in the names of ${dialect}`,
        ...alsoFits.map(
          (id) => `${id} has the same names: if the accuracy is not as published, try --network ${id}`,
        ),
        ...(storedNormalization
          ? [`the normalisation is the file's own: ${normalizationText(storedNormalization)}`]
          : []),
        ...notes,
      ],
    };
  });
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

/** Writes a folder beside its place, then moves it there; the folder that was there before goes last. */
function place(folder: string, teachersDir: string, files: Record<string, string | Uint8Array>): void {
  const beside = join(teachersDir, `.${basename(folder)}.${process.pid}`);
  const [partial, replaced] = [`${beside}.partial`, `${beside}.replaced`];
  try {
    mkdirSync(partial, { recursive: true });
  } catch (cause) {
    throw writeFailure(folder, cause);
  }
  try {
    for (const [name, content] of Object.entries(files)) writeFileAtomically(join(partial, name), content);
    if (existsSync(folder)) renameSync(folder, replaced);
    renameSync(partial, folder);
  } catch (cause) {
    if (existsSync(replaced) && !existsSync(folder)) renameSync(replaced, folder);
    throw cause instanceof WorkError ? cause : writeFailure(folder, cause);
  } finally {
    rmSync(partial, { recursive: true, force: true });
    rmSync(replaced, { recursive: true, force: true });
  }
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
