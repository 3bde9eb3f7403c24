import { writeFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import { gpuNames } from "#mtard/runtime/device.js";
import { chooseDevice, cudaProblem, onnxRuntime, openSession, runProbe } from "#mtard/runtime/onnxruntime.js";
import { hasShared, shared } from "../shared.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-onnxruntime-"));
afterAll(() => rmSync(folder, { recursive: true }));
const noGpu = gpuNames().length === 0;

describe("ONNX Runtime", () => {
  it("computes on the CPU", async () => {
    await expect(runProbe("cpu")).resolves.toBeUndefined();
  });

  it.skipIf(!hasShared)("opens a model and says where it runs", async () => {
    const { session, device } = await openSession(shared("teachers/cifar10-cnn-robust.onnx"), "cpu", 2);
    const images = new (onnxRuntime().Tensor)("float32", new Float32Array(2 * 3 * 32 * 32), [2, 3, 32, 32]);
    const { logits } = await session.run({ images });
    await session.release();
    expect(device).toBe("cpu");
    expect(logits?.dims).toEqual([2, 10]);
  });

  it.skipIf(!hasShared)("refuses a model cut in half, as a file and as bytes", async () => {
    const whole = readFileSync(shared("teachers/cifar10-cnn-robust.onnx"));
    const half = join(folder, "half.onnx");
    writeFileSync(half, whole.subarray(0, whole.length / 2));
    const file = await openSession(half, "cpu", 1).catch((error: unknown) => error);
    expect(file).toBeInstanceOf(InputError);
    expect((file as InputError).report()).toContain("half.onnx");
    await expect(openSession(whole.subarray(0, whole.length / 2), "cpu", 1)).rejects.toThrow(InputError);
  });

  it("names a file that is not there", async () => {
    await expect(openSession(join(folder, "none.onnx"), "cpu", 1)).rejects.toThrow(/none\.onnx/);
  });

  it.skipIf(!noGpu)(
    "refuses cuda where there is no GPU, with the reason, and lets auto take the CPU",
    async () => {
      const error = await chooseDevice("cuda").catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(WorkError);
      expect((error as WorkError).report()).toMatch(/found {5}no NVIDIA GPU/);
      expect((await cudaProblem())?.fix).toBe("--device cpu");
      expect(await chooseDevice("auto")).toBe("cpu");
    },
  );

  it.skipIf(noGpu)("computes on the GPU where there is one", async () => {
    await expect(runProbe("cuda")).resolves.toBeUndefined();
  });
});
