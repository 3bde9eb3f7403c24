import type { AttackId } from "../attacks/attacks.js";
import { isTransfer } from "../attacks/attacks.js";
import type { Model } from "../model/model.js";
import type { ModelTarget } from "../model/targets.js";
import { batchesOf, type ModelUse } from "../teacher/tried.js";
import { writeAdversarialNpz } from "./adversarial-file.js";
import { type AdversarialImages, openAdversarialImages } from "./adversarial-images.js";
import {
  checkAnswers,
  checkGradients,
  checkNaN,
  checkOutcome,
  requireClasses,
  usesGradients,
} from "./checks.js";
import {
  evaluateImages,
  type EvaluationEvents,
  partsOf,
  requireSurrogate,
  roundsByAttack,
} from "./evaluate.js";
import { type MeasuredImages, requireLabels } from "./images.js";
import { holdKeys, type KeyLocks } from "./key-locks.js";
import { type Kept, type KeptUse, type MeasurementKeys, openKept } from "./kept.js";
import { attackKey, cleanKey } from "./key.js";
import { evaluationOf } from "./outcome.js";
import { isFinished } from "./record.js";
import type { EvaluationSettings } from "./settings.js";
import type { MeasurementStore } from "./store.js";
import { type AttackState, isAttacked } from "./state.js";
import type { Evaluation } from "./summary.js";

