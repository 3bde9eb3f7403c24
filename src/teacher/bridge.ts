import { statSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { InputError, WorkError } from "../errors.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { type Device, type DeviceRequest, threadCount } from "../runtime/device.js";
import type { StoredTeacher } from "./load.js";
import type { TeacherManifest } from "./manifest.js";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./protocol.js";
import { patienceWith } from "./patience.js";
import type { TeacherReference } from "./reference.js";
import { foreseeTeacherPrecision, type TeacherPrecision } from "./teacher-precision.js";
import { tellTrial } from "./trial-notice.js";
import { openTried } from "./tried.js";

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
  /** Ends the thread once earlier requests are answered; closing again does nothing. */
  close(): Promise<void>;
}

export interface OpenTeacherOptions {
  readonly device: DeviceRequest;
  /** Threads of one run on the CPU; `threadCount()` by default. */
  readonly threads?: number | undefined;
  /** `float32` by default. */
  readonly precision?: TeacherPrecision | undefined;
  /** The most images of one run, 256 by default; larger requests run in parts. */
  readonly maxBatch?: number | undefined;
  /** The data set the teacher is for; a teacher that does not fit is refused. */
  readonly dataset?: ClassifierShape | undefined;
  /** How many seconds any answer may take, {@link patienceWith} by default; a slow teacher may take more, 20 times its slowest answer so far. */
  readonly patience?: number | undefined;
}

/** A teacher that hung or crashed: its process has ended, and there will be no more answers. */
export class TeacherStopped extends WorkError {}

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
 * @throws {InputError} if its files are damaged, it does not fit the data set, or its precision the device; {@link WorkError} if it cannot run
 * on the device.
 */
export async function openTeacher(
  reference: TeacherReference,
  options: OpenTeacherOptions,
): Promise<Teacher> {
  const { device, threads = threadCount(), precision = "float32", maxBatch = 256 } = options;
  foreseeTeacherPrecision(precision, device);
  const use = { batches: [maxBatch], gradient: false };
  const { stored, seconds } = await openTried(reference, options.dataset, use);
  const { manifest, model, dataFolder } = stored;
  const { image, classes, name } = manifest;
  const { patience = patienceWith(seconds === 0 ? sizeOf(stored) : 0, image, maxBatch) } = options;
  const { worker, exited } = startWorker({
    ...{ name, model, dataFolder, device, threads, precision, image, classes, maxBatch, patience },
    expectedSeconds: seconds,
  });
  const requests = requestsTo(worker, name, classes);
  // An idle teacher does not keep the process alive.
  const runsOn = await requests.ready.finally(() => worker.unref());

  const imageSize = image.height * image.width * image.channels;
  const takeSlot = slots(imageSize, classes, maxBatch, requests.free);
  return {
    manifest,
    device: runsOn,
    logits(images) {
      return new Promise((resolve, reject) => {
        requests.requireOpen();
        const count = images.length / imageSize;
        if (!Number.isInteger(count))
          throw new InputError(`teacher "${name}" was given a part of an image`, {
            expected: `a whole number of images of ${imageSize} values`,
            found: `${images.length} values`,
          });
        const slot = takeSlot(count);
        slot.images.set(images);
        requests.post({ slot, count, resolve, reject });
      });
    },
    async close() {
      requests.close();
      await exited;
    },
  };
}

/** The bytes of a model and its external data. */
function sizeOf({ model, dataFolder, manifest: { data = [] } }: StoredTeacher): number {
  return data.reduce(
    (total, { file }) => total + statSync(join(dataFolder ?? "", file)).size,
    model.byteLength,
  );
}

/** Starts a teacher's thread. */
function startWorker(start: WorkerStart): { worker: Worker; exited: Promise<void> } {
  const worker = new Worker(new URL("./session-worker.js", import.meta.url), {
    workerData: start,
    transferList: [start.model.buffer as ArrayBuffer],
    name: `teacher ${start.name}`,
    execArgv: [], // flags of this process, such as --eval, need not suit a worker
  });
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  return { worker, exited };
}

/** The memory of requests: a slot that is free, or a new one for at least `maxBatch` images. */
function slots(imageSize: number, classes: number, maxBatch: number, free: Slot[]): (count: number) => Slot {
  const shared = (values: number): Float32Array<SharedArrayBuffer> =>
    new Float32Array(new SharedArrayBuffer(values * Float32Array.BYTES_PER_ELEMENT));
  return (count) => {
    const slot = free.pop();
    if (slot && slot.capacity >= count) return slot;
    const capacity = Math.max(count, maxBatch);
    return { capacity, images: shared(capacity * imageSize), logits: shared(capacity * classes) };
  };
}

/** The requests to a teacher's thread, from when they are posted until they are answered. */
interface Requests {
  /** Where the teacher runs, once it does. */
  readonly ready: Promise<Device>;
  /** Slots of requests that were answered. */
  readonly free: Slot[];
  /** @throws {WorkError} if the thread has ended or was told to. */
  requireOpen(): void;
  post(request: Pending): void;
  close(): void;
}

function requestsTo(worker: Worker, name: string, classes: number): Requests {
  const pending = new Map<number, Pending>();
  const free: Slot[] = [];
  let posted = 0;
  let ended: Error | null = null;

  function settle(id: number, outcome: (request: Pending) => void): void {
    const request = pending.get(id);
    if (!request) return;
    pending.delete(id);
    outcome(request);
    free.push(request.slot);
    if (pending.size === 0 && ended === null) worker.unref();
  }

  const ready = new Promise<Device>((resolve, reject) => {
    worker.on("message", (message: WorkerReply) => {
      if (message.kind === "ready") resolve(message.device);
      else if (message.kind === "late") tellTrial(message.text);
      else if (message.kind === "done")
        settle(message.id, ({ slot, count, resolve: answer }) =>
          answer(Float32Array.from(slot.logits.subarray(0, count * classes))),
        );
      else if (message.id === null) reject(failure(name, message));
      else settle(message.id, (request) => request.reject(failure(name, message)));
    });
    const crash = (cause: unknown): void => {
      const error = new WorkError(`the thread of teacher "${name}" ended unexpectedly`, {
        found: cause instanceof Error ? cause.message : String(cause),
        fix: "run the same command again; if it happens again, mtard doctor",
        cause,
      });
      reject(error);
      ended ??= error;
      for (const id of [...pending.keys()]) settle(id, (request) => request.reject(error));
    };
    worker.on("error", crash);
    worker.on("exit", (code) => crash(`exit code ${code}`));
  });

  return {
    ready,
    free,
    requireOpen() {
      if (ended) throw ended;
    },
    post(request) {
      const { slot, count } = request;
      const id = posted++;
      pending.set(id, request);
      worker.ref();
      worker.postMessage({
        kind: "logits",
        ...{ id, count, images: slot.images.buffer, logits: slot.logits.buffer },
      } satisfies WorkerRequest);
    },
    close() {
      if (ended) return;
      ended = new WorkError(`teacher "${name}" is closed`);
      worker.ref();
      worker.postMessage({ kind: "close" } satisfies WorkerRequest);
    },
  };
}

/** What the thread says of a failure, as an error of this one. */
function failure(
  name: string,
  { id, input, stopped, message, detail }: WorkerReply & { kind: "failed" },
): InputError | WorkError {
  if (stopped) return new TeacherStopped(message, detail);
  const said = id === null && input ? `ONNX Runtime cannot load the model of teacher "${name}"` : message;
  return new (input ? InputError : WorkError)(said, { found: `teacher "${name}"`, ...detail });
}
