import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { encodeSafetensors, float32Values, readSafetensors } from "#mtard/weights/safetensors.js";
import { isRunFinished } from "#mtard/run/run-directory.js";
import { readStudent } from "#mtard/model/run-student.js";
import { prepareRun } from "#mtard/training/prepare.js";
import { train } from "#mtard/training/train.js";
import { makeStores, silentEvents, tinyPlaces, tinySettings } from "./tiny-run.js";
import { checkpointWithoutClock, metricsWithoutClock } from "./without-clock.js";

const stores = mkdtempSync(join(tmpdir(), "mtard-damaged-"));
afterAll(() => rmSync(stores, { recursive: true }));

const place = (run: string, name: string): string => join(stores, run, name);

/** Trains until `stopAfter` steps of this session or to the end; returns what was repaired. */
async function session(
  run: string,
  options: { stopAfter?: number; resume?: boolean } = {},
): Promise<readonly string[]> {
  const prepared = await prepareRun(tinySettings(), tinyPlaces(stores, run, options.resume));
  let steps = 0;
  const events = silentEvents({
    onStep() {
      steps++;
    },
    stopRequested: () => steps >= (options.stopAfter ?? Infinity),
  });
  try {
    await train(prepared, events, 1e9);
    return prepared.repairs;
  } finally {
    await prepared.close();
  }
}

/** Flips one bit in the middle of a file. */
function flip(path: string): void {
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 16;
  rmSync(path);
  writeFileSync(path, bytes);
}

const DAMAGES = { flipped: flip, removed: (path: string) => rmSync(path) };
type Damage = keyof typeof DAMAGES;

beforeAll(async () => {
  await makeStores(stores);
  await session("whole");
  await session("begun", { stopAfter: 8 });
});

/** A copy of a run, damaged. */
function damaged(from: string, run: string, files: Readonly<Record<string, Damage>>): void {
  cpSync(join(stores, from), join(stores, run), { recursive: true });
  for (const [name, damage] of Object.entries(files)) DAMAGES[damage](place(run, name));
}

/** Rewrites a checkpoint so that its best student was better than any can be. */
async function claimBest(path: string, wRobust: number): Promise<void> {
  const { metadata, tensors } = await readSafetensors(path);
  const progress = JSON.parse(metadata["mtard"] ?? "") as { best: object };
  const claimed = { ...progress, best: { ...progress.best, wRobust } };
  const values = [...tensors].map(
    ([name, tensor]) => [name, { shape: tensor.shape, data: float32Values(tensor) }] as const,
  );
  writeFileAtomically(path, encodeSafetensors(values, { mtard: JSON.stringify(claimed) }));
}

async function expectWhole(run: string): Promise<void> {
  expect(metricsWithoutClock(place(run, "metrics.jsonl"))).toBe(
    metricsWithoutClock(place("whole", "metrics.jsonl")),
  );
  expect(await checkpointWithoutClock(place(run, "last.safetensors"))).toEqual(
    await checkpointWithoutClock(place("whole", "last.safetensors")),
  );
  for (const name of ["best.safetensors", "summary.json"])
    expect(readFileSync(place(run, name)).equals(readFileSync(place("whole", name))), name).toBe(true);
  expect(isRunFinished(join(stores, run))).toBe(true);
}

