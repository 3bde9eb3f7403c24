import { describe, expect, it } from "vitest";
import { nextGroup } from "#mtard/cluster/next-group.js";

/** What the next array is: the dependency, and index and name of each task. */
function groupOf(tasks: Readonly<Record<string, readonly string[]>>, most = 1000): unknown {
  const group = nextGroup(
    Object.entries(tasks).map(([name, needs]) => ({ name, needs })),
    most,
  );
  return group && [group.dependency, ...group.tasks.map(({ task, index }) => `${index} ${task.name}`)];
}

describe("the next array", () => {
  it("holds what waits for nothing, as many as an array may have", () => {
    expect(groupOf({ a: [], b: ["7_0"], c: [], d: [] })).toEqual([null, "0 a", "1 c", "2 d"]);
    expect(groupOf({ a: [], b: [], c: [] }, 2)).toEqual([null, "0 a", "1 b"]);
  });

  it("has the index of the job that each waits for, one for each", () => {
    const tasks = { a: ["7_3"], b: ["7_0"], c: ["7_3"], d: ["8_1"], e: ["7_1", "7_2"] };
    expect(groupOf(tasks)).toEqual(["aftercorr:7", "0 b", "3 a"]);
    expect(groupOf({ c: tasks.c, d: tasks.d, e: tasks.e })).toEqual(["aftercorr:7", "3 c"]);
    expect(groupOf({ d: tasks.d, e: tasks.e })).toEqual(["aftercorr:8", "1 d"]);
  });

  it("does not take one array's id for another's that begins with it", () => {
    expect(groupOf({ a: ["7_3"], b: ["71_0"] })).toEqual(["aftercorr:7", "3 a"]);
  });

  it("else waits for the same jobs", () => {
    expect(groupOf({ a: ["7_1", "8_2"], b: ["8_2", "7_1"], c: ["7_1", "7_2"], d: ["9"] })).toEqual([
      "afterok:7_1:8_2",
      "0 a",
      "1 b",
    ]);
    expect(groupOf({ d: ["9"], e: ["9"] })).toEqual(["afterok:9", "0 d", "1 e"]);
  });

  it("is none without tasks", () => {
    expect(groupOf({})).toBeNull();
  });
});
