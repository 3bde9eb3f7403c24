import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { type Ended, main, workFolder } from "./mtard.js";

/* A channel that takes nothing more stops no work, and a result that did not arrive is no success. */

const work = workFolder();
afterAll(() => work.remove());
beforeAll(() => prepareDataset("demo", join(work.path, "data")));

const environment = { ...process.env, MTARD_DATA: "", MTARD_TEACHERS: "", MTARD_DEVICE: "cpu" };

/** Runs a line of bash in which `mtard` is the program. */
function shell(line: string): Promise<Ended> {
  const mtard = `mtard() { ${process.execPath} ${main} "$@"; }`;
  const child = spawn("bash", ["-c", `${mtard}; ${line}`], { cwd: work.path, env: environment });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((settle) => child.on("close", (code) => settle({ code, stdout, stderr })));
}

const training = (out: string, more = "--epochs 2"): string =>
  `mtard train --dataset demo --method natural --student resnet-8 --limit-train 64 --limit-test 20 ${more} --out ${out}`;

function summaryOf(out: string): unknown {
  return JSON.parse(readFileSync(join(work.path, out, "summary.json"), "utf8"));
}

describe("a training goes on to its end", () => {
  it.each([
    ["where the messages' reader has gone", "2> >(head -n 1 > /dev/null)"],
    ["where the messages' disk is full", "2> /dev/full"],
    ["without a channel for messages", "2>&-"],
    ["where the result's reader has gone", "> >(true)"],
  ])("%s", async (name, redirection) => {
    const out = `runs/${name.replace(/\W+/g, "-")}`;
    const { code, stderr } = await shell(`${training(out)} ${redirection}`);
    expect({ code, stack: /^ {4}at /m.test(stderr) }).toEqual({ code: 0, stack: false });
    expect(summaryOf(out)).toMatchObject({ status: "finished" });
  });

  it("where the result's disk is full, which is said and is no success", async () => {
    const { code, stderr } = await shell(`${training("runs/full")} > /dev/full`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: the result could not be written to the standard output\n +found +ENOSPC/);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(summaryOf("runs/full")).toMatchObject({ status: "finished" });
  });

  it("where the terminal of the messages is gone", async () => {
    const script = `
import os, pty, subprocess, sys
keeper, terminal = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stderr=terminal, stdout=subprocess.DEVNULL, start_new_session=True)
os.close(terminal)
os.read(keeper, 100)
os.close(keeper)
sys.exit(child.wait())`;
    const { code } = await shell(
      `python3 -c '${script}' ${process.execPath} ${main} ${training("runs/gone").slice("mtard ".length)}`,
    );
    expect(code).toBe(0);
    expect(summaryOf("runs/gone")).toMatchObject({ status: "finished" });
  });
});

it("a training whose terminal is closed saves and stops, as at Ctrl-C", async () => {
  const call = training("runs/hangup", "--epochs 500").split(" ").slice(1);
  const child = spawn(process.execPath, [main, ...call], { cwd: work.path, env: environment });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    const before = said;
    said += chunk.toString();
    if (!before.includes("epoch 1:") && said.includes("epoch 1:")) child.kill("SIGHUP");
  });
  const code = await new Promise((settle) => child.on("close", settle));
  expect(code).toBe(1);
  expect(said).toMatch(/SIGHUP: saving and stopping after this step/);
  expect(existsSync(join(work.path, "runs/hangup/last.safetensors"))).toBe(true);
});

it("a list that was read far enough ends quietly", async () => {
  const { code, stdout, stderr } = await shell(
    "set -o pipefail; { mtard networks --quiet; mtard recipe list --quiet; } | head -n 1",
  );
  expect({ code, stderr, lines: stdout.split("\n").length }).toEqual({ code: 0, stderr: "", lines: 2 });
});

it.each(["networks", "--help", "recipe list --json", "networks --methd x"])(
  "%s on a full disk ends with words, not with a stack trace",
  async (call) => {
    const { code, stderr } = await shell(`mtard ${call} > /dev/full`);
    expect(code).toBe(call.includes("methd") ? 2 : 1);
    expect(stderr).toMatch(/^error: /m);
    expect(stderr).not.toMatch(/^ {4}at /m);
  },
);
