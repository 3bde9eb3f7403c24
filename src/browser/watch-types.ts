/* What `mtard watch` answers its own pages. Plain data, for both sides. */

export type RunState = "training" | "paused" | "finished" | "damaged";

/** A curve for a glance: its points lie at equal distances of steps, null where a part has none. */
export type SmallCurve = readonly (number | null)[];

/** Accuracies that an evaluation of the training found, as fractions. */
export interface EvaluationPoint {
  readonly epoch: number;
  readonly step: number;
  readonly clean: number;
  readonly robust: number;
  readonly wRobust: number;
  readonly best: boolean;
  /** W-Robust of the averaged weights, where the run keeps such. */
  readonly averaged: number | null;
}

/** A run in the list. */
export interface RunRow {
  /** Made from its path; addresses hold ids alone. */
  readonly id: string;
  /** Its path below the folder that is watched. */
  readonly name: string;
  readonly state: RunState;
  /** What is wrong with it, in a sentence. */
  readonly problem: string | null;
  /** What it trains, in words. */
  readonly about: string;
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  /** How many steps an epoch has; null before that is known. */
  readonly stepsPerEpoch: number | null;
  /** The share of its steps that is done; null before that is known. */
  readonly share: number | null;
  readonly secondsLeft: number | null;
  /** When its metrics last grew: milliseconds since 1970. */
  readonly updated: number;
  readonly best: EvaluationPoint | null;
  readonly loss: SmallCurve;
  readonly wRobust: SmallCurve;
  /** Whether its metrics have been read to their end. */
  readonly read: boolean;
}

/** A job that other processes do. */
export interface JobRow {
  readonly name: string;
  readonly state: string;
  readonly where: string;
  readonly doing: string;
  readonly secondsLeft: number | null;
  readonly tries: number;
}

/** All that the first page shows. */
export interface Overview {
  readonly folder: string;
  readonly runs: readonly RunRow[];
  readonly jobs: readonly JobRow[];
  /** What could not be looked at, one sentence each. */
  readonly notes: readonly string[];
}

/** What changed since the page was told last. */
export interface Changes {
  readonly runs: readonly RunRow[];
  readonly gone: readonly string[];
  readonly jobs: readonly JobRow[] | null;
  readonly notes: readonly string[] | null;
}

/** Reported values over the steps, thinned: each entry stands for `width` steps, of which it has the mean, the least and the largest. */
export interface ThinnedCurves {
  readonly width: number;
  /** The middle of the steps of each entry. */
  readonly steps: readonly number[];
  readonly values: Readonly<Record<string, ThinnedValue>>;
}

export interface ThinnedValue {
  readonly mean: readonly (number | null)[];
  /** Both absent where every entry is of one step. */
  readonly min?: readonly (number | null)[];
  readonly max?: readonly (number | null)[];
}

/** A run's page. */
export interface RunDetail {
  readonly row: RunRow;
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly curves: ThinnedCurves;
  readonly evaluations: readonly EvaluationPoint[];
  /** How many lines of the metrics cannot be read. */
  readonly unreadableLines: number;
}

/** One attack that was measured, or what is wrong with its record. */
export interface MeasurementRow {
  readonly id: string;
  readonly model: string;
  /** The run's id, if the model is a run's student. */
  readonly run: string | null;
  readonly attack: string;
  readonly images: number | null;
  /** For sorting; `radius` says it with its norm. */
  readonly epsilon: number | null;
  readonly radius: string;
  /** Fractions; null where nothing was measured yet. */
  readonly clean: number | null;
  readonly robust: number | null;
  readonly wRobust: number | null;
  /** The accuracy on corrupted images. */
  readonly corrupted: number | null;
  readonly date: number;
  /** Empty, or why there are no numbers. */
  readonly problem: string;
}

export interface Measurements {
  readonly rows: readonly MeasurementRow[];
  /** How many records are still to be read. */
  readonly unread: number;
}
