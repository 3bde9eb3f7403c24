import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "mtard-summary-"));
afterAll(() => rmSync(folder, { recursive: true }));

function summary(report: string): { status: number | null; line: string } {
  const path = join(folder, "report.json");
  writeFileSync(path, report);
  const { status, stdout } = spawnSync(process.execPath, [".ci/summary.mjs", path], { encoding: "utf8" });
  return { status, line: stdout.trim() };
}
const file = (status: string, ...tests: string[]): object => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});
const report = (...files: object[]): string => JSON.stringify({ testResults: files });

it("counts passed, failed and skipped tests", () => {
  const files = [file("passed", "passed", "passed", "skipped"), file("passed", "passed", "pending", "todo")];
  expect(summary(report(...files))).toEqual({ status: 0, line: "3 passed, 0 failed, 3 skipped" });
  expect(summary(report(...files, file("failed", "failed")))).toEqual({
    status: 1,
    line: "3 passed, 1 failed, 3 skipped",
  });
});

it("counts a file that could not be loaded as a failure", () => {
  expect(summary(report(file("passed", "passed"), file("failed")))).toEqual({
    status: 1,
    line: "1 passed, 1 failed, 0 skipped",
  });
});

it("fails when nothing ran", () => {
  expect(summary("")).toEqual({ status: 1, line: "0 passed, 0 failed, 0 skipped" });
});
