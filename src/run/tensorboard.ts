import { closeSync, constants, ftruncateSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError, WorkError } from "../errors.js";
import { isThere, requireRegularFile } from "../files/kind.js";
import { closeQuietly } from "../files/refresh.js";
import { meaningOf } from "../files/system-error.js";
import { writeWhole } from "../files/write-whole.js";
import type { TrainingSettings } from "../recipes/settings.js";
import {
  messageAt,
  type Picture,
  pictureValue,
  recordLength,
  scalarValue,
  sessionEnd,
  sessionStart,
  summaryRecord,
  versionRecord,
  wallTimeAt,
} from "./event-record.js";
import { RUN_FILES } from "./run-directory.js";
import { hyperparameters, type MetricsLine, scalarsOf } from "./tensorboard-tags.js";

/** The event files of a run, as TensorBoard reads them. Whatever the disk refuses is told once, and ends no training. */
export interface EventFiles {
  /** Adds what `metrics.jsonl` gets. */
  append(line: MetricsLine): void;
  /** Adds a picture of adversarial images, which belongs to the next line; none where there is nothing to show. */
  picture(step: number, drawn: () => Promise<DescribedPicture | null>): Promise<void>;
  /** Gives the file all that was added. It gets it every few seconds in any case. */
  flush(): void;
  /** Says that the run is trained to its end. */
  finish(step: number): void;
  close(): void;
}

/** A picture, and what it shows as Markdown. */
export interface DescribedPicture extends Picture {
  readonly description: string;
}

/** How long lines wait in memory, so that a shared disk is not asked at every step. */
const MOST_WAIT = 5000;

/** The tag of all pictures. */
const PICTURES = "adversarial/images";

/**
 * Opens the event files of a run so that they hold just what its `metrics.jsonl` holds: what was written after the checkpoint is cut off,
 * and lines that they lack are added, as where the run was trained without them.
 *
 * @param onProblem Told if they cannot be written, and nothing more is written then; or once if pictures cannot be drawn.
 */
