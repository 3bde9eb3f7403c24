import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

/** Every name that the package exports, with its doc comment. */
function exported(): { name: string; text: string }[] {
  const entry = resolve("src/index.ts");
  const { config } = ts.readConfigFile("tsconfig.json", (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  return (module ? checker.getExportsOfModule(module) : [])
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter(({ declarations = [] }) =>
      declarations.some((declaration) => !declaration.getSourceFile().fileName.includes("node_modules")),
    )
    .map((symbol) => ({
      name: symbol.name,
      text: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    }));
}

describe("the package's exports", () => {
  it("each have a doc comment", () => {
    const all = exported();
    expect(all.length).toBeGreaterThan(80);
    expect(all.filter(({ text }) => text.trim() === "").map(({ name }) => name)).toEqual([]);
  });

  it("make an API page without a warning", () => {
    const typedoc = resolve("node_modules/.bin/typedoc");
    expect(execFileSync(typedoc, ["--emit", "none"], { encoding: "utf8", stdio: "pipe" })).not.toMatch(
      /warning|error/i,
    );
  });
});
