import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { pinsKey, readRecord } from "../../scripts/setup/record.mjs";
import { arithmeticOf } from "#mtard/runtime/arithmetic.js";
import { gpuNames } from "#mtard/runtime/device.js";
import type { Check } from "#mtard/runtime/diagnosis.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-doctor-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

function doctor(env: NodeJS.ProcessEnv = {}): Diagnosis & { readonly status: number | null } {
  const { status, stdout } = spawnSync(process.execPath, ["dist/cli/main.js", "doctor", "--json"], {
    env: { ...process.env, MTARD_DEVICE: "", ...env },
    encoding: "utf8",
  });
  return { status, ...(JSON.parse(stdout) as Diagnosis) };
}
const find = ({ checks }: Diagnosis, name: string): Check | undefined =>
  checks.find((check) => check.name === name);

/** A cache of engines that are the real ones but for those named, which are missing. */
function brokenCache(...broken: string[]): { cache: string; modules: string } {
  const record = readRecord();
  if (!record) throw new Error("the engines are not set up");
  const cache = mkdtempSync(join(folder, "cache-"));
  const packages = join(cache, "packages");
  const modules = join(packages, "node_modules");
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(packages, "package.json"), "{}");
  const real = join(record.packages, "node_modules");
  for (const name of readdirSync(real))
    if (!broken.includes(name)) symlinkSync(join(real, name), join(modules, name));
  writeFileSync(join(cache, `setup-${pinsKey()}.json`), JSON.stringify({ ...record, packages }));
  return { cache, modules };
}

describe("mtard doctor", () => {
  it("finds this machine able to run the program", () => {
    const diagnosis = doctor();
    expect(diagnosis.status).toBe(0);
    expect(diagnosis.ok).toBe(true);
    expect(find(diagnosis, "libtensorflow")?.found).toMatch(/^2\.20\.0, computes on (cpu|cuda)$/);
    expect(find(diagnosis, "ONNX Runtime")?.found).toMatch(/^1\.24\.1, computes on (cpu|cuda)$/);
    expect(find(diagnosis, "Node.js")?.found).toBe(process.version);
    expect(find(diagnosis, "passes")).toEqual({ name: "passes", status: "ok", found: "passes compiled" });
    const { bfloat16 } = arithmeticOf("cpu");
    if (find(diagnosis, "libtensorflow")?.found.endsWith("cpu"))
      expect(find(diagnosis, "arithmetic")?.found).toBe(
        `cpu: float32, ${bfloat16.works ? "" : "no "}bfloat16 (${bfloat16.found})`,
      );
  });

  it("says what to do where nothing is kept yet, and nothing is compiled", () => {
    const none = join(folder, "none");
    const diagnosis = doctor({ MTARD_DATA: none, MTARD_TEACHERS: none, MTARD_COMPILE: "0" });
    expect(find(diagnosis, "passes")).toMatchObject({ status: "warning", fix: "unset MTARD_COMPILE" });
    expect(find(diagnosis, "data sets")).toMatchObject({ status: "warning", fix: "mtard data demo" });
    expect(find(diagnosis, "teachers")).toMatchObject({ status: "ok", found: "demo-clean, demo-robust" });
  });

  it("works where both libraries are missing, and names them and the fix", () => {
    const diagnosis = doctor({ MTARD_CACHE: brokenCache("@tensorflow", "onnxruntime-node").cache });
    expect(diagnosis.status).toBe(1);
    expect(diagnosis.ok).toBe(false);
    expect(find(diagnosis, "libtensorflow")).toMatchObject({ status: "broken", fix: "mtard setup" });
    expect(find(diagnosis, "libtensorflow")?.found).toContain("tfjs-node-gpu");
    expect(find(diagnosis, "ONNX Runtime")?.found).toContain("onnxruntime-node");
  });

  it("says where nothing was set up that mtard setup does it", () => {
    const diagnosis = doctor({ MTARD_CACHE: join(folder, "never") });
    expect(diagnosis.status).toBe(1);
    for (const name of ["libtensorflow", "ONNX Runtime"])
      expect(find(diagnosis, name)).toMatchObject({ status: "broken", fix: "mtard setup" });
  });

  it("survives a library that ends the process, and says how it ended", () => {
    const { cache, modules } = brokenCache("onnxruntime-node");
    const crashing = join(modules, "onnxruntime-node");
    mkdirSync(crashing);
    writeFileSync(join(crashing, "package.json"), JSON.stringify({ main: "index.js" }));
    writeFileSync(join(crashing, "index.js"), "process.kill(process.pid, 'SIGILL')");
    const check = find(doctor({ MTARD_CACHE: cache }), "ONNX Runtime");
    expect(check).toMatchObject({ status: "broken", found: "the process ended by SIGILL" });
    expect(check?.fix).toContain("AVX");
  });

  it.skipIf(gpuNames().length > 0)("is not content with the CPU where MTARD_DEVICE asks for cuda", () => {
    const diagnosis = doctor({ MTARD_DEVICE: "cuda" });
    expect(diagnosis.status).toBe(1);
    expect(find(diagnosis, "libtensorflow")).toMatchObject({ status: "broken", fix: "MTARD_DEVICE=cpu" });
  });
});
