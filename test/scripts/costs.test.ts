import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { valuesOf } from "../../scripts/bench/cost-of-runs.mjs";
import { paperReports, shapeOf, trainingOf } from "../../scripts/bench/paper-work.mjs";
import { plainRun } from "../../src/paper/plan.js";

/** The cells of a Markdown table's lines, without the rule below its heading. */
function rowsOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^[| :-]+$/.test(line))
    .map((line) =>
      line
        .split("|")
        .map((cell) => cell.trim())
        .join("|"),
    );
}

describe("the costs of the paper's work", () => {
  it("are those that docs/scaling.md says", () => {
    const { stdout, status } = spawnSync(process.execPath, ["scripts/bench/costs.mjs"], { encoding: "utf8" });
    expect(status).toBe(0);
    const printed = rowsOf(stdout);
    const said = new Set(rowsOf(readFileSync("docs/scaling.md", "utf8")));
    expect(printed.length).toBeGreaterThan(50);
    expect(printed.filter((row) => !said.has(row))).toEqual([]);
  });

  it("count a run once that several cells, tables and figures ask for", () => {
    const cifar10 = paperReports().filter(
      ({ dataset, student }) => dataset === "cifar10" && student === "resnet-18",
    );
    const [table3, table8] = ["table 3", "table 8"].map((name) =>
      cifar10.find((report) => report.name === name),
    );
    expect(table3?.trainings).toHaveLength(10);
    const own = trainingOf(plainRun("b-mtard"), "cifar10", "resnet-18").key;
    // A beta of 1 is the recipe's.
    expect(trainingOf(plainRun("b-mtard", { beta: 1 }), "cifar10", "resnet-18").key).toBe(own);
    expect(table3?.trainings.filter(({ key }) => key === own)).toHaveLength(1);
    expect(table8?.trainings.filter(({ key }) => key === own)).toHaveLength(1);
    // B-MTARD's other teachers make other runs.
    const table11 = cifar10.find(({ name }) => name === "table 11");
    expect(new Set(table11?.trainings.map(({ key }) => key)).size).toBe(3);
  });

  it("know the weights of a student", () => {
    // kuangliu/pytorch-cifar's ResNet-18 in PyTorch, and its batch norms' means and variances.
    expect(valuesOf("resnet-18", shapeOf("cifar10"))).toEqual([11_173_962, 9_600]);
  });
});
