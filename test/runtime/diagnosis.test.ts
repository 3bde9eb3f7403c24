import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { gpuNames } from "#mtard/runtime/device.js";
import type { Check } from "#mtard/runtime/diagnosis.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-doctor-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

function doctor(root: string, env: NodeJS.ProcessEnv = {}): Diagnosis & { readonly status: number | null } {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, "dist/cli/main.js"), "doctor", "--json"],
    {
      env: { ...process.env, MTARD_DEVICE: "", ...env },
      encoding: "utf8",
    },
  );
  return { status, ...(JSON.parse(stdout) as Diagnosis) };
}
const find = ({ checks }: Diagnosis, name: string): Check | undefined =>
  checks.find((check) => check.name === name);

/** A copy of the program whose node_modules are the real ones but for those named, which are broken. */
function brokenCheckout(...broken: string[]): string {
  const root = mkdtempSync(join(folder, "checkout-"));
  for (const part of ["dist", "scripts", "package.json"]) cpSync(part, join(root, part), { recursive: true });
  mkdirSync(join(root, "node_modules"));
  for (const name of readdirSync("node_modules"))
    if (!broken.includes(name)) symlinkSync(resolve("node_modules", name), join(root, "node_modules", name));
  return root;
}

describe("mtard doctor", () => {
  it("finds this machine able to run the program", () => {
    const diagnosis = doctor(".");
    expect(diagnosis.status).toBe(0);
    expect(diagnosis.ok).toBe(true);
    expect(find(diagnosis, "libtensorflow")?.found).toMatch(/^2\.20\.0, computes on (cpu|cuda)$/);
    expect(find(diagnosis, "ONNX Runtime")?.found).toMatch(/^1\.24\.1, computes on (cpu|cuda)$/);
    expect(find(diagnosis, "Node.js")?.found).toBe(process.version);
  });

  it("says what to do where nothing is kept yet", () => {
    const diagnosis = doctor(".", { MTARD_DATA: join(folder, "none"), MTARD_TEACHERS: join(folder, "none") });
    expect(find(diagnosis, "data sets")).toMatchObject({ status: "warning", fix: "mtard data demo" });
    expect(find(diagnosis, "teachers")).toMatchObject({
      status: "warning",
      fix: "mtard teacher import --help",
    });
  });

  it("works where both libraries are missing, and names them and the fix", () => {
    const diagnosis = doctor(brokenCheckout("@tensorflow", "onnxruntime-node"));
    expect(diagnosis.status).toBe(1);
    expect(diagnosis.ok).toBe(false);
    expect(find(diagnosis, "libtensorflow")).toMatchObject({ status: "broken", fix: "make setup" });
    expect(find(diagnosis, "libtensorflow")?.found).toContain("tfjs-node-gpu");
    expect(find(diagnosis, "ONNX Runtime")?.found).toContain("onnxruntime-node");
  });

  it("survives a library that ends the process, and says how it ended", () => {
    const root = brokenCheckout("onnxruntime-node");
    const crashing = join(root, "node_modules/onnxruntime-node");
    mkdirSync(crashing);
    writeFileSync(join(crashing, "package.json"), JSON.stringify({ main: "index.js" }));
    writeFileSync(join(crashing, "index.js"), "process.kill(process.pid, 'SIGILL')");
    const check = find(doctor(root), "ONNX Runtime");
    expect(check).toMatchObject({ status: "broken", found: "the process ended by SIGILL" });
    expect(check?.fix).toContain("AVX");
  });

  it.skipIf(gpuNames().length > 0)("is not content with the CPU where MTARD_DEVICE asks for cuda", () => {
    const diagnosis = doctor(".", { MTARD_DEVICE: "cuda" });
    expect(diagnosis.status).toBe(1);
    expect(find(diagnosis, "libtensorflow")).toMatchObject({ status: "broken", fix: "MTARD_DEVICE=cpu" });
  });
});
