import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { gpuNames } from "#mtard/runtime/device.js";
import { askApart } from "#mtard/self-check/apart.js";
import { relativeDistance } from "#mtard/self-check/compare.js";
import { main, mtard } from "../cli/mtard.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-apart-"));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();
const small = { network: "resnet-8", count: 2, device: "cpu" } as const;

describe("a process of the self-check", () => {
  it("computes in the way that its environment says", async () => {
    const options = { signal, seconds: 100 };
    const student = await askApart("student", { ...small, precision: "float32" }, options);
    const teacher = await askApart("teacher", { ...small, optimized: true }, options);
    expect(relativeDistance(student.logits, teacher.logits)).toBeLessThan(1e-5);
    expect(relativeDistance(student.gradient, teacher.gradient)).toBeLessThan(1e-4);
    expect(student.gradient).toHaveLength(2 * 32 * 32 * 3);
  });

  it("times steps, and says what they and a teacher hold", async () => {
    const question = { network: "resnet-20", count: 2, device: "cpu", precision: "float32" } as const;
    const environment = { MTARD_TRIALS: join(folder, "trials") };
    const options = { signal, seconds: 100, environment };
    const speed = await askApart("speed", { ...question, repeats: 1 }, options);
    for (const seconds of Object.values(speed)) expect(seconds).toBeGreaterThan(0);
    const memory = await askApart("memory", { ...question, teacherDevice: "cpu", folder }, options);
    expect(memory.student).toBeGreaterThan(1e8);
    expect(memory.teacher).toBeGreaterThan(3e7);
    expect(readdirSync(folder)).toContain("trials");
  });

  it("multiplies matrices at a speed that is one", async () => {
    const question = { device: "cpu", precision: "float32", sizes: [8, 256] } as const;
    const { operations, size } = await askApart("peak", question, { signal, seconds: 100 });
    expect(size).toBe(256);
    expect(operations).toBeGreaterThan(1e8);
    expect(operations).toBeLessThan(1e14);
  });

  it.skipIf(gpuNames().length > 0)("says what it cannot do", async () => {
    const asked = askApart("golden", { device: "cuda" }, { signal, seconds: 100 });
    await expect(asked).rejects.toThrow("the student does not run on the GPU: no NVIDIA GPU");
  });

  it("is ended when its time is over, and when it is told to", async () => {
    const late = askApart("golden", { device: "cpu" }, { signal, seconds: 0.01 });
    await expect(late).rejects.toThrow("no answer after 0 s");
    const stop = new AbortController();
    const asked = askApart("golden", { device: "cpu" }, { signal: stop.signal, seconds: 100 });
    stop.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  });
});

describe("mtard doctor --thorough", () => {
  it("refuses --out alone, and a folder as the file", async () => {
    const alone = await mtard(["doctor", "--out", "page.md"], folder);
    expect(alone).toMatchObject({ code: 2, stdout: "" });
    expect(alone.stderr).toContain("--out is for the page of --thorough");
    const inFolder = await mtard(["doctor", "--thorough", "--out", folder], folder);
    expect(inFolder).toMatchObject({ code: 2, stdout: "" });
    expect(inFolder.stderr).toContain("is a folder");
  });

  it("is ended by Ctrl-C, with nothing on stdout and no process left", async () => {
    const child = spawn(process.execPath, [main, "doctor", "--thorough"], { cwd: folder, detached: true });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
      // To the whole group, as a terminal does it.
      if (text.includes("self-check: part 1") && child.pid !== undefined) process.kill(-child.pid, "SIGINT");
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(stderr).toContain("error: the self-check was stopped\n  found     SIGINT");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(() => process.kill(-(child.pid ?? 0), 0)).toThrow("ESRCH");
  });
});
