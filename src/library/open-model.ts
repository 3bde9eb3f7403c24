import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttackTarget } from "../attacks/target.js";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { type Model, openModel as openReference } from "../model/model.js";
import { findModel } from "../model/reference.js";
import type { StudentChoice } from "../model/run-student.js";
import type { ModelTarget } from "../model/targets.js";
import type { DeviceRequest } from "../runtime/device.js";
import { type Places, placesOf, prepareEngines, type ShapeOption, shapeOf } from "./places.js";

/** A classifier of your own, as a value. */
export interface OwnClassifier {
  readonly name: string;
  /** What attacks see of it; `classifierOf` makes one of a function of TensorFlow. */
  readonly target: AttackTarget;
  /** Height, width and channels of the images it takes. */
  readonly image: ImageShape;
  /** The SHA-256 of all that decides its answers, in lower-case hex; without it, what is measured of it cannot be kept. */
  readonly identity?: string | undefined;
}

/** How a model is opened. */
export interface OpenModelOptions extends Places {
  /** The data set it is wanted for; needed for an ONNX file that mtard did not write. */
  readonly dataset?: ShapeOption | undefined;
  /**
   * Which student of a run: `best` by W-Robust (the default), or `last`; where the run keeps averaged weights (the setting `ema`),
   * `best-averaged` and `last-averaged` have those.
   */
  readonly checkpoint?: StudentChoice | undefined;
  /** Where it runs: `auto` (the default: `MTARD_DEVICE`, or the GPU where it works), `cpu` or `cuda`. */
  readonly device?: DeviceRequest | undefined;
}

/** An opened model; `dispose`, or `using`, frees it. */
export type OpenModel = Omit<Model, "reference" | "dispose" | "foreign"> & {
  /** Where it is; null for a model given as bytes or as a value. */
  readonly reference: Model["reference"] | null;
  /** Frees the engines' memory; the model cannot be used afterwards. */
  dispose(): void;
  /** The same, for `using`. */
  [Symbol.dispose](): void;
};

/**
 * Opens a model: a run's folder, a teacher's name or folder, an .onnx file or its bytes, or a classifier of your own.
 *
 * @throws {InputError} if there is no such model, it is damaged, or it does not fit the data set.
 */
export async function openModel(
  source: string | Uint8Array | OwnClassifier,
  options: OpenModelOptions = {},
): Promise<OpenModel> {
  const device = prepareEngines(options.device);
  const { teachersDir, dataDir } = placesOf(options);
  const dataset = options.dataset === undefined ? undefined : shapeOf(options.dataset, dataDir);
  const opening = { dataset, device, checkpoint: options.checkpoint };
  if (typeof source === "string")
    return disposable(await openReference(findModel(source, teachersDir), opening));
  if (!(source instanceof Uint8Array)) return ownModel(source, dataset?.name);

  // What checks a foreign model in a process of its own needs a file, until the model is disposed of.
  const folder = mkdtempSync(join(tmpdir(), "mtard-model-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "model.onnx");
    writeFileSync(path, source);
    const model = await openReference({ kind: "file", path }, opening);
    return { ...disposable(model, remove), reference: null };
  } catch (error) {
    remove();
    throw error;
  }
}

function disposable(model: Model, after: () => void = () => undefined): OpenModel {
  const dispose = (): void => {
    model.dispose();
    after();
  };
  return { ...model, dispose, [Symbol.dispose]: dispose };
}

function ownModel({ name, target, image, identity }: OwnClassifier, dataset: string | undefined): OpenModel {
  if (identity !== undefined && !/^[0-9a-f]{64}$/.test(identity))
    throw new InputError(`the identity of "${name}" is no SHA-256`, {
      expected: "64 lower-case hexadecimal digits",
      found: identity,
    });
  const nothing = (): void => undefined;
  const seen: ModelTarget = { ...boundTarget(target), runsOn: "the caller's own engine", dispose: nothing };
  return {
    name,
    reference: null,
    dataset: dataset ?? name,
    classes: target.classes,
    image,
    identity: identity ?? "",
    known: null,
    target: () => Promise.resolve(seen),
    dispose: nothing,
    [Symbol.dispose]: nothing,
  };
}

/** A target whose functions may be called apart from it, also where it is an instance of a class. */
function boundTarget(target: AttackTarget): AttackTarget {
  return {
    classes: target.classes,
    logits: (images) => target.logits(images),
    predict: (images) => target.predict(images),
    lossGradient: (images, loss) => target.lossGradient(images, loss),
  };
}
