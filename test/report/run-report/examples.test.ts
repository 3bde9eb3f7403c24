import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatExamples, readExamples } from "#mtard/report/run-report/examples.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-examples-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [model, data] = ["a".repeat(64), "b".repeat(64)];
const content = {
  model,
  data,
  attack: "pgd-trades",
  epsilon: 8 / 255,
  gain: 12,
  examples: [
    {
      ...{ index: 3, label: 1, linf: 0.03 },
      before: { answer: 1, confidence: 0.5 },
      after: { answer: 2, confidence: 1 },
      pictures: { clean: "AAAA", difference: "AAAA", adversarial: "AAAA" },
    },
  ],
} as const;

function read(text: string, identity = model, classes = 3, of = data): { found: unknown; said: string[] } {
  writeFileSync(join(folder, "examples.json"), text);
  const said: string[] = [];
  return { found: readExamples(folder, { identity, classes }, of, (line) => said.push(line)), said };
}

describe("kept examples", () => {
  const text = formatExamples(content);

  it("are those of this student, these data and these classes only", () => {
    expect(read(text)).toEqual({ found: { format: 1, ...content }, said: [] });
    for (const { found, said } of [
      read(text, "c".repeat(64)),
      read(text, model, 2),
      read(text, model, 3, "c".repeat(64)),
    ])
      expect({ found, said }).toEqual({ found: null, said: [] });
  });

  it("are left out with a sentence where their file is damaged or holds anything else", () => {
    const broken = [
      text.slice(0, 50),
      "null",
      text.replace('"AAAA"', '"A\\"><script>"'),
      text.replace('"label":1', '"label":-1'),
    ];
    for (const each of broken) {
      const { found, said } = read(each);
      expect(found).toBeNull();
      expect(said).toEqual([expect.stringMatching(/examples\.json is not shown: /)]);
    }
  });
});
