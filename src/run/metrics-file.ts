import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError, WorkError } from "../errors.js";
import { writeFailure } from "../files/atomic.js";
import { isThere } from "../files/kind.js";
import { writeWhole } from "../files/write-whole.js";
import { missingSteps, parseMetrics } from "./metrics.js";
import { RUN_FILES } from "./run-directory.js";

/** The `metrics.jsonl` of a run. What it holds depends on the settings alone, but for `seconds`, the time that the run has taken so far. */
export interface MetricsFile {
  /** @throws {WorkError} if the disk refuses; what the file then ends with is a whole line. */
  append(line: Readonly<Record<string, unknown>>): void;
  /**
   * Puts all lines on the disk and returns the file's length.
   *
   * @throws {WorkError} if the disk refuses, or another process changed the file.
   */
  sync(): number;
  close(): void;
}

/** How many lines are written at a time. */
const LINES_AT_ONCE = 20;

/**
 * Opens the metrics of a run, cut to `length` bytes: what was written after the checkpoint is computed again.
 *
 * @throws {InputError} if the file is shorter; {@link WorkError} if it cannot be opened or cut.
 */
export function openMetrics(folder: string, length: number): MetricsFile {
  const path = join(folder, RUN_FILES.metrics);
  const there = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (there < length)
    throw wrongMetrics(path, `${there} bytes, not the ${length} it had at the last checkpoint`);
  const file = openCut(path, length);
  const lines: string[] = [];
  /** The length of all whole lines in the file. */
  let end = length;

  function flush(): void {
    if (lines.length === 0) return;
    const bytes = Buffer.from(lines.join(""));
    try {
      writeWhole(file, bytes);
    } catch (cause) {
      cutBack();
      throw writeFailure(path, cause);
    }
    end += bytes.length;
    lines.length = 0;
  }

  /** Takes a line away that was written in part, so that the same lines can be written once more. */
  function cutBack(): void {
    try {
      ftruncateSync(file, end);
    } catch {
      // The write's own error says more, and the next start cuts the file in any case.
    }
  }

  return {
    append(line) {
      lines.push(`${JSON.stringify(line)}\n`);
      if (lines.length >= LINES_AT_ONCE) flush();
    },
    sync() {
      flush();
      try {
        fsyncSync(file);
      } catch (cause) {
        throw writeFailure(path, cause);
      }
      const found = fstatSync(file).size;
      if (found !== end)
        throw new WorkError(`${path} was changed by something else while the run was trained`, {
          expected: `the ${end} bytes that this run wrote`,
          found: `${found} bytes`,
          fix: "the same command with --resume goes on from the last checkpoint",
        });
      return end;
    },
    close() {
      try {
        flush();
      } catch {
        // Lines after the last checkpoint are written again by the call that goes on from it.
      }
      closeSync(file);
    },
  };
}

/**
 * What is wrong with the metrics that a checkpoint goes on from: its first `length` bytes have to be whole lines with every step up to
 * `step`. Null if nothing is.
 */
export function problemOfMetrics(folder: string, length: number, step: number): string | null {
  const path = join(folder, RUN_FILES.metrics);
  const bytes = isThere(path) ? readFileSync(path) : Buffer.alloc(0);
  if (bytes.length < length) return `${bytes.length} bytes, not the ${length} it had at the last checkpoint`;
  const { steps, problems, torn } = parseMetrics(bytes.toString("utf8", 0, length));
  const [problem] = problems;
  if (problem !== undefined) return problem;
  if (torn) return "a line that is cut short at the last checkpoint";
  const reached = steps.at(-1)?.step ?? 0;
  if (reached === step) return null;
  return reached < step
    ? missingSteps(reached + 1, step)
    : `lines of steps after step ${step}, the checkpoint's`;
}

/** The error for metrics that no checkpoint of the run can go on from. */
export function wrongMetrics(path: string, found: string): InputError {
  return new InputError(`${path} is not as the run's checkpoint left it`, {
    expected: "a line for every step up to the checkpoint, as mtard train wrote them",
    found,
    fix: "put the file back, or start afresh with --out in another folder",
  });
}

function openCut(path: string, length: number): number {
  try {
    const file = openSync(path, "a");
    ftruncateSync(file, length);
    return file;
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}
