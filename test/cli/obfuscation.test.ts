import { afterAll, beforeAll, expect, it } from "vitest";
import { mtard, mtardJson, workFolder } from "./mtard.js";

const work = workFolder();
beforeAll(async () => {
  expect((await mtard(["data", "demo"], work.path)).code).toBe(0);
});
afterAll(() => work.remove());

interface Found {
  readonly obfuscated: boolean;
  readonly signs: { title: string; holds: boolean; comparisons: { images: number; stronger: string }[] }[];
}

it("mtard obfuscation measures what the four signs need, once, and gives a verdict on each", async () => {
  const call = [
    "obfuscation",
    "demo-robust",
    "--limit",
    "6",
    "--slow-limit",
    "1",
    "--surrogate",
    "demo-clean",
  ];
  const found = (await mtardJson(call, work.path)) as unknown as Found;
  expect(found.signs.map(({ comparisons }) => comparisons.length)).toEqual([1, 8, 4, 1]);
  expect(found.obfuscated).toBe(!found.signs.every(({ holds }) => holds));
  const images = found.signs.map(({ comparisons }) => comparisons.map((each) => each.images));
  expect(images).toEqual([[1], Array(8).fill(6), Array(4).fill(6), [1]]);
  // All is known now: no engine starts, and no attack is named as work.
  const { code, stdout, stderr } = await mtard(call.slice(0, 6), work.path);
  expect(code).toBe(0);
  expect(stdout).toContain("1. it withstands a strong attack");
  expect(stdout).toContain("transfers were left out");
  expect(stderr).not.toContain("images/s");
});

it("mtard obfuscation names an option that is wrong", async () => {
  const { code, stderr } = await mtard(["obfuscation", "demo-robust", "--slow-limit", "0"], work.path);
  expect(code).toBe(2);
  expect(stderr).toContain("--slow-limit is wrong");
});
