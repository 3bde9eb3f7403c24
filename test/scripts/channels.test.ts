import { Linter } from "eslint";
import tseslint from "typescript-eslint";
import { expect, it } from "vitest";
import configuration from "../../eslint.config.js";
import { channelsConfig } from "../../scripts/lint/channels.mjs";

/** The rules that a file with this content breaks. */
function brokenBy(content: string, path = "src/model/model.ts"): (string | null)[] {
  const parsed = { files: ["**/*.ts"], languageOptions: { parser: tseslint.parser } };
  return new Linter()
    .verify(content, [parsed, channelsConfig], { filename: path })
    .map(({ ruleId }) => ruleId);
}

it.each([
  "process.stdout.write(name);",
  "process.stderr.write(name);",
  'process["stderr"].write(name);',
  "const { stdout } = process;",
  "const stream = quiet ? null : process.stdout;",
  "console.log(name);",
  'import { stdout } from "node:process";',
  'import console from "node:console";',
  'import { writeSync } from "node:fs"; writeSync(2, name);',
  'import { writeFileSync } from "node:fs"; writeFileSync("/dev/stderr", name);',
])("%s is refused", (content) => {
  expect(brokenBy(content)).toHaveLength(1);
});

it("only the file of the channels may write to them, and a program that answers another through a pipe", () => {
  const content = "process.stdout.write(name);";
  expect(brokenBy(content, "src/cli/channels.ts")).toEqual([]);
  expect(brokenBy(content, "src/runtime/native-check.ts")).toEqual([]);
  expect(brokenBy(content, "src/cli/output.ts")).toHaveLength(1);
});

it("the project is checked so", () => {
  expect(configuration).toContain(channelsConfig);
});
