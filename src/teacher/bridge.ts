import { Worker } from "node:worker_threads";
import { InputError, WorkError } from "../errors.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { type Device, type DeviceRequest, threadCount } from "../runtime/device.js";
import { onnxRuntime } from "../runtime/onnxruntime.js";
import type { TeacherManifest } from "./manifest.js";
import { CONTROL, type WorkerReply, type WorkerRequest, type WorkerStart } from "./protocol.js";
import { loadTeacher } from "./load.js";
import { pathOf, type TeacherReference } from "./reference.js";
import { verifyBareModel } from "./verify-apart.js";

/** A frozen classifier that runs on a thread of its own. */
export interface Teacher {
  readonly manifest: TeacherManifest;
  /** Where it really runs. */
  readonly device: Device;
  /**
   * The teacher's logits, `[N, classes]` row-major, for N whole images, NHWC in [0, 1].
   *
   * The images are copied and the request is on its way when this returns, so the caller may reuse the array, and may keep its own
   * thread busy meanwhile. Requests are answered in order.
   *
   * @throws {WorkError} if the teacher's thread fails or has ended.
   */
  logits(images: Float32Array): Promise<Float32Array>;
  /** Ends the thread after the requests before it; again does nothing. */
  close(): Promise<void>;
}

export interface OpenTeacherOptions {
  readonly device: DeviceRequest;
  /** Threads of one run on the CPU; `threadCount()` by default. */
  readonly threads?: number | undefined;
  /** The most images of one run, 256 by default; larger requests run in parts. */
  readonly maxBatch?: number | undefined;
  /** What the teacher is wanted for; refused if it does not fit. */
  readonly dataset?: ClassifierShape | undefined;
}

/** Memory shared with the worker for one request, kept for the next. */
interface Slot {
  readonly capacity: number;
  readonly images: Float32Array<SharedArrayBuffer>;
  readonly logits: Float32Array<SharedArrayBuffer>;
}

interface Pending {
  readonly slot: Slot;
  readonly count: number;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens a teacher on a thread of its own.
 *
 * @throws {InputError} if its files are damaged or it does not fit the data set, {@link WorkError} if it cannot run on the device.
 */
export async function openTeacher(
  reference: TeacherReference,
  options: OpenTeacherOptions,
): Promise<Teacher> {
  const stored = loadTeacher(reference, options.dataset);
  await verifyBareModel(stored, pathOf(reference));
  const { manifest, model, dataFolder } = stored;
  const { image, classes, name } = manifest;
  const { device, threads = threadCount(), maxBatch = 256 } = options;
  const control = new Int32Array(new SharedArrayBuffer(CONTROL.length * 4));
  const start: WorkerStart = {
    model,
    dataFolder,
    device,
    threads,
    image,
    classes,
    maxBatch,
    control: control.buffer,
  };
  // Once a worker that had the binding to itself has ended, Node cannot load it on this thread any more.
  onnxRuntime();
  const worker = new Worker(new URL("./session-worker.js", import.meta.url), {
    workerData: start,
    transferList: [model.buffer],
    name: `teacher ${name}`,
    execArgv: [], // flags of this process, such as --eval, need not suit a worker
  });

  const imageSize = image.height * image.width * image.channels;
  const pending = new Map<number, Pending>();
  const free: Slot[] = [];
  let requests = 0;
  let ended: Error | null = null;
  const leave = (): void => {
    Atomics.store(control, CONTROL.halted, 1);
    Atomics.wait(control, CONTROL.busy, 1);
  };
  process.once("exit", leave);
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      process.off("exit", leave);
      resolve();
    });
  });

  function takeSlot(count: number): Slot {
    const slot = free.pop();
    if (slot && slot.capacity >= count) return slot;
    const capacity = Math.max(count, maxBatch);
    return {
      capacity,
      images: new Float32Array(new SharedArrayBuffer(capacity * imageSize * 4)),
      logits: new Float32Array(new SharedArrayBuffer(capacity * classes * 4)),
    };
  }

  function settle(id: number, outcome: (request: Pending) => void): void {
    const request = pending.get(id);
    if (!request) return;
    pending.delete(id);
    outcome(request);
    free.push(request.slot);
    if (pending.size === 0 && ended === null) worker.unref();
  }

  function end(error: Error): void {
    ended ??= error;
    for (const id of [...pending.keys()]) settle(id, ({ reject }) => reject(error));
  }

  const ready = new Promise<Device>((resolve, reject) => {
    worker.on("message", (message: WorkerReply) => {
      if (message.kind === "ready") resolve(message.device);
      else if (message.kind === "done")
        settle(message.id, ({ slot, count, resolve: answer }) =>
          answer(Float32Array.from(slot.logits.subarray(0, count * classes))),
        );
      else {
        const unloadable = message.id === null && message.input;
        const said = unloadable ? `ONNX Runtime cannot load the model of teacher "${name}"` : message.message;
        const error = new (message.input ? InputError : WorkError)(said, {
          found: `teacher "${name}"`,
          ...message.detail,
        });
        if (message.id === null) reject(error);
        else settle(message.id, (request) => request.reject(error));
      }
    });
    const crash = (cause: unknown): void => {
      const error = new WorkError(`the thread of teacher "${name}" ended unexpectedly`, {
        found: cause instanceof Error ? cause.message : String(cause),
        fix: "run the same command again; if it happens again, mtard doctor",
        cause,
      });
      reject(error);
      end(error);
    };
    worker.on("error", crash);
    worker.on("exit", (code) => crash(`exit code ${code}`));
  });
  // A teacher that nobody asks anything does not keep the process alive.
  const runsOn = await ready.finally(() => worker.unref());

  return {
    manifest,
    device: runsOn,
    logits(images) {
      return new Promise((resolve, reject) => {
        if (ended) throw ended;
        const count = images.length / imageSize;
        if (!Number.isInteger(count))
          throw new InputError(`teacher "${name}" was given a part of an image`, {
            expected: `a whole number of images of ${imageSize} values`,
            found: `${images.length} values`,
          });
        const slot = takeSlot(count);
        slot.images.set(images);
        const id = requests++;
        pending.set(id, { slot, count, resolve, reject });
        worker.ref();
        const request: WorkerRequest = {
          kind: "logits",
          id,
          images: slot.images.buffer,
          logits: slot.logits.buffer,
          count,
        };
        worker.postMessage(request);
      });
    },
    async close() {
      if (!ended) {
        ended = new WorkError(`teacher "${name}" is closed`);
        worker.ref();
        worker.postMessage({ kind: "close" } satisfies WorkerRequest);
      }
      await exited;
    },
  };
}
