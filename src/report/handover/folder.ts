import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { withGradient } from "../../attacks/with-gradient.js";
import type { SampleImage } from "../../browser/model-facts.js";
import { InputError } from "../../errors.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { takePlace } from "../../files/folder.js";
import { kindOf } from "../../files/kind.js";
import { exportModel } from "../../model/export.js";
import type { Model } from "../../model/model.js";
import { openStoredModel } from "../../onnx/external-data.js";
import { lossGradientModel } from "../../onnx/gradient/loss-gradient.js";
import { parseModel, serializeModel } from "../../onnx/model.js";
import { writeModel } from "../../onnx/write-model.js";
import { webRuntime } from "../../runtime/onnxruntime-web.js";
import { HANDED_FILES, modelCard } from "./card.js";
import { type HandedModel, summaryOf } from "./facts.js";
import { modelPageHtml } from "./page.js";

/** A model of more bytes than this gets no page: a browser would hold it several times. */
const MOST_PAGE_BYTES = 100e6;

/** What was written into a model's folder. */
export interface HandedFolder {
  readonly files: readonly string[];
  /** How far ONNX Runtime's logits are from the student's at most, relative to the largest; null for a graph of another origin. */
  readonly difference: number | null;
  /** Why there is no page; null if there is one. */
  readonly noPage: string | null;
}

/**
 * Refuses a folder that holds anything but an earlier export.
 *
 * @throws {InputError} if it is a file, or holds other files.
 */
export function requireFreeFolder(folder: string): void {
  const kind = kindOf(folder);
  if (kind === null) return;
  if (kind !== "folder")
    throw new InputError(`${folder} is not a folder`, {
      expected: "the path of a folder to write",
      found: `a ${kind}`,
      fix: "name another folder with --out, or a format with --to",
    });
  const ours: readonly string[] = Object.values(HANDED_FILES);
  const names = readdirSync(folder);
  const other = names.find((name) => !ours.includes(name));
  const isExport = names.length === 0 || names.includes(HANDED_FILES.onnx);
  if (other === undefined && isExport) return;
  throw new InputError(`${folder} is there already, and is no earlier export alone`, {
    expected: "no such folder, an empty one, or one that mtard export wrote, which is replaced",
    found: other === undefined ? `no ${HANDED_FILES.onnx} in it` : `"${other}" in it`,
    fix: "name another folder with --out",
  });
}

/**
 * Writes a folder with a model that can be handed on: ONNX, safetensors where its network is known, a model card, and a page that runs it.
 * The folder is there whole or not at all; an earlier export is replaced.
 *
 * @param samples Images of the test set for the page, which may be none.
 * @throws {InputError} if there is another folder already; {@link WorkError} if it cannot be written, or the engines disagree.
 */
export async function writeModelFolder(
  folder: string,
  model: Pick<Model, "dataset" | "known" | "foreign">,
  handed: HandedModel,
  samples: readonly SampleImage[],
): Promise<HandedFolder> {
  requireFreeFolder(folder);
  const place = takePlace(folder, {
    busy: `another mtard is writing ${folder}`,
    once: "one export to a folder at a time",
    instead: "name another folder with --out",
  });
  try {
    return await place.put(async (partial) => {
      const path = join(partial, HANDED_FILES.onnx);
      const difference = await writeWeights(partial, path, model);
      const classes = `${JSON.stringify(handed.classNames, null, 2)}\n`;
      writeFileAtomically(join(partial, HANDED_FILES.classes), classes);
      const page = pageOf(path, handed, samples);
      if ("html" in page) writeFileAtomically(join(partial, HANDED_FILES.page), page.html);
      const noPage = "html" in page ? null : page.reason;
      const files = [...Object.values(HANDED_FILES)].filter((file) => existsSync(join(partial, file)));
      writeFileAtomically(join(partial, HANDED_FILES.card), modelCard(handed, { files, noPage }));
      return { files: [HANDED_FILES.card, ...files], difference, noPage };
    });
  } finally {
    place.release();
  }
}

/** Writes ONNX, and safetensors where the network is known. */
async function writeWeights(
  folder: string,
  path: string,
  { known, foreign, dataset }: Pick<Model, "dataset" | "known" | "foreign">,
): Promise<number | null> {
  if (known) {
    const exported = { network: known.network, weights: known.weights, dataset };
    await exportModel(exported, "safetensors", join(folder, HANDED_FILES.safetensors));
    return exportModel(exported, "onnx", path);
  }
  if (!foreign) throw new Error("a model that is neither known nor ONNX");
  writeModel(path, openStoredModel(foreign.model, HANDED_FILES.onnx, foreign.dataFolder));
  return null;
}

/** The page of the model at `path`, or why there is none. */
function pageOf(
  path: string,
  handed: HandedModel,
  samples: readonly SampleImage[],
): { readonly html: string } | { readonly reason: string } {
  const { image, title, classNames } = handed;
  const bytes = [path, join(dirname(path), HANDED_FILES.data)]
    .filter((file) => existsSync(file))
    .reduce((sum, file) => sum + statSync(file).size, 0);
  if (bytes > MOST_PAGE_BYTES)
    return {
      reason: `the model takes ${Math.ceil(bytes / 1e6)} MB, and pages are made up to ${MOST_PAGE_BYTES / 1e6} MB`,
    };
  if (image.channels !== 3)
    return { reason: `its images have ${image.channels} channels, not red, green and blue` };
  const gradient = gradientOf(path);
  if (typeof gradient === "string") return { reason: gradient };
  const summary = summaryOf(handed);
  return { html: modelPageHtml({ title, summary, classNames, image, gradient, samples }, webRuntime()) };
}

/** The graph of the model and its gradient, or why it has none. */
function gradientOf(path: string): Uint8Array | string {
  try {
    const differentiated = withGradient(parseModel(readFileSync(path), HANDED_FILES.onnx), null);
    return serializeModel(lossGradientModel(differentiated, "crossEntropy"));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return `the model has no gradient to attack it with (${error.message})`;
  }
}