describe("a last checkpoint that is damaged", () => {
  it.each(["flipped", "removed"] as const)(
    "(%s) gives way to the one before, which is said, and the run ends with the same bits",
    async (damage) => {
      const run = `last-${damage}`;
      damaged("begun", run, { "last.safetensors": damage });
      const repairs = await session(run, { resume: true });
      expect(repairs).toEqual([expect.stringMatching(/last\.safetensors (cannot be used|is gone).*step 6$/)]);
      await expectWhole(run);
    },
  );

  it("is not shown as the last student", async () => {
    damaged("begun", "shown", { "last.safetensors": "flipped" });
    await expect(readStudent(join(stores, "shown"), "last")).rejects.toMatchObject({
      exitCode: 2,
      detail: { fix: expect.stringContaining("--resume") as string },
    });
  });

  it("is an error where the one before is damaged too, and nothing is touched", async () => {
    damaged("begun", "both", { "last.safetensors": "flipped", "previous.safetensors": "flipped" });
    const before = readFileSync(place("both", "metrics.jsonl"));
    await expect(session("both", { resume: true })).rejects.toMatchObject({
      message: expect.stringContaining("last.safetensors is not a whole checkpoint") as string,
      detail: { found: expect.stringContaining("sha256") as string },
    });
    expect(readFileSync(place("both", "metrics.jsonl")).equals(before)).toBe(true);
    expect(existsSync(place("both", "previous.safetensors"))).toBe(true);
  });

  it("gives way as well where the metrics are not as it left them", async () => {
    damaged("begun", "metrics", {});
    const text = readFileSync(place("metrics", "metrics.jsonl"), "utf8");
    writeFileSync(place("metrics", "metrics.jsonl"), text.slice(0, -20));
    const repairs = await session("metrics", { resume: true });
    expect(repairs).toEqual([expect.stringMatching(/bytes, not the \d+ .*step 6$/)]);
    await expectWhole("metrics");
  });

  it("is an error where lines are lost that neither has, as an earlier version could lose them", async () => {
    damaged("begun", "lines", {});
    const lines = readFileSync(place("lines", "metrics.jsonl"), "utf8").split("\n");
    writeFileSync(
      place("lines", "metrics.jsonl"),
      [...lines.slice(0, 2), ...lines.slice(4), " ".repeat(5000)].join("\n"),
    );
    await expect(session("lines", { resume: true })).rejects.toMatchObject({
      message: expect.stringContaining("metrics.jsonl is not as") as string,
      detail: { found: "no lines of steps 3 to 4" },
    });
  });
});

describe("a best student that is damaged", () => {
  it.each(["flipped", "removed"] as const)(
    "(%s) is written again from a checkpoint that holds it; the run was not finished meanwhile",
    async (damage) => {
      const run = `best-${damage}`;
      damaged("whole", run, { "best.safetensors": damage });
      expect(isRunFinished(join(stores, run))).toBe(false);
      const [repair] = await session(run, { resume: true });
      const best = (
        JSON.parse(readFileSync(place("whole", "summary.json"), "utf8")) as { best: { epoch: number } }
      ).best;
      expect(repair).toMatch(best.epoch === 2 ? /written again from a checkpoint$/ : /from its beginning$/);
      await expectWhole(run);
    },
  );

  it("does not stop a training that goes on, as a later one may be better", async () => {
    damaged("begun", "going", { "best.safetensors": "flipped", "previous.safetensors": "removed" });
    await expect(readStudent(join(stores, "going"), "best")).rejects.toMatchObject({
      message: expect.stringContaining("best.safetensors is damaged") as string,
      detail: { fix: expect.stringContaining("--checkpoint last") as string },
    });
    const [repair] = await session("going", { resume: true, stopAfter: 1 });
    expect(repair).toMatch(/training goes on/);
  });

  it("is an error at the end where none was better, and then the run is made again from its beginning", async () => {
    damaged("begun", "again", { "best.safetensors": "removed", "previous.safetensors": "removed" });
    await claimBest(place("again", "last.safetensors"), 2);
    await expect(session("again", { resume: true })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining("its best student, of epoch 1, is lost") as string,
      detail: { fix: expect.stringContaining("--resume") as string },
    });
    expect(isRunFinished(join(stores, "again"))).toBe(false);
    expect(await session("again", { resume: true })).toEqual([expect.stringMatching(/from its beginning$/)]);
    await expectWhole("again");
  });

  it("of an earlier version, without a checksum, counts as it is", () => {
    damaged("whole", "old", {});
    copyFileSync(place("old", "best.safetensors"), place("old", "kept"));
    const bytes = readFileSync(place("old", "kept"));
    const text = bytes
      .toString("latin1")
      .replace(/"mtard\.sha256":"[0-9a-f]{64}",/, (found) => " ".repeat(found.length));
    writeFileSync(place("old", "best.safetensors"), Buffer.from(text, "latin1"));
    expect(isRunFinished(join(stores, "old"))).toBe(true);
  });
});
