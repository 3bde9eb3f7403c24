import { rmSync } from "node:fs";
import type { AttackId } from "../attacks/attacks.js";
import { isTransfer } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import type { Model } from "../model/model.js";
import type { ModelTarget } from "../model/targets.js";
import {
  type AdversarialFile,
  hasAdversarialImages,
  openAdversarialFile,
  writeAdversarialNpz,
} from "./adversarial-file.js";
import { checkAnswers, checkGradients, checkOutcome, requireClasses, usesGradients } from "./checks.js";
import { evaluateImages, type EvaluationEvents, partsOf, roundsByAttack } from "./evaluate.js";
import { type MeasuredImages, requireLabels } from "./images.js";
import { type Kept, type KeptUse, type MeasurementKeys, openKept } from "./kept.js";
import { attackKey, cleanKey } from "./key.js";
import { evaluationOf } from "./outcome.js";
import type { EvaluationSettings } from "./settings.js";
import type { MeasurementStore } from "./store.js";
import type { Evaluation } from "./summary.js";

/** What is measured: a loaded model, or a student still in training. */
export type MeasuredModel = Pick<Model, "identity" | "classes"> & {
  target(): Promise<Omit<ModelTarget, "dispose">>;
};

export interface MeasureSettings extends EvaluationSettings {
  /** The classifier that transfer attacks make their images on. */
  readonly surrogate?: MeasuredModel | undefined;
  /** What to do with earlier results; `use` by default. */
  readonly kept?: KeptUse | undefined;
  /** The npz file to write adversarial images to. They are made even if the accuracy is known already, and need a store. */
  readonly adversarial?: string | undefined;
  /** Whether to check the model for what makes its accuracy doubtful; true by default. */
  readonly checks?: boolean | undefined;
}

export interface MeasureEvents extends Pick<EvaluationEvents, "onProgress"> {
  /** Called once, if anything is left to measure, with the device and engine the model runs on. */
  onBegin(device: string): void;
  /** Called with messages for the user. */
  onMessage(text: string): void;
}

export interface Measurement {
  readonly evaluation: Evaluation;
  /** What makes the accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
  /** The seconds spent on each attack, interrupted sessions included. */
  readonly seconds: Readonly<Partial<Record<AttackId, number>>>;
  /** The attacks that were not complete before, and null if the clean pass was not. */
  readonly made: readonly (AttackId | null)[];
  /** The device and engine the model ran on. */
  readonly device: string;
}

/**
 * Measures a model's clean and robust accuracy: every accuracy that a command or a training reports is made here. What the store
 * knows is not measured again, and if it knows everything, no engine starts. Results are written to it after every batch, so that
 * an interrupted measurement can go on from there.
 *
 * @param store Where results are kept; null keeps nothing.
 * @throws {InputError} as `evaluateImages`, if the model has too few classes for an attack, or, with `kept: "require"`, as `openKept` or if
 * adversarial images are missing; {@link WorkError} if an attack makes an invalid image, the model cannot run or the disk refuses.
 */
export async function measure(
  model: MeasuredModel,
  data: MeasuredImages,
  settings: MeasureSettings,
  store: MeasurementStore | null,
  events: Partial<MeasureEvents> = {},
): Promise<Measurement> {
  requireLabels(data, model.classes);
  requireClasses(model.classes, settings.attacks);
  const say = (text: string): void => events.onMessage?.(text);
  const keys = keysOf(model, data, settings);
  const kept = openKept(store, keys, data, model.classes, settings.kept ?? "use", say);
  const images = adversarialImages(store, keys, data, settings, kept, say);
  const made = [null, ...settings.attacks].filter((attack) => !kept.isOver(attack));
  try {
    if (made.length > 0) await work(model, data, settings, kept, images, events, say);
    if (settings.adversarial !== undefined) writeAdversarialNpz(settings.adversarial, data, images.files);
  } finally {
    images.close();
  }
  if (settings.adversarial !== undefined) images.remove();

  const evaluation = evaluationOf(kept.state, partsOf(roundsByAttack(settings)), data.labels);
  const doubts = settings.checks === false ? [] : checkOutcome(evaluation, settings.attacks);
  for (const doubt of doubts) say(`warning: ${doubt}`);
  const seconds = settings.attacks.map((id) => [id, kept.state.attacks[id]?.seconds ?? 0] as const);
  return {
    evaluation,
    warnings: [...warningsOf(kept, settings), ...doubts],
    seconds: Object.fromEntries(seconds),
    made,
    device: kept.device ?? "",
  };
}

function keysOf(model: MeasuredModel, data: MeasuredImages, settings: MeasureSettings): MeasurementKeys {
  const { attacks, surrogate, batchSize } = settings;
  const measured = { model: model.identity, data: data.fingerprint, images: data.count, batchSize };
  const keys = attacks.map((id) => {
    if (isTransfer(id) && !surrogate)
      throw new InputError(`${id} needs a surrogate`, {
        expected: "another classifier to make its images on",
      });
    return [id, attackKey(measured, id, settings, surrogate?.identity ?? null)] as const;
  });
  return { clean: cleanKey(measured), attacks: new Map(keys) };
}

