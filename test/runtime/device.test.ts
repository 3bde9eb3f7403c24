import { availableParallelism } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import {
  prepareNativeLibraries,
  requestedDevice,
  studentDevice,
  tensorflowDevice,
  threadCount,
} from "#mtard/runtime/device.js";
import type { tf } from "#mtard/runtime/tensorflow.js";

afterEach(() => vi.unstubAllEnvs());

/** An engine that says it runs on the GPU or not, as libtensorflow's backend does. */
const engine = (isUsingGpuDevice: boolean): typeof tf =>
  ({ backend: () => ({ isUsingGpuDevice }) }) as unknown as typeof tf;

describe("the device asked for", () => {
  it("is the option, then MTARD_DEVICE, then auto", () => {
    vi.stubEnv("MTARD_DEVICE", "");
    expect(requestedDevice()).toBe("auto");
    vi.stubEnv("MTARD_DEVICE", "cuda");
    expect(requestedDevice()).toBe("cuda");
    expect(requestedDevice("cpu")).toBe("cpu");
  });

  it("is refused when unknown, naming where it came from", () => {
    vi.stubEnv("MTARD_DEVICE", "gpu");
    expect(() => requestedDevice()).toThrow(InputError);
    expect(() => requestedDevice("tpu")).toThrow(/tpu/);
  });

  it("hides the GPU from both libraries when it is the CPU", () => {
    vi.stubEnv("CUDA_VISIBLE_DEVICES", undefined);
    vi.stubEnv("TF_NUM_INTRAOP_THREADS", undefined);
    prepareNativeLibraries("auto", 3);
    expect(process.env["CUDA_VISIBLE_DEVICES"]).toBeUndefined();
    expect(process.env["TF_NUM_INTRAOP_THREADS"]).toBe("3");
    prepareNativeLibraries("cpu", 3);
    expect(process.env["CUDA_VISIBLE_DEVICES"]).toBe("-1");
  });
});

describe("the device used", () => {
  it("is what libtensorflow says", () => {
    expect(tensorflowDevice(engine(true))).toBe("cuda");
    expect(tensorflowDevice(engine(false))).toBe("cpu");
    expect(studentDevice(engine(false), "auto")).toBe("cpu");
    expect(studentDevice(engine(true), "cuda")).toBe("cuda");
  });

  it("is an error when cuda was asked for and the CPU is used", () => {
    expect(() => studentDevice(engine(false), "cuda")).toThrow(WorkError);
  });
});

describe("threads", () => {
  it("are the cores, or MTARD_THREADS", () => {
    vi.stubEnv("MTARD_THREADS", "");
    expect(threadCount()).toBe(availableParallelism());
    vi.stubEnv("MTARD_THREADS", "5");
    expect(threadCount()).toBe(5);
  });

  it.each(["0", "-1", "1.5", "many", "4096"])("cannot be %s", (text) => {
    vi.stubEnv("MTARD_THREADS", text);
    expect(() => threadCount()).toThrow(InputError);
  });
});
