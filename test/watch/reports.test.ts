import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { keptReports } from "#mtard/watch/reports.js";
import { madeFolder, makeRun } from "./made-runs.js";

const folder = madeFolder();
afterAll(() => folder.remove());

describe("reports", () => {
  it("are made again once something that they show has changed, and not before", async () => {
    const run = makeRun(join(folder.path, "run"));
    let made = 0;
    const report = keptReports(() => Promise.resolve(`report ${++made}`), 0);
    expect([await report(run), await report(run)]).toEqual(["report 1", "report 1"]);
    mkdirSync(join(run, "evaluations"));
    writeFileSync(join(run, "evaluations", "fgsm.json"), "{}");
    expect([await report(run), await report(run)]).toEqual(["report 2", "report 2"]);
    writeFileSync(join(run, "examples.json"), "{}");
    expect(await report(run)).toBe("report 3");
    rmSync(join(run, "evaluations", "fgsm.json"));
    expect(await report(run)).toBe("report 4");
    // One that is young enough is given as it is.
    const other = keptReports(() => Promise.resolve(`report ${++made}`), 1e9);
    await other(run);
    writeFileSync(join(run, "examples.json"), "{ }");
    expect(await other(run)).toBe("report 5");
  });

  it("are made two at a time, of a run one; one that fails is tried again", async () => {
    const waiting: (() => void)[] = [];
    const begun: string[] = [];
    const report = keptReports(async (name) => {
      begun.push(name);
      await new Promise<void>((done) => waiting.push(done));
      if (name === "a") throw new Error("no such run");
      return name;
    });
    const asked = ["a", "b", "b", "c", "a", "d"].map((name) => report(name).catch(String));
    for (const names of ["ab", "abc", "abcd"]) {
      await expect.poll(() => begun.join("")).toBe(names);
      waiting.shift()?.();
    }
    await expect.poll(() => waiting.length).toBe(1);
    waiting.shift()?.();
    const none = "Error: no such run";
    expect(await Promise.all(asked)).toEqual([none, "b", "b", "c", none, "d"]);
    void report("a").catch(() => undefined);
    await expect.poll(() => begun.join("")).toBe("abcda");
    waiting.shift()?.();
  });
});
