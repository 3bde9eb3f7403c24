import type { AttackChanges } from "../evaluation/settings.js";
import type { Dataset, StoreRecord } from "../data/store.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { InitialWeights } from "../run/run-directory.js";
import type { Model } from "../model/model.js";
import type { TeacherManifest } from "../teacher/manifest.js";
import type { TeacherReference } from "../teacher/reference.js";
import { heldOutOf, type TrainingSettings } from "../recipes/settings.js";
import type { DeviceRequest } from "../runtime/device.js";
import type { ImageCounts } from "./run-key.js";
import type { Ledger } from "./ledger.js";
import type { Scale } from "./scale.js";

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
  /** Called with what several processes do, where there are several. */
  onJobs?(view: JobsView): void;
}

/** What several processes do. */
export interface JobsView {
  /** How many jobs are done of those that this call has to do, and how many cannot be. */
  readonly done: number;
  readonly failed: number;
  readonly all: number;
  readonly secondsLeft: number | null;
  readonly working: readonly Pick<WorkProgress, "doing" | "imagesPerSecond" | "secondsLeft">[];
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

/** @throws {Stopped} if asked to stop. */
export function stopIfAsked(events: Pick<WorkEvents, "stopRequested">): void {
  if (events.stopRequested()) throw new Stopped();
}

/** What the jobs of one process share, whichever plan they are of. */
export interface WorkSession {
  readonly places: Places;
  readonly events: WorkEvents;
  readonly record: StoreRecord;
  /** The data set as a classifier sees it. */
  readonly shape: ClassifierShape;
  readonly ledger: Ledger;
  /** The teachers looked up so far, by the name, folder or file that was given. */
  readonly teachers: Map<string, ResolvedTeacher>;
  /** The folders of finished runs by key, looked for at the first call. */
  finished(): Map<string, string>;
  /** The directory of the run that a job trained. */
  folderOf(job: string): string;
  /** The data set, opened at the first call. */
  dataset(): Pick<Dataset, "description" | "test" | "fingerprint">;
  /** A classifier that transfer attacks make their images on, each loaded once. */
  surrogate(named: string): Promise<Model>;
}

/** What it takes to make a plan's jobs. */
export interface PlanSession extends WorkSession {
  readonly scale: Scale;
  /** What every run's student starts from, where the scale names it. */
  readonly init: InitialWeights | null;
  /** The attack settings that differ from the defaults. */
  readonly attackChanges: AttackChanges;
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
  const heldOut = heldOutOf(settings);
  return { train: all - heldOut, selection: heldOut || test, test };
}
