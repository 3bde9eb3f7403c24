import { join } from "node:path";
import { openDataset } from "../../data/store.js";
import { classifierShape } from "../../data/datasets.js";
import { InputError } from "../../errors.js";
import { examine, type ExaminedImage } from "../../evaluation/examine.js";
import { pickedImages } from "../../evaluation/image-files.js";
import { USUAL_SEED } from "../../evaluation/settings.js";
import { writeFileAtomically } from "../../files/atomic.js";
import type { ImageShape } from "../../graph/network.js";
import { openModel, requireFit } from "../../model/model.js";
import { readRun, RUN_FILES } from "../../run/run-directory.js";
import type { DeviceRequest } from "../../runtime/device.js";
import { amplified, drawPixels, gainOf } from "../pixels.js";
import { type Example, formatExamples } from "./examples.js";

/** How many images are attacked. */
export const EXAMPLES = 12;
const ATTACK = "pgd-trades";
/** Pixels of the longer side of a picture, about. */
const SIDE = 128;

/**
 * Attacks a dozen test images of a run's best student, at equal distances from each other, and keeps the pictures in the run directory. It
 * starts the engines.
 *
 * @param onBegin Called with the device and engine that the student runs on.
 * @throws {InputError} if the run has no best student, or its data set is not there as it was; {@link WorkError} if the student cannot run
 * or the disk refuses.
 */
export async function makeExamples(
  folder: string,
  { dataDir, device }: { readonly dataDir: string; readonly device: DeviceRequest },
  onBegin: (runsOn: string) => void = () => undefined,
): Promise<void> {
  const { settings, inputs } = readRun(folder);
  const model = await openModel({ kind: "run", folder }, { device });
  try {
    const { test, fingerprint, description } = openDataset(model.dataset, dataDir);
    if (fingerprint !== inputs.data)
      throw new InputError(`the data set ${description.id} is not the one that the run was trained on`, {
        expected: `contents with sha256 ${inputs.data.slice(0, 12)}...`,
        found: `${fingerprint.slice(0, 12)}...`,
      });
    requireFit(model, classifierShape(description));
    const count = Math.min(test.count, settings.limitTest ?? Infinity);
    const wanted = Math.min(EXAMPLES, count);
    const places = Array.from({ length: wanted }, (_, index) => Math.floor((index * count) / wanted));
    const source = pickedImages(test, description.image, places);
    const target = await model.target({ batches: [wanted], gradient: true });
    onBegin(target.runsOn);
    const epsilon = settings.evaluationEpsilon;
    const attacking = { epsilon, seed: USUAL_SEED, batchSize: wanted };
    const examined = await examine(target, source, ATTACK, attacking);
    const gain = gainOf({ epsilon }, description.image);
    const examples: Example[] = [];
    for (const image of examined)
      examples.push(await exampleOf(image, places[image.index] ?? 0, description.image, gain));
    const found = {
      model: model.identity,
      data: fingerprint,
      attack: ATTACK,
      epsilon,
      gain,
      examples,
    } as const;
    writeFileAtomically(join(folder, RUN_FILES.examples), formatExamples(found));
  } finally {
    model.dispose();
  }
}

async function exampleOf(
  { label, before, after, linf, clean, adversarial }: ExaminedImage,
  index: number,
  shape: ImageShape,
  gain: number,
): Promise<Example> {
  const longer = Math.max(shape.height, shape.width);
  // Whole multiples keep all pixels equal; what is larger than two pictures is shown smaller.
  const side = longer > 2 * SIDE ? 2 * SIDE : longer * Math.max(1, Math.round(SIDE / longer));
  const png = async (values: Float32Array): Promise<string> =>
    (await drawPixels(values, shape, side)).toString("base64");
  return {
    ...{ index, label, before, after, linf },
    pictures: {
      clean: await png(clean),
      difference: await png(amplified(clean, adversarial, gain)),
      adversarial: await png(adversarial),
    },
  };
}
