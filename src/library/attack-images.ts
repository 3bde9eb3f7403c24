import type { SingleAttack } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import { type Norm, norms } from "../attacks/norms.js";
import { usesGradients } from "../evaluation/checks.js";
import { type ExaminedImage, examine } from "../evaluation/examine.js";
import type { ImageSource } from "../evaluation/images.js";
import { type DatasetDescription, findDataset } from "../data/datasets.js";
import { drawGrid } from "../report/adversarial-grid.js";
import { type AttackOptions, attackSettings, imagesFor, namedAttacks } from "./attack-settings.js";
import type { OpenModel } from "./open-model.js";
import { type DatasetOption, type Places, placesOf } from "./places.js";
import { InputError } from "../errors.js";
import { batchesOf } from "../teacher/tried.js";
import { throwIfStopped } from "./stop.js";

/** A picture's images are one batch, unless they are many. */
const MOST_AT_ONCE = 64;

/** Which images are attacked, and how; by default up to 64 are one batch. */
export interface AttackImagesOptions extends AttackOptions, Places {
  /** An id, or an attack of your own; `pgd-sat` by default. */
  readonly attack?: AttackId | SingleAttack | undefined;
  /** By default the one the model was made for; or images of your own. */
  readonly dataset?: DatasetOption | ImageSource | undefined;
  /** How many test images, from the first; 8 by default. */
  readonly limit?: number | undefined;
}

/**
 * Makes adversarial images of a model, and returns each image before and after with what the model answered.
 *
 * @throws {InputError} and {@link WorkError} as {@link evaluate}; the signal's reason if it stopped the work.
 */
export async function attackImages(
  model: OpenModel,
  options: AttackImagesOptions = {},
): Promise<ExaminedImage[]> {
  const { attack = "pgd-sat", limit = 8, signal, onProgress, dataset, ...rest } = options;
  const { ids, own } = namedAttacks([attack]);
  const [id] = ids as [AttackId];
  const source = imagesFor(model, { ...rest, dataset, limit });
  const { surrogate, ...settings } = attackSettings(
    model,
    own[id] ? [] : ids,
    {
      ...rest,
      batchSize: rest.batchSize ?? Math.min(source.count, MOST_AT_ONCE),
    },
    own,
  );
  throwIfStopped(signal);
  const use = { batches: batchesOf(source.count, settings.batchSize), gradient: usesGradients([id], own) };
  return examine(
    await model.target(use),
    source,
    id,
    {
      ...settings,
      own,
      ...(surrogate ? { surrogate: await surrogate.target({ ...use, gradient: true }) } : {}),
    },
    {
      onProgress(progress) {
        throwIfStopped(signal);
        onProgress?.(progress);
      },
    },
  );
}

/** What stands above a picture. */
export interface PictureOptions extends Places {
  readonly title?: string | undefined;
  readonly subtitle?: string | undefined;
  /** The names of the classes, or the data set that has them; by default those of the model's data set where the store knows it, else numbers. */
  readonly classes?: readonly string[] | Pick<DatasetDescription, "classNames"> | undefined;
  /** The norm of the attack; `linf` by default. */
  readonly norm?: Norm | undefined;
  /** The radius of the attack, 8/255 by default, in L2 0.5; it decides how much the difference is amplified. */
  readonly epsilon?: number | undefined;
}

/** Draws attacked images as a PNG: one row an image, with its clean and adversarial form, the answers, and the amplified difference. */
export async function drawAttack(
  model: OpenModel,
  images: readonly ExaminedImage[],
  {
    title = model.name,
    subtitle = "",
    classes,
    norm = "linf",
    epsilon = norms[norm].epsilon,
    ...places
  }: PictureOptions = {},
): Promise<Uint8Array> {
  const classNames = classes && "classNames" in classes ? classes.classNames : classes;
  return drawGrid(images, model.image, {
    title,
    subtitle,
    classNames: classNames ?? namesOf(model, places),
    ...{ norm, epsilon },
    names: images.map(({ index }) => `image ${index}`),
  });
}

function namesOf({ dataset, classes }: OpenModel, places: Places): readonly string[] {
  try {
    const { classNames } = findDataset(dataset, placesOf(places).dataDir);
    if (classNames.length === classes) return classNames;
  } catch (error) {
    if (!(error instanceof InputError)) throw error; // a data set in memory, which no store knows
  }
  return Array.from({ length: classes }, (_, index) => `class ${index}`);
}
