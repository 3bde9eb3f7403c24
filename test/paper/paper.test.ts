import { requireAttackIds, type AttackId } from "#mtard/attacks/attacks.js";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contradiction, robustnessOf, type PaperDataset, type RobustnessTable } from "#mtard/paper/paper.js";
import { figure3 } from "#mtard/paper/figure-3.js";
import { table1 } from "#mtard/paper/table-1.js";
import { table10 } from "#mtard/paper/table-10.js";
import { table11 } from "#mtard/paper/table-11.js";
import { table2 } from "#mtard/paper/table-2.js";
import { table3 } from "#mtard/paper/table-3.js";
import { table4 } from "#mtard/paper/table-4.js";
import { table5 } from "#mtard/paper/table-5.js";
import { table6 } from "#mtard/paper/table-6.js";
import { table7 } from "#mtard/paper/table-7.js";
import { table8 } from "#mtard/paper/table-8.js";
import { table9 } from "#mtard/paper/table-9.js";
import { hasShared, shared } from "../shared.js";

/* Every number against shared/paper/tables.json, which names data sets, networks, methods and attacks as the paper does. */

const percent = z.number().min(0).max(100);
const accuracies = z.strictObject({ robust: percent, wRobust: percent });
const robustness = z.array(
  z.strictObject({
    dataset: z.string(),
    student: z.string(),
    method: z.string(),
    clean: percent,
    attacks: z.record(z.string(), accuracies),
  }),
);
const varied = { attack: z.string(), clean: percent, robust: percent, wRobust: percent };
const byAttack = z.record(z.string(), percent);
const tables = z.strictObject({
  1: z.array(z.strictObject({ teacher: z.string(), noBalance: z.number(), afterBalance: z.number() })),
  2: z.array(
    z
      .object({ dataset: z.string(), model: z.string(), type: z.enum(["clean", "robust"]), clean: percent })
      .catchall(percent),
  ),
  3: robustness,
  4: robustness,
  5: robustness,
  6: robustness,
  7: z.array(z.strictObject({ ...varied, initialTemperature: z.number() })),
  8: z.array(z.strictObject({ ...varied, beta: z.number() })),
  9: z.array(z.record(z.string(), z.union([z.string(), percent]))),
  10: z.array(z.strictObject({ method: z.string(), wRobust: byAttack })),
  11: z.array(
    z.strictObject({
      attack: z.string(),
      cleanTeacher: z.string(),
      robustTeacher: z.string(),
      wRobust: percent,
    }),
  ),
});

const datasetIds: Readonly<Record<string, PaperDataset>> = {
  "CIFAR-10": "cifar10",
  "CIFAR-100": "cifar100",
  "Tiny-ImageNet": "tiny-imagenet",
};

/** The id of a network or method from its name in the paper. */
function idOf(name: string): string {
  return name.toLowerCase().replace("wideresnet", "wide-resnet").replace("preactresnet", "preact-resnet");
}

function attackId(name: string): AttackId {
  const id = name.replace(/^(.*)-transfer$/, "transfer-$1");
  const [known = "fgsm"] = requireAttackIds([id]);
  return known;
}

function expected() {
  return tables.parse(JSON.parse(readFileSync(shared("paper/tables.json"), "utf8")));
}

