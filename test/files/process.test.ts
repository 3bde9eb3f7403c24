import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { isRunning, startOf } from "#mtard/files/process.js";

afterEach(() => vi.restoreAllMocks());

describe("a process", () => {
  it("is running until it ends, and began once", async () => {
    const other = spawn("sleep", ["60"]);
    const pid = other.pid as number;
    expect(isRunning(pid)).toBe(true);
    const start = startOf(pid);
    expect(start).toMatch(/^\d+$/);
    expect(startOf(pid)).toBe(start);
    other.kill();
    await once(other, "exit");
    expect(isRunning(pid)).toBe(false);
    expect(startOf(pid)).toBeNull();
  });

  it("is running if another user has it", () => {
    vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
    });
    expect(isRunning(1)).toBe(true);
  });

  // Process ids end at 2^22 on Linux.
  it.each([0, -1, 1.5, NaN, 99_999_999, 1e12])("cannot have the number %s", (pid) => {
    expect(isRunning(pid)).toBe(false);
  });
});
