import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tryLock, workingLock } from "#mtard/files/lock.js";
import { lockedFiles, lockedIn, lockOf } from "#mtard/watch/run-lock.js";
import { madeFolder } from "./made-runs.js";

const folder = madeFolder();
afterAll(() => folder.remove());

it("a lock is held by whoever locked this very file, not one of its number on another disk", async () => {
  const run = join(folder.path, "run");
  mkdirSync(run);
  const path = workingLock(run);
  const lock = tryLock(path);
  expect(await lockOf(run, await lockedFiles())).toBe("held");
  if (typeof lock === "string") throw new Error(lock);
  lock.release();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `mtard train, process 7 on ${hostname()}, since 2026\n`);
  expect(await lockOf(run, await lockedFiles())).toBe("free");
  const elsewhere = `1: FLOCK  ADVISORY  WRITE 7 fff:7f:${statSync(path).ino} 0 EOF\n`;
  expect(await lockOf(run, lockedIn(elsewhere))).toBe("free");
});
