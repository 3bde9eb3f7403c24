import type { CorruptionId } from "./corruptions.js";
import type { Severity } from "./picture.js";

/** What decides the corrupted images of a data set, beside corruption, severity and data set. */
export interface CorruptionOrigin {
  /** The SHA-256 of the published file with the images; null where they are made here. */
  readonly file: string | null;
  /** Of images that are made here; null if nothing is random. */
  readonly seed: number | null;
  /** Of the way that images are made here; null for published ones. */
  readonly version: number | null;
}

/** Corrupted copies of labelled images. */
export interface CorruptedImages {
  readonly count: number;
  /** The classes of the images, which are those of every copy. */
  readonly labels: Uint8Array;
  /** Why a corruption is not among them, in a sentence; null where it is. */
  lacks(id: CorruptionId): string | null;
  originOf(id: CorruptionId, severity: Severity): CorruptionOrigin;
  /**
   * Makes or reads the copies at one severity: uint8 NHWC, row-major.
   *
   * @param onProgress Called with how many images are there; what it throws ends the work.
   */
  read(id: CorruptionId, severity: Severity, onProgress: (done: number) => void): Promise<Uint8Array>;
}