export function openEventFiles(
  folder: string,
  settings: TrainingSettings,
  onProblem: (text: string) => void,
): EventFiles {
  const path = join(folder, RUN_FILES.events);
  let file: number | null = null;
  /** The length of all whole records in the file. */
  let end = 0;
  let waiting: Buffer[] = [];
  let flushed = performance.now();
  let draws = true;
  /** Whether the files say already that the run is trained to its end. */
  let ended = false;

  /** Does something with the files, unless they are lost already; what fails, loses them. */
  function attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      close();
      onProblem(
        `${path} is not written (${reasonOf(error)}); the training goes on, and the next --resume adds what is missing`,
      );
    }
  }
  function close(): void {
    waiting = [];
    if (file !== null) closeQuietly(file);
    file = null;
  }
  function flush(): void {
    if (file === null || waiting.length === 0) return;
    const bytes = Buffer.concat(waiting);
    try {
      writeWhole(file, bytes);
    } catch (error) {
      // A part of a record is no record: readers wait for the rest of it.
      ftruncateSync(file, end);
      throw error;
    }
    end += bytes.length;
    waiting = [];
    flushed = performance.now();
  }
  function add(record: Buffer): void {
    if (file === null) return;
    waiting.push(record);
    if (performance.now() - flushed > MOST_WAIT) attempt(flush);
  }

  attempt(() => {
    const lines = linesOf(folder);
    const bytes = readEvents(path);
    const held = heldOf(bytes, lines);
    const missing = lines.slice(held.count);
    const now = clock();
    const began = Number.isNaN(held.began) ? timeOf(lines[0], lines, now) : held.began;
    file = openSync(path, OPENED);
    ftruncateSync(file, held.length);
    end = held.length;
    if (end === 0) waiting.push(versionRecord(began));
    for (const line of missing) waiting.push(recordOf(line, timeOf(line, lines, now)));
    flush();
    ended = writeSettings(folder, settings, began);
  });

  return {
    append: (line) => add(recordOf(line, clock())),
    async picture(step, drawn) {
      if (file === null || !draws) return;
      const picture = await drawn().catch((error: unknown) => {
        draws = false;
        onProblem(`TensorBoard gets no pictures of this run (${reasonOf(error)})`);
        return null;
      });
      if (picture === null) return;
      const value = pictureValue(PICTURES, picture, picture.description);
      add(summaryRecord(clock(), step, [value]));
    },
    flush: () => attempt(flush),
    finish(step) {
      attempt(flush);
      if (file === null || ended) return;
      const now = clock();
      const end = summaryRecord(now, step, [sessionEnd(now)]);
      attempt(() => addTo(join(folder, RUN_FILES.eventSettings), end, "at the end"));
    },
    close() {
      attempt(flush);
      close();
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof InputError || error instanceof WorkError ? error.message : meaningOf(error).what;
}

/** A pipe without a reader is refused, not waited for. */
const OPENED = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

function clock(): number {
  return Date.now() / 1000;
}

function recordOf(line: MetricsLine, wallTime: number): Buffer {
  const values = scalarsOf(line).map(([tag, value]) => scalarValue(tag, value));
  return summaryRecord(wallTime, Number(line["step"]), values);
}

/** The lines of a run's metrics, which were cut and checked when the run was opened. */
function linesOf(folder: string): MetricsLine[] {
  const lines = readFileSync(join(folder, RUN_FILES.metrics), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as MetricsLine);
}

function readEvents(path: string): Buffer {
  if (!isThere(path)) return Buffer.alloc(0);
  requireRegularFile(path, "the event file of a run");
  return readFileSync(path);
}

/** What an event file begins with: the first lines of the metrics, as they are written here, and pictures in front of any of them. */
interface Held {
  /** Where the last of these lines ends. */
  readonly length: number;
  /** How many lines these are. */
  readonly count: number;
  /** The time of the first record; NaN where there is none. */
  readonly began: number;
}

function heldOf(bytes: Buffer, lines: readonly MetricsLine[]): Held {
  const began = wallTimeAt(bytes, 0);
  const first = versionRecord(began);
  if (!isAt(bytes, 0, first)) return { length: 0, count: 0, began: NaN };
  let length = first.length;
  for (const [count, line] of lines.entries()) {
    let at = length;
    let expected = recordOf(line, wallTimeAt(bytes, at));
    while (!isAt(bytes, at, expected)) {
      const picture = pictureAt(bytes, at);
      if (picture === 0) return { length, count, began };
      at += picture;
      expected = recordOf(line, wallTimeAt(bytes, at));
    }
    length = at + expected.length;
  }
  return { length, count: lines.length, began };
}

function isAt(bytes: Buffer, at: number, record: Buffer): boolean {
  return bytes.subarray(at, at + record.length).equals(record);
}

/** The length of the record of a picture at a place; 0 where another one is, or none. */
function pictureAt(bytes: Buffer, at: number): number {
  // The tag stands behind the time, the step and the lengths of two messages.
  if (!bytes.subarray(at, at + 60).includes(PICTURES)) return 0;
  const message = messageAt(bytes, at);
  return message ? recordLength(message.length) : 0;
}

/** When a line was written, as if the run had been worked on without a pause until now. */
function timeOf(line: MetricsLine | undefined, lines: readonly MetricsLine[], now: number): number {
  const [own, last] = [line?.["seconds"], lines.at(-1)?.["seconds"]];
  return typeof own === "number" && typeof last === "number" ? now - (last - own) : now;
}

/**
 * Writes the settings anew, as the end of a run may have moved. They have a file of their own, as has the run's end: so what stands in the
 * other one stays where it is, which a TensorBoard that reads on from where it was relies on. Where they stand there with an end, the run
 * was trained to it, and both stay.
 *
 * @returns Whether an end is there.
 */
function writeSettings(folder: string, settings: TrainingSettings, began: number): boolean {
  const path = join(folder, RUN_FILES.eventSettings);
  const start = summaryRecord(began, 0, [sessionStart(hyperparameters(settings), began)]);
  const wanted = Buffer.concat([versionRecord(began), start]);
  const there = readEvents(path);
  if (there.length > wanted.length && isAt(there, 0, wanted)) return true;
  addTo(path, wanted, "anew");
  return false;
}

function addTo(path: string, bytes: Buffer, where: "anew" | "at the end"): void {
  const file = openSync(path, OPENED);
  try {
    if (where === "anew") ftruncateSync(file);
    writeWhole(file, bytes);
  } finally {
    closeSync(file);
  }
}
