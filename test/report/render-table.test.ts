import { describe, expect, it } from "vitest";
import { formatTable } from "#mtard/cli/text-table.js";
import { tableCsv, tableMarkdown, tableText } from "#mtard/report/render-table.js";
import { cellOf, sampleOf, type ReportTable } from "#mtard/report/table.js";

/** Numbers chosen so that every one in the expectations can be worked out by hand. */
const table: ReportTable = {
  number: 3,
  title: "two methods",
  rowHeading: "method",
  budget: "smoke",
  sections: [
    { title: "Clean accuracy", measures: ["Clean"], unit: "%" },
    { title: "FGSM", measures: ["Robust", "W-Robust"], unit: "%" },
  ],
  rows: [
    {
      label: "A|B",
      shortfall: { brief: "demo data, 2 of 300 epochs", others: "teacher x, beta 2" },
      runs: ["runs/a0", "runs/a1", "runs/a2"],
      warnings: ["it may, or may not, mislead"],
      cells: [
        // mean 62, squared differences 4 + 0 + 4, over n - 1 = 2: deviation 2
        [cellOf(60, null, [60, 62, 64])],
        [cellOf(40, null, [10]), cellOf(33.21, 34.205, [33.2101])],
      ],
    },
    {
      label: "C",
      shortfall: null,
      runs: [],
      warnings: [],
      cells: [[cellOf(50.5, null, [])], [cellOf(null, null, [7]), cellOf(20, null, [19.5])]],
    },
  ],
  notes: ["a note"],
};

describe("a sample", () => {
  it("has the mean and the deviation with n - 1", () => {
    expect(sampleOf([])).toBeNull();
    expect(sampleOf([5])).toEqual({ mean: 5, deviation: null, runs: 1 });
    expect(sampleOf([60, 62, 64])).toEqual({ mean: 62, deviation: 2, runs: 3 });
    expect(sampleOf([1, 2])?.deviation).toBeCloseTo(Math.SQRT1_2, 12);
  });
});

describe("a table", () => {
  it("as Markdown", () => {
    expect(tableMarkdown(table)).toBe(`# Table 3: two methods

## Clean accuracy (%)

| method | Clean: paper | ours | difference | run on |
| --- | ---: | ---: | ---: | --- |
| A\\|B | 60.00 | 62.00 ± 2.00 | +2.00 | demo data, 2 of 300 epochs |
| C | 50.50 | – | – | the paper's budget |

## FGSM (%)

| method | Robust: paper | ours | difference | W-Robust: paper | ours | difference | run on |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |
| A\\|B | 40.00 | 10.00 | −30.00 | 33.21\\* (34.205) | 33.21 | 0.00 | demo data, 2 of 300 epochs |
| C | – | 7.00 | – | 20.00 | 19.50 | −0.50 | the paper's budget |

- \\* as the paper prints it; in parentheses (clean + robust) / 2 of its own numbers.
- Mean ± sample standard deviation over seeds.
- A\\|B: teacher x, beta 2.
- a note
- Warning, A\\|B: it may, or may not, mislead.
`);
  });

  it("as CSV: a line a number, unrounded, with what it was run on", () => {
    const [heading, ...lines] = tableCsv(table).trimEnd().split("\r\n");
    expect(heading).toBe(
      "table,budget,method,section,measure,unit,paper,paper (clean + robust) / 2,ours,deviation,runs,difference,run on,warnings",
    );
    expect(lines).toEqual([
      '3,smoke,A|B,Clean accuracy,Clean,%,60,,62,2,3,2,"demo data, 2 of 300 epochs, teacher x, beta 2","it may, or may not, mislead"',
      '3,smoke,A|B,FGSM,Robust,%,40,,10,,1,-30,"demo data, 2 of 300 epochs, teacher x, beta 2","it may, or may not, mislead"',
      `3,smoke,A|B,FGSM,W-Robust,%,33.21,34.205,33.2101,,1,${33.2101 - 33.21},"demo data, 2 of 300 epochs, teacher x, beta 2","it may, or may not, mislead"`,
      "3,smoke,C,Clean accuracy,Clean,%,50.5,,,,,,the paper's budget,",
      "3,smoke,C,FGSM,Robust,%,,,7,,1,,the paper's budget,",
      "3,smoke,C,FGSM,W-Robust,%,20,,19.5,,1,-0.5,the paper's budget,",
    ]);
  });

  it("without the sections in which nothing was measured", () => {
    const rows = table.rows.map((row) => ({
      ...row,
      cells: row.cells.map((cells, section) =>
        section === 1 ? cells.map((cell) => ({ ...cell, ours: null, difference: null })) : cells,
      ),
    }));
    expect(tableText({ ...table, rows }, formatTable)).not.toContain("FGSM (%)");
    expect(tableMarkdown({ ...table, rows })).not.toContain("## FGSM (%)");
    expect(tableMarkdown({ ...table, rows })).toContain("## Clean accuracy (%)");
  });

  it("as text for a terminal", () => {
    expect(tableText(table, formatTable)).toBe(`Table 3: two methods

Clean accuracy (%)
method  Clean: paper  ours          difference  run on
A|B     60.00         62.00 ± 2.00  +2.00       demo data, 2 of 300 epochs
C       50.50         –             –           the paper's budget

FGSM (%)
method  Robust: paper  ours   difference  W-Robust: paper  ours   difference  run on
A|B     40.00          10.00  −30.00      33.21* (34.205)  33.21  0.00        demo data, 2 of 300 epochs
C       –              7.00   –           20.00            19.50  −0.50       the paper's budget

* as the paper prints it; in parentheses (clean + robust) / 2 of its own numbers.
Mean ± sample standard deviation over seeds.
A|B: teacher x, beta 2.
a note
Warning, A|B: it may, or may not, mislead.`);
  });
});