/** Starts the engines and measures what is left. */
async function work(
  model: MeasuredModel,
  data: MeasuredImages,
  settings: MeasureSettings,
  kept: Kept,
  images: AdversarialImages,
  events: Partial<MeasureEvents>,
  say: (text: string) => void,
): Promise<void> {
  const { attacks, surrogate } = settings;
  const target = await model.target();
  events.onBegin?.(target.runsOn);
  const before = attacks.filter((attack) => kept.isOver(attack));
  forgetOtherDevice(kept, attacks, target.runsOn, say);
  for (const attack of attacks)
    if (kept.state.attacks[attack] && !kept.isOver(attack)) say(`going on with ${attack}`);
  if (settings.checks !== false) check(target, data, settings, kept);
  for (const warning of warningsOf(kept, settings)) say(`warning: ${warning}`);
  const transfers = attacks.some((id) => isTransfer(id) && !kept.isOver(id));
  const made = transfers ? await surrogate?.target() : undefined;
  await evaluateImages(
    target,
    data,
    { ...settings, surrogate: made },
    {
      ...(events.onProgress ? { onProgress: events.onProgress } : {}),
      onState(_, attack) {
        if (attack === null || !before.includes(attack)) kept.save(attack);
      },
      onAdversarial: (attack, indexes, found) => images.files.get(attack)?.put(indexes, found),
    },
    kept.state,
  );
}

/** Forgets what was begun on another device, as other kernels round differently; what was finished there counts. */
function forgetOtherDevice(
  kept: Kept,
  attacks: readonly AttackId[],
  runsOn: string,
  say: (text: string) => void,
): void {
  const { device } = kept;
  kept.device = runsOn;
  if (device === null || device === runsOn) return;
  for (const attack of [null, ...attacks]) {
    const begun = attack === null ? kept.state.clean.length > 0 : kept.state.attacks[attack];
    if (!begun || kept.isOver(attack)) continue;
    say(`${attack ?? "the clean pass"} was begun on ${device}: it begins anew`);
    kept.forget(attack);
  }
}

/** Makes those checks of the model that were not made before. */
function check(
  target: Omit<ModelTarget, "dispose">,
  data: MeasuredImages,
  settings: MeasureSettings,
  kept: Kept,
): void {
  const { warnings } = kept;
  warnings.answers ??= checkAnswers(target, data, settings.batchSize);
  if (usesGradients(settings.attacks))
    warnings.gradients ??= checkGradients(target, data, settings.batchSize);
  kept.save(null);
}

function warningsOf({ warnings }: Kept, { attacks }: MeasureSettings): string[] {
  return [...(warnings.answers ?? []), ...(usesGradients(attacks) ? (warnings.gradients ?? []) : [])];
}

/** The adversarial images of a measurement: one file for each attack, if they are wanted. */
interface AdversarialImages {
  readonly files: ReadonlyMap<AttackId, AdversarialFile>;
  close(): void;
  remove(): void;
}

/** Opens the files of the adversarial images; an attack whose file is missing or incomplete starts anew. */
function adversarialImages(
  store: MeasurementStore | null,
  { attacks }: MeasurementKeys,
  data: MeasuredImages,
  settings: MeasureSettings,
  kept: Kept,
  say: (text: string) => void,
): AdversarialImages {
  const files = new Map<AttackId, AdversarialFile>();
  const paths = new Map([...attacks].map(([id, key]) => [id, `${store?.pathOf(key) ?? ""}.images`]));
  const remove = (): void => {
    for (const path of store ? paths.values() : []) rmSync(path, { force: true });
  };
  const wanted = settings.adversarial !== undefined;
  if (wanted && !store) throw new Error("adversarial images are kept beside a store's records");
  // Files from an earlier call would lack what is found from here on.
  if (!wanted) remove();
  for (const [id, path] of wanted ? paths : []) {
    const there = kept.state.attacks[id] !== undefined && hasAdversarialImages(path, data);
    if (!there && kept.state.attacks[id]) {
      if (settings.kept === "require" && !kept.isOver(id)) throw withoutImages(id, path);
      say(`${id} is known, but not its adversarial images: they are made`);
      kept.forget(id);
    }
    files.set(id, openAdversarialFile(path, data, there));
  }
  return {
    files,
    remove,
    close() {
      for (const file of files.values()) file.close();
    },
  };
}

function withoutImages(attack: AttackId, path: string): InputError {
  return new InputError(`the adversarial images of the unfinished ${attack} are not all there`, {
    expected: path,
    found: "none, or not all of them",
    fix: "leave --resume out to start it anew",
  });
}
