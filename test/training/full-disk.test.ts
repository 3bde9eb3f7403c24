import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { type Ended, mtard } from "../cli/mtard.js";
import { checkpointWithoutClock, metricsWithoutClock } from "./without-clock.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-full-"));
/** A disk of a few megabytes. */
const disk = join(folder, "disk");
mkdirSync(disk);
const mounted = ((): boolean => {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

beforeAll(() => prepareDataset("demo", folder));
afterAll(() => {
  if (mounted) execFileSync("umount", [disk]);
  rmSync(folder, { recursive: true });
});

/** A run of 100 steps, with no checkpoint between its first and its last. */
function train(out: string): Promise<Ended> {
  const call =
    "train --dataset demo --method natural --student resnet-8 --epochs 1 --limit-train 200 --limit-test 20 --batch-size 2 --resume";
  return mtard([...call.split(" "), "--data-dir", folder, "--out", out], folder);
}

/** Takes all that is free but less than a page. */
function fill(path: string): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(path, new Uint8Array(bavail * bsize));
}

describe("a run on a disk that is full for a while", () => {
  // The system takes the part of the metrics' lines that fits into their last page.
  it.skipIf(!mounted)("loses no line: it ends with 1, and --resume goes on to the same bits", async () => {
    const whole = join(folder, "whole");
    expect((await train(whole)).code).toBe(0);

    const run = join(disk, "run");
    const metrics = join(run, "metrics.jsonl");
    const begun = train(run);
    while ((statSync(metrics, { throwIfNoEntry: false })?.size ?? 0) === 0) await sleep(1);
    fill(join(disk, "other"));
    const ended = await begun;
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toMatch(/^error: the disk is full: .*metrics\.jsonl was not written$/m);

    rmSync(join(disk, "other"));
    const resumed = await train(run);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(metricsWithoutClock(metrics)).toBe(metricsWithoutClock(join(whole, "metrics.jsonl")));
    const [best, expected] = [run, whole].map((each) => readFileSync(join(each, "best.safetensors")));
    expect(best?.equals(expected as Buffer)).toBe(true);
    expect(await checkpointWithoutClock(join(run, "last.safetensors"))).toEqual(
      await checkpointWithoutClock(join(whole, "last.safetensors")),
    );
  });
});
