import type { TeacherManifest } from "../teacher/manifest.js";
import type { Dataset, StoreRecord } from "../data/store.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { InitialWeights } from "../run/run-directory.js";
import type { Model } from "../model/model.js";
import type { TeacherReference } from "../teacher/reference.js";
import type { AttackChanges } from "../evaluation/settings.js";
import type { TrainingSettings } from "../recipes/settings.js";
import type { DeviceRequest } from "../runtime/device.js";
import type { Lock } from "../files/lock.js";
import type { ImageCounts } from "./run-key.js";
import type { Ledger } from "./ledger.js";
import type { Scale } from "./scale.js";
import type { Outcome } from "./run-request.js";

/** Where everything is, and what it runs on. */
export interface Places {
  readonly runsDir: string;
  readonly dataDir: string;
  readonly teachersDir: string;
  readonly device: DeviceRequest;
}

/** Called as the work goes on. */
export interface WorkEvents {
  /** Called with the progress of all the work. */
  onProgress(event: WorkProgress): void;
  /** Called with messages for the user, such as that a run is found or begun. */
  onMessage(text: string): void;
  stopRequested(): boolean;
}

export interface WorkProgress extends RunPlace {
  readonly doing: string;
  readonly imagesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

/** Which run this is, counted from 1, and of how many. */
export interface RunPlace {
  readonly run: number;
  readonly runs: number;
}

/** Thrown when the work stops as asked: everything is saved, and the same call goes on from there. */
export class Stopped extends Error {}

/** The state of one call. */
export interface Session {
  readonly scale: Scale;
  readonly places: Places;
  readonly events: WorkEvents;
  readonly record: StoreRecord;
  /** The data set as a classifier sees it. */
  readonly shape: ClassifierShape;
  /** What every run's student starts from, where the scale names it. */
  readonly init: InitialWeights | null;
  /** Folders of finished runs by key. */
  readonly finished: Map<string, string>;
  readonly ledger: Ledger;
  /** The requests, by `subjectId`, whose training is no work of theirs: it was done before the call began, or is another request's. */
  readonly withoutTraining: Set<string>;
  readonly lock: Lock;
  /** What is done so far, by `subjectId`. */
  readonly outcomes: Map<string, Outcome>;
  /** The attack settings that differ from the defaults. */
  readonly attackChanges: AttackChanges;
  /** The teachers looked up so far, by the name, folder or file that was given. */
  readonly teachers: Map<string, ResolvedTeacher>;
  /** The data set, opened at the first call. */
  dataset(): Pick<Dataset, "description" | "test" | "fingerprint">;
  /** The classifier that transfer attacks make their images on, loaded at the first call. */
  surrogate(): Promise<Model>;
}

/** A teacher that was looked up. */
export interface ResolvedTeacher {
  /** The name, folder or file by which a run's settings refer to it. */
  readonly named: string;
  readonly reference: TeacherReference;
  /** What it is called in a report. */
  readonly name: string;
  readonly network: string | null;
  readonly normalization: TeacherManifest["normalization"];
  readonly sha256: string;
}

/** How many test images there are for a subject at a scale. */
export function testImages({ limitTest }: Scale, stored: ImageCounts): number {
  return Math.min(limitTest ?? Infinity, stored.test);
}

/** How many images a run trains on, chooses its best student on, and is tested on. */
export function imagesOf(
  settings: TrainingSettings,
  stored: ImageCounts,
): ImageCounts & { selection: number } {
  const all = Math.min(settings.limitTrain ?? Infinity, stored.train);
  const test = Math.min(settings.limitTest ?? Infinity, stored.test);
  const heldOut = settings.selection === "held-out" ? settings.heldOut : 0;
  return { train: all - heldOut, selection: heldOut || test, test };
}
