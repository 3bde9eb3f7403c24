import type * as Ort from "onnxruntime-common";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { InputError, WorkError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { floatValue, int64Tensor, intsAttribute, node } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { cudaProblem, openSession } from "#mtard/runtime/onnxruntime.js";
import { Random } from "#mtard/runtime/random.js";
import { openTeacher, type OpenTeacherOptions, type Teacher, TeacherStopped } from "#mtard/teacher/bridge.js";
import { findTeacher } from "#mtard/teacher/reference.js";
import { formatManifest, MANIFEST_FILE, readManifest } from "#mtard/teacher/manifest.js";
import { rememberTried } from "#mtard/teacher/tried.js";
import { sha256Of } from "#mtard/files/sha256.js";
import {
  classifierNodes,
  fatalGraph,
  type GraphInit,
  image as smallImage,
  loopingGraph,
  model,
  parameters,
  values,
} from "../onnx/models.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";

const ort = onnxRuntime();

const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
const network = createNetwork("resnet-8", shape, { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] });
const bytes = networkToOnnx(network, initialWeights(network, Random.fromSeed(1)), {
  version: "0",
  dataset: "cifar10",
});
const size = 3072;

const folder = mkdtempSync(join(tmpdir(), "mtard-bridge-"));
const path = join(folder, "resnet-8.onnx");
let session: Ort.InferenceSession;

beforeAll(async () => {
  writeFileSync(path, bytes);
  ({ session } = await openSession(bytes, "cpu", 1));
});
afterAll(async () => {
  await session.release();
  rmSync(folder, { recursive: true });
});

async function open(options: Partial<OpenTeacherOptions> = {}): Promise<Teacher> {
  const teacher = await openTeacher({ kind: "file", path }, { device: "cpu", threads: 1, ...options });
  onTestFinished(() => teacher.close());
  return teacher;
}

function someImages(count: number, shift: number): Float32Array {
  return values(count * size, shift).map((value) => value / 2 + 0.5);
}

/** Puts a model into the store as it is, without the trial of an import. */
function stored(name: string, content: Uint8Array, of = { image: smallImage, classes: 5 }): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "model.onnx"), content);
  const sha256 = sha256Of(content);
  const manifest = {
    name,
    dataset: "test-images",
    ...of,
    file: "model.onnx",
    sha256,
    source: { file: "model.onnx", sha256, format: "onnx" },
    network: null,
    normalization: null,
    createdBy: "0",
  };
  writeFileSync(join(folder, name, MANIFEST_FILE), formatManifest(manifest));
}

/** What ONNX Runtime answers on this thread, given NHWC images. */
async function direct(images: Float32Array): Promise<Float32Array> {
  const count = images.length / size;
  const nchw = images.map((_, index) => {
    const [image, channel, pixel] = [
      Math.floor(index / size),
      Math.floor((index % size) / 1024),
      index % 1024,
    ];
    return images[image * size + pixel * 3 + channel] ?? NaN;
  });
  const { logits } = await session.run({ images: new ort.Tensor("float32", nchw, [count, 3, 32, 32]) });
  return logits?.data as Float32Array;
}

