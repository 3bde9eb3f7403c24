import { setImmediate as eventsPass } from "node:timers/promises";
import type { CorruptedImages } from "../corruptions/corrupted-images.js";
import { type CorruptionId, corruptions } from "../corruptions/corruptions.js";
import type { Severity } from "../corruptions/picture.js";
import type { DatasetDescription } from "../data/datasets.js";
import { imageBytes, imagesInMemory } from "../data/images.js";
import { imagesOf, type MeasuredImages } from "./images.js";
import type { KeptUse } from "./kept.js";
import { isMeasured, measure, type MeasuredModel } from "./measure.js";
import type { EvaluationProgress } from "./progress.js";
import type { MeasurementStore } from "./store.js";

/** The accuracy on the images of one corruption at one severity. */
export interface CorruptedAccuracy {
  readonly name: CorruptionId;
  readonly severity: Severity;
  readonly correct: number;
  readonly total: number;
  readonly accuracy: number;
  /** Whether it was known before. */
  readonly known: boolean;
}

export interface CorruptedSettings {
  readonly names: readonly CorruptionId[];
  readonly severities: readonly Severity[];
  readonly batchSize: number;
  readonly kept: KeptUse;
}

/** How far the measurement of one set, which is a corruption at a severity, has got. */
export interface CorruptedProgress {
  readonly name: CorruptionId;
  readonly severity: Severity;
  /** Whether its images are still being made; then `done` counts those, else those that were measured. */
  readonly making: boolean;
  readonly done: number;
  readonly total: number;
  /** The share of all sets that were not known which is done. */
  readonly share: number;
}

export interface CorruptedEvents {
  /** What it throws ends the work; what was measured is kept. */
  onProgress(progress: CorruptedProgress): void;
  onMessage(text: string): void;
  /** Called when all severities of a corruption are measured. */
  onCorruption(rows: readonly CorruptedAccuracy[]): void;
}

/** About how much of a set's time its images take to be made. */
const MAKING = 0.5;

/**
 * Measures the accuracy on corrupted images, one corruption and severity after the other. What the store knows is neither made nor
 * measured again.
 *
 * @param data The data set that was corrupted, and its fingerprint.
 * @throws {InputError} and {@link WorkError} as {@link measure}, and as reading the images does.
 */
export async function measureCorrupted(
  model: MeasuredModel,
  images: CorruptedImages,
  data: { readonly description: DatasetDescription; readonly fingerprint: string },
  { names, severities, batchSize, kept }: CorruptedSettings,
  store: MeasurementStore,
  events: Partial<CorruptedEvents> = {},
): Promise<CorruptedAccuracy[]> {
  const settings = { attacks: [], epsilon: 0, seed: 0, batchSize, kept, checks: false };
  // The origin of a published set is the checksum of a large file: others get their turn before each.
  for (const name of names) {
    for (const severity of severities) images.originOf(name, severity);
    const [severity = 1] = severities;
    events.onProgress?.({ name, severity, making: true, done: 0, total: images.count, share: 0 });
    await eventsPass();
  }
  const sets = names.map((name) => severities.map((severity) => corruptedSet(images, data, name, severity)));
  const isKnown = ({ measured }: CorruptedSet): boolean =>
    kept !== "discard" && isMeasured(model, measured, settings, store);
  const unknown = new Set(sets.flat().filter((set) => !isKnown(set)));
  const left = unknown.size;
  let finished = 0;
  const rows: CorruptedAccuracy[] = [];
  for (const ofOne of sets) {
    const found: CorruptedAccuracy[] = [];
    for (const set of ofOne) {
      const { name, severity, measured } = set;
      const tell = (making: boolean, done: number): void => {
        const part = done / measured.count;
        const share = making ? MAKING * part : MAKING + (1 - MAKING) * part;
        const total = measured.count;
        events.onProgress?.({ name, severity, making, done, total, share: (finished + share) / left });
      };
      if (unknown.has(set)) await set.fill((done) => tell(true, done));
      const { evaluation, made } = await measure(model, measured, settings, store, {
        onProgress: ({ pass }: EvaluationProgress) => tell(false, pass.done),
        onMessage: (text) => events.onMessage?.(text),
      });
      set.empty();
      if (unknown.has(set)) finished++;
      found.push({
        ...{ name, severity },
        ...{ ...evaluation.clean, total: evaluation.total },
        known: made.length === 0,
      });
    }
    events.onCorruption?.(found);
    rows.push(...found);
  }
  return rows;
}

interface CorruptedSet {
  readonly name: CorruptionId;
  readonly severity: Severity;
  /** Can be read once it is filled. */
  readonly measured: MeasuredImages;
  fill(onProgress: (done: number) => void): Promise<void>;
  empty(): void;
}

function corruptedSet(
  images: CorruptedImages,
  { description, fingerprint }: { readonly description: DatasetDescription; readonly fingerprint: string },
  name: CorruptionId,
  severity: Severity,
): CorruptedSet {
  const { count, labels } = images;
  const nothing = new Uint8Array(0);
  let bytes = nothing;
  const size = imageBytes(description.image);
  const read = (first: number, some: number): Uint8Array => imagesInMemory(bytes, size).read(first, some);
  return {
    ...{ name, severity },
    measured: {
      ...imagesOf({ count, labels, images: { read } }, description, fingerprint),
      corruption: { name, severity, ...images.originOf(name, severity) },
    },
    async fill(onProgress) {
      bytes = new Uint8Array(await images.read(name, severity, onProgress));
    },
    empty() {
      bytes = nothing;
    },
  };
}

/**
 * The mean accuracy over the common corruptions among the rows, each the mean of its severities (`mCA`); null if there is none. The four
 * others are left out of it.
 */
export function meanCorrupted(rows: readonly CorruptedAccuracy[]): number | null {
  const common = rows.filter(({ name }) => corruptions[name].isCommon);
  const names = [...new Set(common.map(({ name }) => name))];
  if (names.length === 0) return null;
  return meanOf(
    names.map((name) => meanOf(common.filter((row) => row.name === name).map((row) => row.accuracy))),
  );
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
