import { describe, expect, it } from "vitest";
import { checkTimeLimit, secondsOf, usualLead } from "#mtard/cluster/slurm-time.js";

// The formats of sbatch's manual page, --time.
describe("a time of Slurm's", () => {
  it.each([
    ["90", 5400],
    ["1:30", 90],
    ["2:00:30", 7230],
    ["2-12", 216_000],
    ["1-0:30", 88_200],
    ["1-02:03:04", 93_784],
  ])("%s", (text, seconds) => {
    expect(secondsOf(text)).toBe(seconds);
  });

  it.each(["", "UNLIMITED", "1:2:3:4", "1-", "-1", "1d", "1 2", "1-2-3", "1:\n2"])("not %j", (text) => {
    expect(secondsOf(text)).toBeNull();
  });
});

describe("a limit", () => {
  it("is whole minutes", () => {
    expect(checkTimeLimit("0:30")).toBe(60);
    expect(checkTimeLimit("1:30")).toBe(120);
    expect(checkTimeLimit("12:00:00")).toBe(43_200);
  });

  it.each(["0", "0:00", "UNLIMITED", "tomorrow", "99999-0"])("is not %s", (text) => {
    expect(() => checkTimeLimit(text)).toThrow("--time is no time that Slurm takes");
  });

  it("is told of some time before", () => {
    expect([60, 120, 720, 3600, 86_400, null].map(usualLead)).toEqual([10, 10, 60, 300, 300, 300]);
  });
});
