import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nastyModels } from "../../scripts/fuzz/nasty-models.mjs";
import { faultsOf, tryModel } from "../../scripts/fuzz/try-model.mjs";

/* The short form of scripts/fuzz/run.mjs: of a dozen kinds the worst. */

const folder = mkdtempSync(join(tmpdir(), "mtard-nasty-"));
const places = ["--data-dir", join(folder, "data"), "--teachers-dir", join(folder, "teachers")];

beforeAll(() => {
  const main = join(import.meta.dirname, "../../dist/cli/main.js");
  execFileSync(process.execPath, [main, "data", "demo", ...places], { stdio: "ignore" });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Always the last of a list, and the largest number. */
const most = (many: number): number => many - 1;

const kinds = [
  ...["plain", "cycle at the output", "chain of Identity", "nodes out of order", "giant Tile"],
  ...["constant that follows the batch", "long loop", "branch on a batch size", "Gemm turned twice"],
  ...["far external data", "functions that double", "mixing images"],
] as const;

function evaluating(path: string, ...more: string[]): string[] {
  const call = [
    "evaluate",
    path,
    "--dataset",
    "demo",
    "--attacks",
    "pgd-sat",
    "--steps",
    "1",
    "--limit",
    "100",
  ];
  return [...call, ...more, "--runs-dir", join(folder, "runs"), ...places];
}

describe("a nasty model", () => {
  it.each(kinds)("ends a command in order: %s", { timeout: 300_000 }, async (kind) => {
    const make = nastyModels[kind];
    if (!make) throw new Error("there is no such kind");
    const outcome = await tryModel(make(most), evaluating, join(folder, "model"));
    expect(faultsOf(outcome), outcome.stderr).toEqual([]);
    const harmless = kind === "plain" || kind === "Gemm turned twice";
    expect(outcome.code, outcome.stderr).toBe(harmless ? 0 : 2);
  });

  // 1,009 layers: their gradient for 100 images keeps 1.2 GB.
  it("that is only very deep is told what it may do, and does it", { timeout: 300_000 }, async () => {
    const make = nastyModels["nodes out of order"];
    if (!make) throw new Error("there is no such kind");
    const whole = await tryModel(make(most), evaluating, join(folder, "model"));
    expect(whole.code, whole.stderr).toBe(2);
    expect(whole.stderr).toMatch(/more memory for the gradient of 100 images at once/);
    expect(whole.stderr).toMatch(/try .*--batch-size.*MTARD_TRIAL_FACTOR=4/);
    const command = (path: string): string[] => evaluating(path, "--batch-size", "20");
    const parts = await tryModel(make(most), command, join(folder, "model"));
    expect(faultsOf(parts), parts.stderr).toEqual([]);
    expect(parts.code, parts.stderr).toBe(0);
  });
});
