import type { Dataset, StoreRecord } from "../data/store.js";
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

/** What the work tells while it goes on. */
export interface WorkEvents {
  /** One line about everything. */
  onProgress(event: WorkProgress): void;
  /** A run is found, begun or done. */
  onMessage(text: string): void;
  stopRequested(): boolean;
}

export interface WorkProgress extends RunPlace {
  readonly doing: string;
  readonly imagesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

/** Which run of how many, from 1. */
export interface RunPlace {
  readonly run: number;
  readonly runs: number;
}

/** The work was stopped as asked: all of it is saved, and the same call goes on. */
export class Stopped extends Error {}

/** One call's state. */
export interface Session {
  readonly scale: Scale;
  readonly places: Places;
  readonly events: WorkEvents;
  readonly record: StoreRecord;
  /** Folders of finished runs by key. */
  readonly finished: Map<string, string>;
  readonly ledger: Ledger;
  readonly lock: Lock;
  /** By `subjectId`. */
  readonly outcomes: Map<string, Outcome>;
  /** What the attacks have other than their defaults. */
  readonly attackChanges: AttackChanges;
  /** The teachers that were looked up, by what the call or the store calls them. */
  readonly teachers: Map<string, ResolvedTeacher>;
  /** The data set, opened at the first call. */
  dataset(): Pick<Dataset, "description" | "test" | "fingerprint">;
  /** The classifier that transfer attacks are made on, loaded at the first call. */
  surrogate(): Promise<Model>;
}

/** A teacher a run is given. */
export interface ResolvedTeacher {
  /** Where a run's settings say it is. */
  readonly named: string;
  readonly reference: TeacherReference;
  /** What it is called in a report. */
  readonly name: string;
  readonly network: string | null;
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
