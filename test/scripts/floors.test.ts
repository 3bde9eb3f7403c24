import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Linter } from "eslint";
import tseslint from "typescript-eslint";
import { afterAll, describe, expect, it } from "vitest";
import { floors, floorsRule } from "../../scripts/lint/floors.mjs";

/** What the rule says of a file with this content. */
function messagesOf(path: string, content: string): string[] {
  const messages = new Linter().verify(
    content,
    [
      {
        files: ["**/*.ts"],
        languageOptions: { parser: tseslint.parser },
        plugins: { mtard: { rules: { floors: floorsRule } } },
        rules: { "mtard/floors": "error" },
      },
    ],
    { filename: path },
  );
  return messages.map(({ message }) => message);
}

describe("an import from a higher floor is refused", () => {
  it.each([
    ["of a value", 'import { measure } from "../evaluation/measure.js";'],
    ["of a type", 'import type { Measurement } from "../evaluation/measure.js";'],
    ["for its effects", 'import "../evaluation/measure.js";'],
    ["passed on", 'export { measure } from "../evaluation/measure.js";'],
    ["passed on whole", 'export * from "../evaluation/measure.js";'],
    ["when it is called", 'export const load = () => import("../evaluation/measure.js");'],
    ["within a type", 'export type Load = import("../evaluation/measure.js").Measurement;'],
  ])("%s", (_, line) => {
    expect(messagesOf("src/model/model.ts", line)).toEqual([
      "model lies below evaluation and must not import from it: see docs/architecture.md",
    ]);
    expect(messagesOf("src/training/train.ts", line)).toEqual([]);
  });

  it("from a folder within a floor, and from the files beside the folders", () => {
    const line = 'import { measure } from "../../evaluation/measure.js";';
    expect(messagesOf("src/onnx/gradient/fold.ts", line)).toHaveLength(1);
    expect(messagesOf("src/report/figures/draw.ts", line)).toEqual([]);
    expect(messagesOf("src/errors.ts", 'import { lock } from "./files/lock.js";')).toHaveLength(1);
    expect(messagesOf("src/cli/main.ts", 'import { attacks } from "../index.js";')).toHaveLength(1);
  });

  it("but not one from the same floor, of a package, or in a test", () => {
    expect(
      messagesOf("src/model/model.ts", 'import "./targets.js"; import "zod"; import "node:fs";'),
    ).toEqual([]);
    expect(messagesOf("test/model/a.test.ts", 'import "../../src/cli/main.js";')).toEqual([]);
  });
});

it("a folder that is no floor is refused, and so is an import from one", () => {
  const refused = ['"utils" is no floor of src/: put it in its place in scripts/lint/floors.mjs'];
  expect(messagesOf("src/utils/text.ts", "export const nothing = 0;")).toEqual(refused);
  expect(messagesOf("src/cli/main.ts", 'import "../utils/text.js";')).toEqual(refused);
});

describe("the floors", () => {
  it("are the folders and files of src", () => {
    expect([...floors].sort()).toEqual(readdirSync(resolve("src")).sort());
  });

  it("stand in docs/architecture.md in the same order", () => {
    const [, text = ""] = readFileSync(resolve("docs/architecture.md"), "utf8").split(
      "## Folders of `src/`\n",
    );
    const listed = [...(text.split("\n## ")[0] ?? "").matchAll(/^\| `([\w-]+)\/` /gm)].map(
      ([, folder]) => folder,
    );
    expect(listed).toEqual(floors.filter((floor) => !floor.endsWith(".ts")));
  });
});

describe("a circle of imports", () => {
  const folder = mkdtempSync(join(tmpdir(), "mtard-circles-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The exit code of the check that `npm run lint` makes, on other files. */
  function checkOf(name: string, files: Readonly<Record<string, string>>): number {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: { lint: string } };
    const [, check = ""] = scripts.lint.split("&& ");
    expect(check).toMatch(/^dpdm .*'src\/\*\*\/\*\.ts'$/);
    const configuration = { "tsconfig.json": readFileSync("tsconfig.json", "utf8") };
    for (const [path, content] of Object.entries({ ...files, ...configuration })) {
      mkdirSync(dirname(join(folder, name, path)), { recursive: true });
      writeFileSync(join(folder, name, path), content);
    }
    const command = check.replace("dpdm", resolve("node_modules/.bin/dpdm"));
    try {
      execFileSync("/bin/sh", ["-c", command], { cwd: join(folder, name), stdio: "ignore" });
      return 0;
    } catch (error) {
      return (error as { status: number }).status;
    }
  }

  it.each([
    [
      "of values",
      'import { b } from "./b.js"; export const a = () => b;',
      'import { a } from "./a.js"; export const b = a;',
      1,
    ],
    [
      "of types",
      'import type { B } from "./b.js"; export type A = B[];',
      'import type { A } from "./a.js"; export type B = A | 1;',
      1,
    ],
    ["that is none", 'import type { B } from "./b.js"; export type A = B[];', "export type B = 1;", 0],
  ])("%s", (name, a, b, code) => {
    expect(checkOf(name.replaceAll(" ", "-"), { "src/a.ts": a, "src/b.ts": b })).toBe(code);
  });
});
