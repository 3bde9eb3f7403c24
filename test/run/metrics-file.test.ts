import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import { openMetrics, problemOfMetrics } from "#mtard/run/metrics-file.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-metrics-file-"));
const path = join(folder, "metrics.jsonl");
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(path, { force: true }));

const line = (step: number): string => `{"epoch":1,"step":${step}}\n`;
const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => line(index + 1)).join("");

describe("metrics that are written", () => {
  it("lose no line where the system takes a part of a write: it is said, the part is taken back, and the lines come later", () => {
    // 5 blocks of 512 bytes: the second write of 20 lines does not fit, and the system takes its beginning.
    const limited = `ulimit -S -f 5; exec "${process.execPath}" "${resolve("test/run/short-write.mjs")}" "${folder}"`;
    const { stdout, stderr } = spawnSync("sh", ["-c", limited], { encoding: "utf8" });
    expect(stderr).toBe("");
    const { errors, length } = JSON.parse(stdout) as { errors: string[]; length: number };
    expect(errors[0]).toMatch(/^cannot write .*metrics\.jsonl$/);
    const text = readFileSync(path, "utf8");
    expect(text).toHaveLength(length);
    expect(
      text.split("\n").map((each) => (each === "" ? "" : (JSON.parse(each) as { step: number }).step)),
    ).toEqual([...Array.from({ length: 40 }, (_, index) => index + 1), ""]);
  });

  it("begin at the checkpoint: a line that was cut short after it is gone", () => {
    writeFileSync(path, `${lines(3)}{"epoch":1,"st`);
    const metrics = openMetrics(folder, lines(2).length);
    metrics.append({ epoch: 1, step: 3 });
    expect(metrics.sync()).toBe(lines(3).length);
    metrics.close();
    expect(readFileSync(path, "utf8")).toBe(lines(3));
  });

  it("notice that something else writes into them", () => {
    const metrics = openMetrics(folder, 0);
    metrics.append({ epoch: 1, step: 1 });
    appendFileSync(path, "x");
    expect(() => metrics.sync()).toThrow(WorkError);
    metrics.close();
  });

  it("are not opened where they are shorter than the checkpoint says", () => {
    writeFileSync(path, lines(1));
    expect(() => openMetrics(folder, 100)).toThrow(InputError);
    expect(readFileSync(path, "utf8")).toBe(lines(1));
  });
});

describe("the metrics before a checkpoint", () => {
  const problem = (text: string, step: number, length = text.length): string | null => {
    writeFileSync(path, text);
    return problemOfMetrics(folder, length, step);
  };

  it("are right with a line for every step, whatever comes after them", () => {
    expect(problem(lines(3), 3)).toBeNull();
    expect(problem(`${lines(3)}{"ep`, 3, lines(3).length)).toBeNull();
    expect(problem("", 0)).toBeNull();
  });

  it.each([
    ["too few bytes", () => problem(lines(3), 3, 1000), /^\d+ bytes, not the 1000/],
    ["a step missing in the middle", () => problem(line(1) + line(4), 4), "no lines of steps 2 to 3"],
    ["a step missing at the end", () => problem(lines(3), 4), "no line of step 4"],
    ["steps beyond the checkpoint", () => problem(lines(4), 3), /after step 3/],
    ["a step twice", () => problem(lines(2) + line(2), 2), "line 3 is of step 2 once more"],
    [
      "a cut line in the middle",
      () => problem(`${line(1)}{"epoch":1,"s${line(2)}`, 2),
      /^line 2 is not of metrics: /,
    ],
    ["a cut line at the end", () => problem(`${lines(2)}{"epoch"`, 2), /cut short/],
  ])("are wrong with %s", (_, found, says) => {
    expect(found()).toMatch(says);
  });

  it("are wrong if there are none", () => {
    expect(problemOfMetrics(folder, 10, 1)).toMatch(/^0 bytes/);
  });
});
