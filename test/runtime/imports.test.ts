import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

/* Importing starts no engine: a process that imported something has none of the native libraries in its memory. */

const root = resolve(import.meta.dirname, "../..");
const dist = join(root, "dist");

const folder = mkdtempSync(join(tmpdir(), "mtard-imports-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The programs among the modules run when they are loaded. */
const PROGRAMS = [
  "cli/main.js",
  "cli/interrupt-watcher.js",
  "cli/report-thread.js",
  "runtime/native-check.js",
  "self-check/probe-process.js",
  "teacher/session-process.js",
  "teacher/session-worker.js",
  "teacher/verify-process.js",
];

/** Notes what is mapped into a process's memory when it ends. */
const watcher = join(folder, "watcher.mjs");
const noted = join(folder, "maps");
writeFileSync(
  watcher,
  `import { readFileSync, writeFileSync } from "node:fs";
   process.on("exit", () => writeFileSync(${JSON.stringify(noted)}, readFileSync("/proc/self/maps", "utf8")));`,
);

/** The native libraries of npm packages and of TensorFlow that a process has in its memory at its end. */
function nativeLibraries(args: readonly string[]): string[] {
  execFileSync(process.execPath, ["--import", watcher, ...args], { cwd: root, stdio: "pipe" });
  const files = readFileSync(noted, "utf8").match(/\/\S+$/gm) ?? [];
  return [...new Set(files)].filter((file) => /\.node$|node_modules|tensorflow|onnxruntime|vips/.test(file));
}

function importing(modules: readonly string[]): string[] {
  const lines = modules.map(
    (path) => `await import(${JSON.stringify(pathToFileURL(join(dist, path)).href)});`,
  );
  return ["--input-type=module", "--eval", lines.join("\n")];
}

describe("no native library is loaded", () => {
  it("by importing the package's entry", () => {
    expect(nativeLibraries(importing(["index.js"]))).toEqual([]);
  });

  it("by importing every module there is", () => {
    const modules = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => path.replace(/\.ts$/, ".js"))
      // Scripts of pages run in browsers.
      .filter((path) => !PROGRAMS.includes(path) && !path.startsWith("browser/"));
    expect(modules.length).toBeGreaterThan(200);
    expect(nativeLibraries(importing(modules))).toEqual([]);
  });

  it.each([
    "--help",
    "train --help",
    "table --help",
    "evaluate --help",
    "networks",
    "recipe show --dataset cifar10",
    "completion",
    "--get-yargs-completions mtard train --method",
    "--get-yargs-completions mtard train --m",
  ])("by mtard %s", (line) => {
    expect(nativeLibraries([join(dist, "cli/main.js"), ...line.split(" ")])).toEqual([]);
  });

  it("until an engine is asked for, which the maps then show", () => {
    const use = (path: string, call: string): string[] => {
      const module = JSON.stringify(pathToFileURL(join(dist, path)).href);
      return nativeLibraries([
        "--input-type=module",
        "--eval",
        `const module = await import(${module}); ${call}`,
      ]);
    };
    expect(use("runtime/tensorflow.js", "module.tf.scalar(1)").join()).toMatch(/libtensorflow/);
    expect(use("runtime/onnxruntime.js", "module.onnxRuntime()").join()).toMatch(/onnxruntime/);
    expect(use("runtime/sharp.js", "module.loadSharp()").join()).toMatch(/sharp|vips/);
  });
});
