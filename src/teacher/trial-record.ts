import { createHash } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { cacheFolder } from "../../scripts/setup/cache.mjs";
import { pinsKey } from "../../scripts/setup/record.mjs";
import { WorkError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic.js";
import { readTextFile } from "../files/read-text.js";
import { isSystemError } from "../files/system-error.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { version } from "../version.js";

/** Another number for trials that find more: what passed earlier ones is then tried again. */
const TRIAL = 1;
/** A record takes 300 bytes; the oldest beyond so many are dropped. */
const MAXIMUM_RECORDS = 1000;
const MAXIMUM_BYTES = 1 << 20;

/** A model that is tried: these bytes, for these images and classes. */
export interface TrialKey extends Pick<ClassifierShape, "image" | "classes"> {
  /** The SHA-256 of the .onnx file. */
  readonly sha256: string;
  /** Whether it is taken to be in the standard form, rather than brought into it. */
  readonly standard: boolean;
}

const recordSchema = z.object({
  /** The largest batch it was tried on. */
  batch: z.number().int().positive(),
  gradient: z.boolean(),
  /** How long the answer to that batch took, in seconds of one thread; 0 if that was not measured. */
  seconds: z.number().nonnegative(),
  /** Its external data. */
  data: z.array(z.object({ file: z.string(), sha256: z.string() })).readonly(),
});

/** What this installation tried a model on, and it passed. */
export interface TrialRecord extends Readonly<z.infer<typeof recordSchema>> {}

/** The record of a model; null if there is none, or it cannot be read. */
export function readTrial(key: TrialKey): TrialRecord | null {
  try {
    return recordSchema.parse(JSON.parse(readTextFile(pathOf(key), MAXIMUM_BYTES)));
  } catch {
    return null;
  }
}

/** Keeps the record of a model in the user's cache; without a cache to write to, it is tried again the next time. */
export function writeTrial(key: TrialKey, record: TrialRecord): void {
  const path = pathOf(key);
  try {
    writeFileAtomically(path, `${JSON.stringify(record)}\n`);
    dropOldest();
  } catch (error) {
    if (!(error instanceof WorkError) && !isSystemError(error)) throw error;
  }
}

/** In the user's cache; `MTARD_TRIALS` moves it, as tests do. */
function folder(): string {
  return process.env["MTARD_TRIALS"] || join(cacheFolder(), "trials");
}

function pathOf({ sha256, standard, image: { height, width, channels }, classes }: TrialKey): string {
  const said = JSON.stringify([
    ...[TRIAL, version, pinsKey(), sha256, standard],
    ...[height, width, channels, classes],
  ]);
  return join(folder(), `${createHash("sha256").update(said).digest("hex")}.json`);
}

function dropOldest(): void {
  const files = readdirSync(folder());
  if (files.length <= MAXIMUM_RECORDS) return;
  const dated = files.map((file) => {
    const path = join(folder(), file);
    return { path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 };
  });
  dated.sort((one, other) => other.time - one.time);
  for (const { path } of dated.slice(MAXIMUM_RECORDS)) rmSync(path, { force: true });
}
