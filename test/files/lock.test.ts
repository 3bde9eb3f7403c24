import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openLock } from "#mtard/files/lock.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-lock-"));
const place = join(folder, "runs");
const path = join(place, ".working");
const rule = { once: "one at a time", instead: "another folder" };
const module = new URL("../../dist/files/lock.js", import.meta.url).href;
// A process that has the lock.
const other = spawn(
  process.execPath,
  [
    "--input-type=module",
    "-e",
    `import { openLock } from ${JSON.stringify(module)};
     openLock(${JSON.stringify(place)}, ${JSON.stringify(rule)}).hold();
     console.log("held");
     setTimeout(() => undefined, 60_000);`,
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
afterAll(() => {
  other.kill();
  rmSync(folder, { recursive: true });
});

describe("the lock of a folder", () => {
  it("is refused while another process has it, and is left to it until that is killed", async () => {
    await once(other.stdout, "data");
    const lock = openLock(place, rule);
    expect(() => lock.hold()).toThrow(/^another mtard is working in /);
    lock.release();
    expect(existsSync(path)).toBe(true);
    other.kill("SIGKILL");
    await once(other, "exit");
    lock.hold();
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it("is taken once, and is gone when released", () => {
    const lock = openLock(place, rule);
    expect(existsSync(path)).toBe(false);
    lock.hold();
    lock.hold();
    expect(existsSync(path)).toBe(true);
    lock.release();
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ["a process that is no more", "999999999 5"],
    ["a process that began at another time", "1 123456789012345"],
    ["nothing", "x"],
  ])("of %s is no lock", (_, holder) => {
    writeFileSync(path, holder);
    const lock = openLock(place, rule);
    lock.hold();
    lock.release();
    expect(existsSync(path)).toBe(false);
  });
});
