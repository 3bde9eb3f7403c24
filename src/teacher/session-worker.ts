import { parentPort, workerData } from "node:worker_threads";
import { InputError, WorkError } from "../errors.js";
import { IMAGES, LOGITS } from "../onnx/writer.js";
import { onnxRuntime, openSession, type Tensor } from "../runtime/onnxruntime.js";
import { CONTROL, type WorkerReply, type WorkerRequest, type WorkerStart } from "./protocol.js";

/* The worker's side of the bridge: one ONNX Runtime session, one request after the other. */

if (!parentPort) throw new Error("session-worker.js runs only as a worker");
const port = parentPort;
const start = workerData as WorkerStart;
const pixels = start.image.height * start.image.width;
const { channels } = start.image;

const control = new Int32Array(start.control);

// ONNX Runtime's binding refuses shared memory, so the images are copied, and turned to NCHW on the way.
const images = new Float32Array(start.maxBatch * channels * pixels);
const logits = new Float32Array(start.maxBatch * start.classes);

function reply(message: WorkerReply): void {
  port.postMessage(message);
}

function fail(id: number | null, error: unknown): void {
  const known = error instanceof InputError || error instanceof WorkError;
  const message = error instanceof Error ? error.message : String(error);
  const { expected, found, fix } = known ? error.detail : {};
  reply({
    kind: "failed",
    id,
    input: error instanceof InputError,
    message: known ? message : `ONNX Runtime failed: ${message.split("\n")[0] ?? ""}`,
    detail: {
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
      ...(fix === undefined ? {} : { fix }),
    },
  });
}

/** Runs work that enters ONNX Runtime; throws instead once the process is ending. */
async function inside<Result>(work: () => Promise<Result>): Promise<Result> {
  Atomics.store(control, CONTROL.busy, 1);
  try {
    if (Atomics.load(control, CONTROL.halted) === 1) throw new WorkError("the process is ending");
    return await work();
  } finally {
    Atomics.store(control, CONTROL.busy, 0);
    Atomics.notify(control, CONTROL.busy);
  }
}

/** Copies whole NHWC images to NCHW. */
function copyToNchw(source: Float32Array, target: Float32Array, count: number): void {
  for (let image = 0; image < count; image++) {
    const first = image * pixels * channels;
    for (let channel = 0; channel < channels; channel++) {
      const plane = first + channel * pixels;
      for (let pixel = 0, from = first + channel; pixel < pixels; pixel++, from += channels)
        target[plane + pixel] = source[from] as number;
    }
  }
}

interface Run {
  readonly feeds: Record<string, Tensor>;
  readonly fetches: Record<string, Tensor>;
}

/** Tensors over the buffers above, made once for every batch size that occurs. */
const runs = new Map<number, Run>();

function runOf(count: number): Run {
  let run = runs.get(count);
  if (!run) {
    const { Tensor } = onnxRuntime();
    const { height, width } = start.image;
    const input = images.subarray(0, count * channels * pixels);
    const output = logits.subarray(0, count * start.classes);
    run = {
      feeds: { [IMAGES]: new Tensor("float32", input, [count, channels, height, width]) },
      fetches: { [LOGITS]: new Tensor("float32", output, [count, start.classes]) },
    };
    runs.set(count, run);
  }
  return run;
}

async function serve(): Promise<void> {
  const { session, device } = await inside(() =>
    openSession(start.model, start.device, start.threads, { dataFolder: start.dataFolder }),
  );

  async function answer(request: WorkerRequest): Promise<void> {
    if (request.kind === "close") {
      await inside(() => session.release());
      port.close();
      return;
    }
    const { id, count } = request;
    try {
      const asked = new Float32Array(request.images);
      const answered = new Float32Array(request.logits);
      for (let done = 0; done < count; done += start.maxBatch) {
        const part = Math.min(start.maxBatch, count - done);
        const { feeds, fetches } = runOf(part);
        copyToNchw(asked.subarray(done * pixels * channels), images, part);
        await inside(() => session.run(feeds, fetches));
        answered.set(logits.subarray(0, part * start.classes), done * start.classes);
      }
      reply({ kind: "done", id });
    } catch (error) {
      fail(id, error);
    }
  }

  let last = Promise.resolve();
  port.on("message", (request: WorkerRequest) => {
    last = last.then(() => answer(request));
  });
  reply({ kind: "ready", device });
}

try {
  await serve();
} catch (error) {
  fail(null, error);
}
