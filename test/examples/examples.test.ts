import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readRun } from "#mtard/index.js";
import { readSafetensors } from "#mtard/weights/safetensors.js";
import { mtard, workFolder } from "../cli/mtard.js";

const work = workFolder();
afterAll(() => work.remove());
const at = (name: string): string => join(work.path, name);
const examples = resolve("examples");
const tsx = resolve("node_modules/tsx/dist/esm/index.mjs");

/** Runs an example as a reader does, in a folder where nothing is yet, and gives what it prints. */
function run(name: string, ...args: string[]): Promise<string> {
  return new Promise((settle, fail) => {
    execFile(
      process.execPath,
      ["--import", tsx, join(examples, `${name}.ts`), ...args],
      { cwd: work.path, env: { ...process.env, MTARD_DATA: "", MTARD_TEACHERS: "", MTARD_DEVICE: "cpu" } },
      (error, stdout, stderr) => {
        if (error) fail(new Error(`${name} failed: ${stderr}`));
        else settle(stdout);
      },
    );
  });
}

describe("examples", () => {
  it("are all run here, and listed", () => {
    const programs = readdirSync(examples).filter((name) => name.endsWith(".ts"));
    const listed = readFileSync(join(examples, "README.md"), "utf8");
    const tested = readFileSync(import.meta.filename, "utf8");
    for (const program of programs) {
      expect(listed).toContain(`](${program})`);
      expect(tested).toContain(`run("${program.replace(".ts", "")}"`);
    }
    expect(programs).toHaveLength(6);
  });

  it("measure an ONNX file with AutoAttack", async () => {
    const out = await run("evaluate-onnx", resolve("teachers/demo-robust/model.onnx"), "demo", "1");
    expect(out).toMatch(
      /^\s*model on cpu \(.*\), 1 images\nclean +\d+\.\d%\npgd-sat +\d+\.\d%\naa +\d+\.\d%\n$/,
    );
  });

  it("train on images of one's own", async () => {
    const [, clean, robust] = /^clean ([\d.]+), PGD ([\d.]+)\n$/.exec(await run("own-images")) ?? [];
    expect(Number(clean)).toBeGreaterThan(0.9);
    expect(Number(robust)).toBeLessThanOrEqual(Number(clean));
    const stored = await mtard(["evaluate", "runs/own-images", "--attacks", "none"], work.path);
    expect(stored.code).toBe(2);
    expect(stored.stderr).toContain("discs");
  });

  it("write a method that reaches the built-in one's numbers bit for bit", async () => {
    await run("own-method", "runs/mine", "96");
    const call =
      "train --dataset demo --method rslad --student resnet-8 --epochs 1 --limit-train 96 --limit-test 100";
    expect(await mtard([...call.split(" "), "--out", "runs/built-in"], work.path)).toMatchObject({ code: 0 });
    const [mine, builtIn] = ["runs/mine", "runs/built-in"].map((folder) => readRun(at(folder)));
    const untimed = (run: typeof mine): object[] =>
      (run?.steps ?? []).map((step) =>
        Object.fromEntries(Object.entries(step).filter(([name]) => name !== "seconds")),
      );
    expect(mine?.settings.method).toBe("my-rslad");
    expect(untimed(mine).length).toBeGreaterThan(1);
    expect(untimed(mine)).toEqual(untimed(builtIn));
    expect(mine?.evaluations).toEqual(builtIn?.evaluations);
    const weights = async (folder: string): Promise<Map<string, Buffer>> => {
      const { tensors } = await readSafetensors(join(at(folder), "best.safetensors"));
      return new Map([...tensors].map(([name, { bytes }]) => [name, Buffer.from(bytes)]));
    };
    const [ours, theirs] = [await weights("runs/mine"), await weights("runs/built-in")];
    expect(ours.size).toBeGreaterThan(20);
    expect(ours).toEqual(theirs);
  });

  it("train a network of one's own that comes back as a teacher with the same answers", async () => {
    const out = await run("own-network", "runs/own-network", "96");
    const [, student, teacher] =
      /^.*: (\d+) of 100 right\ntwo-convolutions: (\d+) of 100 right\n$/.exec(out) ?? [];
    expect(student).toBeDefined();
    expect(teacher).toBe(student);
    expect(existsSync(at("teachers/two-convolutions/teacher.json"))).toBe(true);
    const again = await mtard(
      ["evaluate", "runs/own-network", "--attacks", "fgsm", "--limit", "8"],
      work.path,
    );
    expect(again).toMatchObject({ code: 0 });
  });

  it("draw attacks", async () => {
    expect(await run("attack-pictures")).toMatch(/fgsm\.png: \d of 6 wrong\n.*\n.*/);
    for (const attack of ["fgsm", "pgd-sat", "cw"]) expect(existsSync(at(`${attack}.png`))).toBe(true);
  });

  it("distil with teachers from two files", async () => {
    const files = ["clean", "robust"].map((role) => resolve(`teachers/demo-${role}/model.onnx`));
    const out = await run("two-teachers", ...files, "runs/two", "96");
    expect(out).toMatch(/step 1\/2: weight 0\.\d+, temperature 1[^]*runs\/two: finished, W-Robust 0\.\d+/);
    expect(readRun(at("runs/two"))).toMatchObject({ finished: true, settings: { cleanTeacher: files[0] } });
  });
});
