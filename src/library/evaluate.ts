import type { SingleAttack } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import type { MeasuredImages } from "../evaluation/images.js";
import { type MeasureEvents, type Measurement, measure } from "../evaluation/measure.js";
import { openModelStore } from "../evaluation/model-store.js";
import { MEASUREMENTS_FOLDER, openStore, type MeasurementStore } from "../evaluation/store.js";
import type { Evaluation, RobustAccuracy } from "../evaluation/summary.js";
import { type AttackOptions, attackSettings, imagesFor, namedAttacks } from "./attack-settings.js";
import type { OpenModel } from "./open-model.js";
import type { DatasetOption, Places } from "./places.js";
import { throwIfStopped } from "./stop.js";

/** What an evaluation is of. */
export interface EvaluateOptions extends AttackOptions, Places {
  /** By default the one the model was made for. Only its test images are used. */
  readonly dataset?: DatasetOption | MeasuredImages | undefined;
  /** Ids, or attacks of your own; `["pgd-sat"]` by default, `[]` for clean accuracy alone. */
  readonly attacks?: readonly (AttackId | SingleAttack)[] | undefined;
  /** The first test images only. */
  readonly limit?: number | undefined;
  /**
   * The folder of runs in which the command line keeps what it measured, such as `runs`: what is known there is not measured again, and
   * interrupted work goes on. By default nothing is kept.
   */
  readonly runsDir?: string | undefined;
  /** Whether to look for what makes the accuracies doubtful; true by default. */
  readonly checks?: boolean | undefined;
  /** Called with sentences for people: what is known already, warnings. */
  readonly onMessage?: ((text: string) => void) | undefined;
}

/** Accuracies, the outcome for each image, and what is doubtful about them. */
export interface EvaluationResult
  extends Omit<Evaluation, "attacks">, Pick<Measurement, "warnings" | "seconds" | "device"> {
  /** By the attacks' ids; an attack of your own is called by its title (`"My attack"` is `my-attack`). */
  readonly attacks: Readonly<Partial<Record<string, RobustAccuracy>>>;
}

/**
 * Measures the clean accuracy of a model, and its robust accuracy and W-Robust under each attack.
 *
 * @throws {InputError} if the data set or an attack is unknown, does not fit the model, or a transfer attack has no surrogate;
 * {@link WorkError} if the model cannot run; the signal's reason if it stopped the work.
 * @see B-MTARD, equation 22.
 */
export async function evaluate(model: OpenModel, options: EvaluateOptions = {}): Promise<EvaluationResult> {
  const images = imagesFor(model, options);
  const { ids, own } = namedAttacks(options.attacks ?? ["pgd-sat"]);
  const builtIn = ids.filter((id) => !Object.hasOwn(own, id));
  const settings = {
    ...attackSettings(model, builtIn, options, own),
    ...{ attacks: ids, own },
    ...(options.checks === undefined ? {} : { checks: options.checks }),
  };
  const store = storeOf(model, images, options);
  throwIfStopped(options.signal);
  const { evaluation, warnings, seconds, device } = await measure(
    model,
    images,
    settings,
    store,
    eventsOf(options),
  );
  return { ...evaluation, warnings, seconds, device };
}

function storeOf(
  model: OpenModel,
  images: MeasuredImages,
  { runsDir, onMessage, surrogate }: EvaluateOptions,
): MeasurementStore | null {
  if (runsDir === undefined) return null;
  const { name, reference, identity } = model;
  for (const each of [model, ...(surrogate ? [surrogate] : [])])
    if (each.identity === "")
      throw new InputError(`what is measured of "${each.name}" cannot be kept`, {
        expected: "an identity, so that it is not taken for another model",
        found: "none",
        fix: "give openModel an identity, or leave runsDir out",
      });
  if (!/^[0-9a-f]{64}$/.test(images.fingerprint))
    throw new InputError("what is measured on these images cannot be kept", {
      expected: "a fingerprint: the SHA-256 of the images and labels, in lower-case hex",
      found: images.fingerprint === "" ? "none" : images.fingerprint,
      fix: "datasetFromArrays makes one, or leave runsDir out",
    });
  if (reference) return openModelStore({ name, reference }, runsDir, onMessage ?? (() => undefined));
  return openStore(`${runsDir}/${MEASUREMENTS_FOLDER}/${identity.slice(0, 16)}`);
}

function eventsOf({ signal, onProgress, onMessage }: EvaluateOptions): Partial<MeasureEvents> {
  return {
    onProgress(progress) {
      throwIfStopped(signal);
      onProgress?.(progress);
    },
    ...(onMessage ? { onMessage } : {}),
  };
}
