import { execFile, execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeStores } from "../training/tiny-run.js";
import { type Ended, main, workFolder } from "./mtard.js";

/* Stores that belong to another user, or lie on a disk that can only be read. */

/** Takes from root what lets it write anywhere; other users need nothing taken. */
const ORDINARY = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
const canRun =
  ORDINARY.length === 0 || spawnSync(ORDINARY[0] ?? "", [...ORDINARY.slice(1), "true"]).status === 0;

const folder = workFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const teachers = at("teachers");
const data = at("data");
const trials = at("trials");

beforeAll(async () => {
  for (const each of [teachers, trials, at("out")]) mkdirSync(each);
  await makeStores(teachers);
  mkdirSync(data);
  renameSync(join(teachers, "demo"), join(data, "demo"));
  setWritable(false);
});
afterAll(() => {
  setWritable(true);
  folder.remove();
});

function setWritable(writable: boolean): void {
  execFileSync("chmod", ["-R", writable ? "u+rwX" : "a-w", teachers, data, trials]);
}

function ordinary(call: string): Promise<Ended> {
  const [program = "", ...args] = [...ORDINARY, process.execPath, main, ...call.split(" ")];
  const env = {
    ...process.env,
    ...{ MTARD_DATA: data, MTARD_TEACHERS: teachers, MTARD_TRIALS: trials, MTARD_DEVICE: "cpu" },
  };
  return new Promise((settle) => {
    const child = execFile(program, args, { cwd: folder.path, env, timeout: 100_000 }, (_, stdout, stderr) =>
      settle({ code: child.exitCode, stdout, stderr }),
    );
  });
}

describe.skipIf(!canRun)("stores that may only be read", () => {
  it.each([
    ["teacher list", "clean  "],
    ["teacher show clean", "resnet-8"],
    [
      "teacher check clean --limit 20 --attacks none",
      "not recorded: this user may not write to the teacher's folder",
    ],
    ["evaluate clean --limit 10 --attacks fgsm --runs-dir out", "fgsm"],
    ["data demo", "already there"],
    [
      "train --dataset demo --method ard --student resnet-8 --robust-teacher robust --epochs 1 --limit-train 32 --limit-test 10 --out out/run",
      "finished",
    ],
  ])("are enough for %s", async (call, said) => {
    const { code, stdout, stderr } = await ordinary(call);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(said);
    expect([...readdirSync(teachers), ...readdirSync(data)].filter((name) => name.startsWith("."))).toEqual(
      [],
    );
  });

  it.each([
    [
      "teacher import --name clean --force --dataset demo --network resnet-8 --weights teachers/clean.safetensors",
    ],
    ["data demo --force"],
    ["export clean --to onnx --out data/clean.onnx"],
  ])("are named where %s would write", async (call) => {
    const before = readFileSync(join(teachers, "clean", "teacher.json"));
    const { code, stderr } = await ordinary(call);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: cannot write .*(teachers|data)\//m);
    expect(stderr).toMatch(/^ {2}found {5}EACCES: /m);
    expect(stderr).toMatch(/^ {2}try {7}check its owner and permissions/m);
    expect(readFileSync(join(teachers, "clean", "teacher.json"))).toEqual(before);
  });

  it("list a teacher that may not be read with what is wrong, beside the others", async () => {
    chmodSync(join(teachers, "robust", "teacher.json"), 0);
    const { code, stdout, stderr } = await ordinary("teacher list");
    chmodSync(join(teachers, "robust", "teacher.json"), 0o444);
    expect(code).toBe(0);
    expect(stdout).toContain("clean  ");
    expect(stderr).toMatch(/^error: cannot open .*robust\/teacher\.json: permission denied$/m);
  });
});