/** What is measured: a loaded model, or a student still in training. */
export type MeasuredModel = Pick<Model, "identity" | "classes"> & {
  target(use?: ModelUse): Promise<Omit<ModelTarget, "dispose">>;
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

export interface MeasureEvents extends Pick<EvaluationEvents, "onProgress" | "onAdversarial"> {
  /** Called once, if anything is left to measure, with the device and engine the model runs on. */
  onBegin(device: string): void;
  /** Called with messages for the user. */
  onMessage(text: string): void;
  /** Called now and then while another process makes what is wanted; what it throws ends the waiting. */
  onWaiting(): void;
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
  requireClasses(model.classes, settings.attacks, settings.own);
  const say = (text: string): void => events.onMessage?.(text);
  const keys = keysOf(model, data, settings);
  const { kept: use = "use", own = {} } = settings;
  const isKept = (attack: AttackId | null): boolean => attack === null || !Object.hasOwn(own, attack);
  const withImages = settings.adversarial !== undefined;
  const needs = (attack: AttackId | null, isKnown: boolean): boolean =>
    isKept(attack) && (!isKnown || use === "discard" || (attack !== null && withImages));
  const locks = store && (await holdKeys(store, keys, model.classes, needs, say, () => events.onWaiting?.()));
  try {
    return await measureHeld(model, data, settings, store, keys, isKept, locks, events);
  } finally {
    locks?.releaseAll();
  }
}

/** Whether a store knows all of a measurement. No engine starts. */
export function isMeasured(
  model: MeasuredModel,
  data: MeasuredImages,
  settings: MeasureSettings,
  store: MeasurementStore,
): boolean {
  const { clean, attacks } = keysOf(model, data, settings);
  return [clean, ...attacks.values()].every((key, index) => {
    // Each attack's record has the clean answers too.
    if (index === 0 && attacks.size > 0) return true;
    const record = store.read(key, model.classes);
    return record !== null && typeof record !== "string" && isFinished(key, record);
  });
}

/** Does what {@link measure} does, with the locks of what is not known yet. */
async function measureHeld(
  model: MeasuredModel,
  data: MeasuredImages,
  settings: MeasureSettings,
  store: MeasurementStore | null,
  keys: MeasurementKeys,
  isKept: (attack: AttackId | null) => boolean,
  locks: KeyLocks | null,
  events: Partial<MeasureEvents>,
): Promise<Measurement> {
  const say = (text: string): void => events.onMessage?.(text);
  const { kept: use = "use" } = settings;
  const kept = openKept(store, keys, data, model.classes, use, isKept, say);
  const images = openAdversarialImages(store, keys, data, settings, kept, say);
  const made = [null, ...settings.attacks].filter((attack) => !kept.isOver(attack));
  try {
    if (made.length > 0) await work(model, data, settings, kept, images, locks, events, say);
    else sayWarnings(kept, settings, say);
    if (settings.adversarial !== undefined) writeAdversarialNpz(settings.adversarial, data, images.files);
  } finally {
    images.close();
  }
  if (settings.adversarial !== undefined) images.remove();

  const evaluation = evaluationOf(kept.state, partsOf(roundsByAttack(settings)), data.labels);
  const states = settings.attacks.map((id) => kept.state.attacks[id]);
  const doubts =
    settings.checks === false
      ? []
      : [
          ...checkNaN(states, attackedIn(states, kept.state.clean, data.labels)),
          ...checkOutcome(evaluation, settings.attacks, settings.own),
        ];
  for (const doubt of doubts) say(`warning: ${doubt}`);
  const seconds = settings.attacks.map((id) => [id, kept.state.attacks[id]?.seconds ?? 0] as const);
  return {
    evaluation,
    warnings: [...warningsOf(kept, settings), ...doubts],
    seconds: Object.fromEntries(seconds),
    made,
    device: deviceOf(kept, made, settings),
  };
}

/** How many images at least one of the attacks attacked. */
function attackedIn(
  states: readonly (AttackState | undefined)[],
  clean: readonly number[],
  labels: ArrayLike<number>,
): number {
  return clean.filter((answer, image) =>
    states.some((state) => state && isAttacked(state, image, answer, labels[image])),
  ).length;
}

function keysOf(model: MeasuredModel, data: MeasuredImages, settings: MeasureSettings): MeasurementKeys {
  const { attacks, surrogate, batchSize } = settings;
  const measured = {
    ...{ model: model.identity, data: data.fingerprint, images: data.count, batchSize },
    ...(data.corruption ? { corruption: data.corruption } : {}),
  };
  const keys = attacks.map((id) => {
    const maker = isTransfer(id) ? requireSurrogate(id, surrogate) : null;
    return [id, attackKey(measured, id, settings, maker?.identity ?? null)] as const;
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
  locks: KeyLocks | null,
  events: Partial<MeasureEvents>,
  say: (text: string) => void,
): Promise<void> {
  const { attacks, surrogate } = settings;
  const batches = batchesOf(data.count, settings.batchSize);
  const target = await model.target({ batches, gradient: usesGradients(attacks, settings.own) });
  events.onBegin?.(target.runsOn);
  const before = attacks.filter((attack) => kept.isOver(attack));
  forgetOtherDevice(kept, attacks, target.runsOn, say);
  for (const attack of attacks)
    if (kept.state.attacks[attack] && !kept.isOver(attack)) say(`going on with ${attack}`);
  if (settings.checks !== false) check(target, data, settings, kept);
  sayWarnings(kept, settings, say);
  const transfers = attacks.some((id) => isTransfer(id) && !kept.isOver(id));
  const made = transfers ? await surrogate?.target({ batches, gradient: true }) : undefined;
  await evaluateImages(
    target,
    data,
    { ...settings, surrogate: made },
    {
      ...(events.onProgress ? { onProgress: events.onProgress } : {}),
      onState(_, attack) {
        if (attack === null || !before.includes(attack)) kept.save(attack);
        const isInUse = attack !== null && settings.adversarial !== undefined;
        if (kept.isOver(attack) && !isInUse) locks?.release(attack);
      },
      onAdversarial(attack, indexes, found) {
        images.files.get(attack)?.put(indexes, found);
        events.onAdversarial?.(attack, indexes, found);
      },
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
  for (const attack of [null, ...attacks]) {
    if (kept.isOver(attack)) continue;
    const device = kept.devices.get(attack);
    kept.devices.set(attack, runsOn);
    if (device === undefined || device === runsOn) continue;
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
  if (usesGradients(settings.attacks, settings.own))
    warnings.gradients ??= checkGradients(target, data, settings.batchSize);
  kept.save(null);
}

function sayWarnings(kept: Kept, settings: MeasureSettings, say: (text: string) => void): void {
  for (const warning of warningsOf(kept, settings)) say(`warning: ${warning}`);
}

/** Where what was made now ran; if all was known, where the first attack ran, or the clean pass. */
function deviceOf({ devices }: Kept, made: Measurement["made"], { attacks }: MeasureSettings): string {
  const ran = [...made, ...attacks, null].map((attack) => devices.get(attack));
  return ran.find((device) => device !== undefined) ?? "";
}

function warningsOf({ warnings }: Kept, { attacks, own }: MeasureSettings): string[] {
  return [...(warnings.answers ?? []), ...(usesGradients(attacks, own) ? (warnings.gradients ?? []) : [])];
}