describe("the paper's numbers", () => {
  it.skipIf(!hasShared).each([
    [3, table3],
    [4, table4],
    [5, table5],
    [6, table6],
  ] as const)("table %i: every method, data set and attack", (number, table: RobustnessTable) => {
    const ours = table.blocks.flatMap(({ dataset, student, rows }) =>
      rows.map((row) => ({
        dataset,
        student,
        method: row[0],
        clean: row[1],
        attacks: Object.fromEntries(
          table.attacks.map((attack) => [attack, robustnessOf(table, row, attack)]),
        ),
      })),
    );
    const theirs = expected()[number].map((row) => ({
      dataset: datasetIds[row.dataset],
      student: idOf(row.student),
      method: idOf(row.method),
      clean: row.clean,
      attacks: Object.fromEntries(
        Object.entries(row.attacks).map(([attack, value]) => [attackId(attack), value]),
      ),
    }));
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(number < 5 ? 30 : 27);
  });

  it.skipIf(!hasShared).each([
    [7, table7, "initialTemperature"],
    [8, table8, "beta"],
  ] as const)("table %i: every value and attack", (number, table, name) => {
    const ours = table.flatMap(({ value, clean, attacks }) =>
      Object.entries(attacks).map(([attack, accuracy]) => ({ attack, [name]: value, clean, ...accuracy })),
    );
    expect(ours).toHaveLength(12);
    expect(new Set(ours.map((row) => JSON.stringify(row, Object.keys(row).sort())))).toEqual(
      new Set(expected()[number].map((row) => JSON.stringify(row, Object.keys(row).sort()))),
    );
  });

  it.skipIf(!hasShared)("tables 1, 2, 9, 10 and 11", () => {
    const theirs = expected();
    expect(
      table1.map(({ teacher, noBalance, afterBalance }) => ({ teacher, noBalance, afterBalance })),
    ).toEqual(theirs[1].map((row) => ({ ...row, teacher: idOf(row.teacher) })));
    expect(
      table2.map(({ dataset, network, role, clean, robust }) => ({
        dataset,
        model: network,
        type: role,
        clean,
        ...robust,
      })),
    ).toEqual(theirs[2].map((row) => ({ ...row, dataset: datasetIds[row.dataset], model: idOf(row.model) })));
    expect(table9.map(({ attack, robust }) => ({ attack, ...robust }))).toEqual(
      theirs[9].map(({ attack, ...values }) => ({
        attack,
        ...Object.fromEntries(
          Object.entries(values).map(([name, value]) => [datasetIds[name] ?? name, value]),
        ),
      })),
    );
    expect(table10).toEqual(theirs[10].map((row) => ({ ...row, method: idOf(row.method) })));
    const pairs = table11.flatMap(({ cleanTeacher, robustTeacher, wRobust }) =>
      Object.entries(wRobust).map(([attack, value]) => ({
        attack,
        cleanTeacher,
        robustTeacher,
        wRobust: value,
      })),
    );
    expect(pairs).toHaveLength(9);
    expect(pairs).toEqual(expect.arrayContaining(theirs[11]));
  });

  it("figure 3 agrees with table 3 and with the differences the text names", () => {
    const value = (method: string, attack: AttackId): number =>
      figure3.find((each) => each.method === method)?.wRobust[attack] ?? NaN;
    const rows = table3.blocks[0]?.rows ?? [];
    const differences = { "pgd-sat": [0.87, 0.33], "pgd-trades": [0.56, 0.23], cw: [0.6, 0.15] } as const;
    for (const [attack, [nlb, balanced]] of Object.entries(differences) as [
      AttackId,
      readonly [number, number],
    ][]) {
      for (const row of rows.filter(([method]) => method.endsWith("mtard")))
        expect(value(row[0], attack)).toBe(robustnessOf(table3, row, attack).wRobust);
      expect(value("mtard", attack) - value("baseline", attack)).toBeCloseTo(nlb, 6);
      expect(value("b-mtard", attack) - value("baseline-ebb", attack)).toBeCloseTo(balanced, 6);
    }
  });
});

describe("W-Robust that contradicts its own clean and robust accuracy", () => {
  it("is found five times, and rounding is none", () => {
    const found = [table3, table4, table5, table6].flatMap((table: RobustnessTable, index) =>
      table.blocks.flatMap(({ dataset, rows }) =>
        rows.flatMap((row) =>
          table.attacks.flatMap((attack) => {
            const mean = contradiction(row[1], robustnessOf(table, row, attack));
            return mean === null ? [] : [[index + 3, dataset, row[0], attack, Number(mean.toFixed(3))]];
          }),
        ),
      ),
    );
    expect(found).toEqual([
      [4, "cifar10", "trades", "aa", 61.565],
      [4, "tiny-imagenet", "trades", "cw", 28.64],
      [4, "tiny-imagenet", "ard", "fgsm", 34.205],
      [5, "cifar100", "ard", "rays", 54.075],
      [5, "cifar100", "score", "square", 50.19],
    ]);
    expect(contradiction(94.57, { robust: 0, wRobust: 47.29 })).toBeNull();
    expect(contradiction(10.05, { robust: 6.19, wRobust: 8.13 })).toBeNull();
  });
});