describe("openTeacher", () => {
  it("answers bit for bit what ONNX Runtime answers directly, batch sizes mixed", async () => {
    const teacher = await open();
    expect(teacher.device).toBe("cpu");
    for (const [shift, count] of [5, 1, 5, 3].entries()) {
      const images = someImages(count, shift);
      expect(await teacher.logits(images)).toEqual(await direct(images));
    }
  });

  it("answers many requests at once in order, each about the images as they were", async () => {
    const teacher = await open();
    const images = new Float32Array(2 * size);
    const order: number[] = [];
    const answers = [0, 1, 2, 3].map(async (shift) => {
      images.set(someImages(2, shift));
      const logits = await teacher.logits(images);
      order.push(shift);
      return logits;
    });
    for (const [shift, answer] of (await Promise.all(answers)).entries())
      expect(answer).toEqual(await direct(someImages(2, shift)));
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it("runs a batch larger than maxBatch in parts", async () => {
    const teacher = await open({ maxBatch: 4 });
    const images = someImages(10, 1);
    const parts = await Promise.all(
      [
        [0, 4],
        [4, 8],
        [8, 10],
      ].map(([from = 0, to = 0]) => direct(images.slice(from * size, to * size))),
    );
    expect(await teacher.logits(images)).toEqual(Float32Array.from(parts.flatMap((part) => [...part])));
  });

  it("answers no images with no logits", async () => {
    expect(await (await open()).logits(new Float32Array(0))).toEqual(new Float32Array(0));
  });

  it("uses the same shared memory again, and keeps answers apart from it", async () => {
    const teacher = await open();
    const made = vi.spyOn(globalThis, "SharedArrayBuffer");
    onTestFinished(() => made.mockRestore());
    const first = await teacher.logits(someImages(3, 0));
    const kept = first.slice();
    expect(made).toHaveBeenCalledTimes(2);
    for (let shift = 1; shift < 6; shift++) await teacher.logits(someImages(3, shift));
    expect(made).toHaveBeenCalledTimes(2);
    expect(first).toEqual(kept);
  });

  it("works while the thread that asked is blocked", async () => {
    const teacher = await open();
    const images = someImages(256, 0);
    await teacher.logits(images);
    const began = performance.now();
    await teacher.logits(images);
    const alone = performance.now() - began;

    const asked = teacher.logits(images);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 * alone + 200);
    const unblocked = performance.now();
    await asked;
    expect(performance.now() - unblocked).toBeLessThan(alone / 2);
  });
});

describe("a teacher's errors", () => {
  it("names a part of an image", async () => {
    await expect((await open()).logits(new Float32Array(size + 1))).rejects.toThrow("a part of an image");
  });

  it("come back from the worker, which goes on", async () => {
    // A Reshape to two rows fails for any batch but 2.
    const fussy = model({
      node: classifierNodes("images", "logits", [node("Reshape", ["b", "two.rows"], "c")]),
      initializer: [...parameters, int64Tensor("two.rows", [2n, 64n])],
      input: [floatValue("images", ["N", 3, 8, 8])],
      output: [floatValue("logits", ["N", 5])],
    });
    stored("fussy", serializeModel(fussy));
    // A trial would refuse it.
    rememberTried(readManifest(join(folder, "fussy")), { batch: 256, gradient: false, seconds: 0 });
    const teacher = await openTeacher(findTeacher("fussy", folder), { device: "cpu", threads: 1 });
    onTestFinished(() => teacher.close());
    const error: unknown = await teacher.logits(new Float32Array(3 * 192)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WorkError);
    expect(String(error)).toContain("ONNX Runtime failed: Got invalid dimensions");
    expect(await teacher.logits(new Float32Array(2 * 192))).toHaveLength(10);
  });

  it("say that the model cannot be loaded", async () => {
    const unknown = model({
      node: [...classifierNodes("x", "z"), node("Frobnicate", ["z"], "y")],
      initializer: parameters,
      input: [floatValue("x", ["N", 3, 8, 8])],
      output: [floatValue("y", ["N", 5])],
    });
    stored("unknown", serializeModel(unknown));
    const opening = openTeacher(findTeacher("unknown", folder), { device: "cpu" });
    await expect(opening).rejects.toThrow(InputError);
    await expect(opening).rejects.toThrow("ONNX Runtime cannot load");
    await expect(opening).rejects.toMatchObject({
      detail: { found: expect.stringContaining("Frobnicate") as string },
    });
  });

  it("of an .onnx file that ends ONNX Runtime come before it is opened", async () => {
    const [, ...others] = classifierNodes("x", "y");
    const strides = [intsAttribute("kernel_shape", [3, 3]), intsAttribute("strides", [0, 0])];
    const fatal = model({
      node: [node("Conv", ["x", "conv.weight", "conv.bias"], "a", strides), ...others],
      initializer: parameters,
      input: [floatValue("x", ["N", 3, 8, 8])],
      output: [floatValue("y", ["N", 5])],
    });
    const file = join(folder, "fatal.onnx");
    writeFileSync(file, serializeModel(fatal));
    const dataset = { name: "test-images", image: smallImage, classes: 5 };
    await expect(openTeacher({ kind: "file", path: file }, { device: "cpu", dataset })).rejects.toThrow(
      InputError,
    );
  });

  it("say that a GPU asked for is not used", async (context) => {
    if ((await cudaProblem()) === undefined) context.skip("CUDA works here");
    await expect(open({ device: "cuda" })).rejects.toThrow("ONNX Runtime does not run on the GPU");
  });

  it("compute in float16 on a GPU only, which is said before a model is tried", async () => {
    const refused = /teacherPrecision is float16, and the teachers run on the CPU/;
    const missing = { kind: "file", path: join(folder, "missing.onnx") } as const;
    const half = { device: "cpu", precision: "float16" } as const;
    await expect(openTeacher(missing, half)).rejects.toThrow(refused);
    await expect(open({ precision: "float16" })).rejects.toThrow(InputError);
  });

  it("end every request when the worker dies", async () => {
    const post = vi.spyOn(Worker.prototype, "postMessage");
    onTestFinished(() => post.mockRestore());
    const teacher = await open();
    await teacher.logits(someImages(1, 0));
    const [worker] = post.mock.contexts as Worker[];
    worker?.postMessage(null); // what no request is: the worker throws where nothing catches
    const asked = [teacher.logits(someImages(2, 0)), teacher.logits(someImages(2, 1))];
    for (const answer of await Promise.allSettled(asked))
      expect(answer).toMatchObject({
        status: "rejected",
        reason: { message: expect.stringContaining("ended unexpectedly") as string },
      });
    await expect(teacher.logits(someImages(1, 0))).rejects.toThrow("ended unexpectedly");
    await teacher.close();
  });

  /** Opens what no trial would let pass. */
  async function untried(name: string, graph: GraphInit): Promise<Teacher> {
    stored(name, serializeModel(model(graph)));
    rememberTried(readManifest(join(folder, name)), { batch: 256, gradient: false, seconds: 0 });
    const teacher = await openTeacher(findTeacher(name, folder), { device: "cpu", threads: 1, patience: 1 });
    onTestFinished(() => teacher.close());
    return teacher;
  }

  it("end every request when ONNX Runtime hangs", async () => {
    const teacher = await untried("hangs", loopingGraph(2n ** 62n));
    for (const count of [2, 1]) {
      const asked = teacher.logits(new Float32Array(count * 192));
      await expect(asked).rejects.toThrow(TeacherStopped);
      await expect(asked).rejects.toMatchObject({
        message: 'teacher "hangs" stopped answering',
        detail: { found: "no answer about 2 images for 1 s" },
      });
    }
  });

  it("say that ONNX Runtime crashed, which this process outlives", async () => {
    await expect(untried("crashes", fatalGraph())).rejects.toMatchObject({
      message: 'teacher "crashes" ended ONNX Runtime',
      detail: { found: "its process ended with SIGFPE" },
    });
  });

  it("come from a closed teacher, after the requests before it are answered", async () => {
    const teacher = await open();
    const asked = teacher.logits(someImages(2, 0));
    const closing = teacher.close();
    await expect(teacher.logits(someImages(2, 0))).rejects.toThrow("is closed");
    expect(await asked).toEqual(await direct(someImages(2, 0)));
    await closing;
    await teacher.close();
  });
});

describe("a process with a teacher", () => {
  const bridge = pathToFileURL(join(import.meta.dirname, "../../dist/teacher/bridge.js")).href;
  const ending = (last: string) =>
    spawnSync(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `const { openTeacher } = await import(${JSON.stringify(bridge)});
         const teacher = await openTeacher({ kind: "file", path: ${JSON.stringify(path)} }, { device: "cpu" });
         const logits = await teacher.logits(new Float32Array(3072));
         console.log(logits.length);
         ${last}`,
      ],
      { encoding: "utf8", timeout: 60_000 },
    );

  it.each([
    ["closed", "await teacher.close();"],
    [
      "closed while asked",
      "const asked = teacher.logits(new Float32Array(3072 * 64)); await teacher.close(); await asked;",
    ],
    ["left open", ""],
    ["asked and not waited for", "void teacher.logits(new Float32Array(3072 * 64));"],
  ])("ends by itself, the teacher %s", (_, last) => {
    expect(ending(last)).toMatchObject({ status: 0, signal: null, stdout: "10\n", stderr: "" });
  });

  it("is not given up for the time that Ctrl-Z stopped it", async () => {
    stored("stopped", bytes, shape);
    // No time was taken of its answers.
    rememberTried(readManifest(join(folder, "stopped")), { batch: 1024, gradient: false, seconds: 0 });
    const asking = spawn(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `const { openTeacher } = await import(${JSON.stringify(bridge)});
         const options = { device: "cpu", threads: 1, maxBatch: 1024, patience: 6 };
         const teacher = await openTeacher({ kind: "folder", folder: ${JSON.stringify(join(folder, "stopped"))} }, options);
         const asked = teacher.logits(new Float32Array(3072 * 1024));
         console.log("asked");
         console.log((await asked).length);
         await teacher.close();`,
      ],
      { detached: true, stdio: ["ignore", "pipe", "inherit"] },
    );
    const group = -(asking.pid ?? 0);
    let said = "";
    asking.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(asking, "close");
    await once(asking.stdout, "data");
    await sleep(100);
    process.kill(group, "SIGSTOP");
    await sleep(7000);
    process.kill(group, "SIGCONT");
    await ended;
    expect(said).toBe("asked\n10240\n");
  });

  // Without care, Node aborts when it ends while ONNX Runtime is running in a worker.
  it("may end in the middle of a run", () => {
    const busy = "void teacher.logits(new Float32Array(3072 * 2048)); setTimeout(() => process.exit(3), 50);";
    expect(ending(busy)).toMatchObject({ status: 3, signal: null, stdout: "10\n", stderr: "" });
  });
});
