import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/* A short form of what `scripts/hard-use/` does hundreds of times. */

const ONE_BY_ONE = 1_200_000;

function hardUse(script: string, ...flags: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [`scripts/hard-use/${script}.mjs`, ...flags],
    {
      encoding: "utf8",
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

describe("several processes at once", () => {
  it(
    "have one winner on a run, a data set and a teacher's name, and mix nothing",
    () => {
      const said = hardUse("races", "--rounds", "4", "--locks", "200", "--seed", "1");
      expect(said).toMatch(/^lock: taken 200 times by 10 processes, each time by one; /);
      expect(said.match(/: right$/gm)).toHaveLength(4);
    },
    ONE_BY_ONE,
  );
});

// The script itself has twenty.
describe("six processes on one folder", () => {
  it(
    "have one winner each time, mix nothing and leave nothing",
    () => {
      const said = hardUse("shared-disk", "--processes", "6", "--seed", "1");
      expect(said.match(/^\w+(?=: 6 processes through 1 mounts: )/gm)).toEqual(
        "lock folder data run store".split(" "),
      );
    },
    ONE_BY_ONE,
  );
});

describe("killed processes", () => {
  it(
    "lose nothing, and leave nothing behind the next call",
    () => {
      const counts = hardUse("kills", "--kills", "6", "--seed", "1").trim().split("\n").at(-1) ?? "";
      const found = JSON.parse(counts) as Record<string, { killed: number; untouched: number }>;
      expect(Object.keys(found)).toEqual(["train", "data", "import", "export", "evaluate", "table"]);
      // A call that ended before its kill is done again, so each is called once or more.
      const calls = Object.values(found);
      expect(calls.reduce((sum, { killed }) => sum + killed, 0)).toBe(6);
      for (const { killed, untouched } of calls) expect(killed + untouched).toBeGreaterThanOrEqual(1);
    },
    ONE_BY_ONE,
  );
});
