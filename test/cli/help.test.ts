import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { contentsOf, main, mtard, workFolder } from "./mtard.js";

const work = workFolder();
afterAll(() => work.remove());

const words = (line: string): string[] => line.split(" ").filter(Boolean);
const run = (line: string) => mtard(words(line), work.path);

describe("help and version", () => {
  it.each(["", "-h", "help", "--help"])("mtard %s lists the commands and ends well", async (line) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^mtard <command>\n/);
    expect(stdout).toMatch(/^ +mtard evaluate <model> /m);
    expect(stdout).toContain("mtard help COMMAND");
  });

  it.each(["help train", "train -h", "train --help"])("mtard %s shows the options of train", async (line) => {
    const { code, stdout } = await run(line);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mtard train\n/);
    expect(stdout).toMatch(/^ +--clean-teacher /m);
  });

  it("mtard help teacher check shows the options of an action", async () => {
    const { code, stdout } = await run("help teacher check");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mtard teacher check <name>\n/);
  });

  it.each(["-v", "--version", "train -v"])("mtard %s says the version", async (line) => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(await run(line)).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("completion in bash", () => {
  const COMMANDS = ["demo", "data", "teacher", "train", "evaluate", "help", "completion"];

  /** What bash proposes for the last word, with the script that `mtard completion` prints. */
  function proposals(...typed: string[]): string[] {
    const script = `mtard() { "${process.execPath}" "${main}" "$@"; }
      source <(mtard completion)
      COMP_WORDS=(mtard "$@"); COMP_CWORD=$#
      _mtard_yargs_completions
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, SHELL: "/bin/bash", MTARD_TEACHERS: "" };
    const found = execFileSync("bash", ["-c", script, "bash", ...typed], { cwd: work.path, env });
    return found.toString().split("\n").filter(Boolean);
  }

  it("completes commands and actions", () => {
    expect(proposals("")).toEqual(expect.arrayContaining(COMMANDS));
    expect(proposals("tr")).toEqual(["train"]);
    expect(proposals("teacher", "")).toEqual(["fetch", "import", "list", "show", "check"]);
  });

  it("completes options, each once unless it may be repeated", () => {
    expect(proposals("train", "--me")).toEqual(["--method"]);
    expect(proposals("train", "--method", "sat", "--me")).toEqual([]);
    expect(proposals("train", "--set", "beta=1", "--se")).toEqual(["--seed", "--set"]);
    expect(proposals("teacher", "check", "x", "--ag")).toEqual(["--again"]);
    expect(proposals("data", "demo", "--sh")).toEqual(["--sha256"]);
  });

  it("completes methods, networks, data sets and attacks, in lists as well", () => {
    expect(proposals("train", "--method", "b-")).toEqual(["b-mtard"]);
    expect(proposals("train", "--student", "mob")).toEqual(["mobilenet-v2"]);
    expect(proposals("data", "cif")).toEqual(["cifar10", "cifar100"]);
    expect(proposals("evaluate", "x", "--attacks", "fgsm,pgd-s")).toEqual(["fgsm,pgd-sat"]);
  });

  it("completes the teachers that are in the store, and those of the package", () => {
    const stores = ["--teachers-dir", `${import.meta.dirname}/../../teachers`];
    const typed = ["train", ...stores, "--clean-teacher", "demo-"];
    expect(proposals(...typed)).toEqual(["demo-clean", "demo-robust"]);
    expect(proposals("train", "--clean-teacher", "")).toEqual(["demo-clean", "demo-robust"]);
    expect(proposals("train", "--clean-teacher", "cifar")).toEqual([]);
  });

  it("leaves files to the shell, and runs nothing", () => {
    expect(proposals("train", "--out", "")).toEqual([]);
    expect(proposals("data", "demo", "")).toEqual([]);
    expect(proposals("networks", "")).toEqual([]);
    expect(contentsOf(work.path)).toEqual({});
  });
});

it("completion in zsh has a script of its own", async () => {
  const { code, stdout } = await mtard(["completion"], work.path, { SHELL: "/usr/bin/zsh" });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^#compdef mtard\n/);
});
