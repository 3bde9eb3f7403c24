import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openLock } from "#mtard/report/lock.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-lock-"));
const path = join(folder, "runs", ".working");
// A process that looks like a table at work.
const other = spawn(process.execPath, ["-e", "setTimeout(() => undefined, 60_000)", "table"]);
afterAll(() => {
  other.kill();
  rmSync(folder, { recursive: true });
});

describe("the lock of a folder of runs", () => {
  it("is taken once, and is gone when released", () => {
    const lock = openLock(join(folder, "runs"));
    expect(existsSync(path)).toBe(false);
    lock.hold();
    lock.hold();
    expect(existsSync(path)).toBe(true);
    lock.release();
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it("is refused while another table works there, and is left to it", () => {
    writeFileSync(path, String(other.pid));
    const lock = openLock(join(folder, "runs"));
    expect(() => lock.hold()).toThrow(/^another mtard is working in /);
    lock.release();
    expect(existsSync(path)).toBe(true);
  });

  it.each([
    ["a process that is no more", "999999999"],
    ["a process that does something else", "1"],
    ["nothing", "x"],
  ])("of %s is no lock", (_, holder) => {
    writeFileSync(path, holder);
    const lock = openLock(join(folder, "runs"));
    lock.hold();
    lock.release();
    expect(existsSync(path)).toBe(false);
  });
});
