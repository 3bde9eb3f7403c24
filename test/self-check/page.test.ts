import { expect, it } from "vitest";
import { formatRows, formatTable } from "#mtard/cli/text-table.js";
import { pageMarkdown, pageText } from "#mtard/self-check/page.js";
import type { SelfCheck } from "#mtard/self-check/self-check.js";

const result: SelfCheck = {
  ok: false,
  date: "2026-11-25T23:55:10.000Z",
  seconds: 61.2,
  machine: { processor: "a | b", software: "mtard 1" },
  findings: [
    { section: "memory", subject: "a step", found: "1.00 GB", expected: "", verdict: "ok", values: {} },
    {
      section: "numbers",
      subject: "logits",
      found: "2e-1",
      expected: "up to 1e-4",
      verdict: "failed",
      values: {},
    },
  ],
};

it("says machine, date, outcome and every line, in sections", () => {
  expect(pageText(result, formatRows, formatTable))
    .toBe(`mtard doctor --thorough, 2026-11-25 23:55 UTC, 61 s: 1 of 2 lines failed

processor  a | b
software   mtard 1

Numbers
check   found  expected    verdict
logits  2e-1   up to 1e-4  failed

Memory
check   found    expected  verdict
a step  1.00 GB            ok`);
});

it("is Markdown in which names are text", () => {
  const page = pageMarkdown(result);
  expect(page).toContain("- processor: a \\| b\n");
  expect(page).toContain(
    "## Numbers\n\n| check | found | expected | verdict |\n| --- | --- | --- | --- |\n| logits | 2e-1 |",
  );
  expect(page.indexOf("## Numbers")).toBeLessThan(page.indexOf("## Memory"));
});
