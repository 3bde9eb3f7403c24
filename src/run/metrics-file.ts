import { closeSync, fsyncSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { writeFailure } from "../files/atomic.js";
import { RUN_FILES } from "./run-directory.js";

/** The `metrics.jsonl` of a run. What it holds depends on the settings alone, but for `seconds`, the time that the run has taken so far. */
export interface MetricsFile {
  append(line: Readonly<Record<string, unknown>>): void;
  /** Puts all lines on the disk and returns the file's length. */
  sync(): number;
  close(): void;
}

/**
 * Opens the metrics of a run, cut to `length` bytes: what was written after the checkpoint is computed again.
 *
 * @throws {InputError} if the file is shorter.
 */
export function openMetrics(folder: string, length: number): MetricsFile {
  const path = join(folder, RUN_FILES.metrics);
  const there = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (there < length) {
    throw new InputError(`${path} is cut short`, {
      expected: `the ${length} bytes it had at the last checkpoint`,
      found: `${there} bytes`,
      fix: "put the file back, or start afresh with --out in another folder",
    });
  }
  const file = openSync(path, "a");
  ftruncateSync(file, length);
  const lines: string[] = [];
  function flush(): void {
    if (lines.length === 0) return;
    try {
      writeSync(file, lines.join(""));
    } catch (cause) {
      throw writeFailure(path, cause);
    }
    lines.length = 0;
  }
  return {
    append(line) {
      lines.push(`${JSON.stringify(line)}\n`);
      if (lines.length >= 20) flush();
    },
    sync() {
      flush();
      fsyncSync(file);
      return statSync(path).size;
    },
    close() {
      flush();
      closeSync(file);
    },
  };
}
