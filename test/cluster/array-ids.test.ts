import { describe, expect, it } from "vitest";
import { arrayOf, indexList, indicesOf, isJobId, jobIdsOf } from "#mtard/cluster/array-ids.js";

describe("an id of Slurm's", () => {
  it.each([
    ["12", ["12"]],
    ["12_3", ["12_3"]],
    ["12_[3-5%2]", ["12_3", "12_4", "12_5"]],
    ["12_[0,7-9,20-26:3]", ["12_0", "12_7", "12_8", "12_9", "12_20", "12_23", "12_26"]],
  ])("%s", (text, ids) => {
    expect(jobIdsOf(text)).toEqual(ids);
  });

  it.each(["", "x", "12_", "12_[0-3...]", "12_[0-999999999]", "12_[3-5:0]", "12+0", "12_3\n13"])(
    "not %j",
    (text) => {
      expect(jobIdsOf(text)).toEqual([]);
    },
  );

  it("of one job", () => {
    expect(["12", "12_3", "12_[3]", "12_3_4", "--me"].map(isJobId)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([arrayOf("12"), arrayOf("12_3")]).toEqual(["12", "12"]);
  });
});

it("indices are listed as ranges, and read again", () => {
  expect(indexList([0, 1, 2, 5, 7, 8])).toBe("0-2,5,7-8");
  expect(indicesOf("0-2,5,7-8")).toEqual([0, 1, 2, 5, 7, 8]);
});
