import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Tried, tryPackage } from "../../scripts/package/try.mjs";

/* The package as npm installs it; the engines are those of the user's cache. `scripts/package/every-node.mjs` does it with empty ones. */

const folder = mkdtempSync(join(tmpdir(), "mtard-package-"));
afterAll(() => rmSync(folder, { recursive: true }));
const installed = (path: string): string => join(folder, "project/node_modules", path);

let tried: Tried;
beforeAll(async () => {
  tried = await tryPackage({ folder });
}, 600_000);

describe("the packed package, in an empty folder", () => {
  it("brings no package with an installer of its own", () => {
    expect(existsSync(installed("mtard/package.json"))).toBe(true);
    expect(existsSync(installed("@tensorflow"))).toBe(false);
    expect(existsSync(installed("onnxruntime-node"))).toBe(false);
  });

  it("ships what is needed, what the README cites, and nothing else", () => {
    const files = tried.files.trim().split("\n");
    for (const file of [
      "dist/index.js",
      "dist/index.d.ts",
      "dist/cli/main.js",
      "data/cifar10.json",
      "docs/architecture.md",
      "docs/fidelity.md",
      "examples/own-method.ts",
      "scripts/setup/setup.mjs",
      "scripts/setup/engines/package-lock.json",
      "teachers/demo-robust/model.onnx",
      "teachers/cifar10-resnet-56.json",
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
    ])
      expect(files).toContain(`package/${file}`);
    expect(
      files.filter((file) => /\.map$|\.tsbuildinfo$|^package\/(src|test)\/|store\.json$/.test(file)),
    ).toEqual([]);
    expect(tried.megabytes["package"]).toBeLessThan(5);
  });

  it("is set up and runs the demo", () => {
    expect(JSON.parse(tried.setup)).toMatchObject({ device: "cpu" });
    expect(tried.demo).toMatch(/clean teacher +100\.0%[^]*B-MTARD student \(both teachers\) +\d+\.\d%/);
  });

  it("type-checks without skipLibCheck, trains, evaluates an ONNX file and exports", () => {
    expect(tried.program).toEqual({
      status: "finished",
      method: "mine",
      identical: true,
      total: 16,
      fallsUnderAttack: true,
      png: true,
      bytes: expect.any(Number) as number,
      tensors: true,
    });
  });
});
