import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { InputError, WorkError } from "../errors.js";
import type { Device } from "../runtime/device.js";
import { startWait } from "./patience.js";
import type {
  ProcessReply,
  ProcessRequest,
  ProcessStart,
  WorkerReply,
  WorkerRequest,
  WorkerStart,
} from "./protocol.js";

/* The worker's side of the bridge: it passes one request after the other on to a process, and ends that if it does not answer. */

if (!parentPort) throw new Error("session-worker.js runs only as a worker");
const port = parentPort;
const start = workerData as WorkerStart;
const pixels = start.image.height * start.image.width;
const { channels } = start.image;

/** After what the training says of its checkpoint. */
const STOPPED_FIX = "if it ends there again, use another teacher";
const LATE_FIX =
  "if it stops there again, use another teacher, or wait longer for this one: MTARD_PATIENCE=600, in seconds";

/** A teacher that answers no more. */
class Stopped extends WorkError {}

const images = new Float32Array(start.maxBatch * channels * pixels);

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
    stopped: error instanceof Stopped,
    message,
    detail: { expected, found, fix },
  });
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

/** A process with a session, asked one thing at a time. */
interface SessionProcess {
  readonly device: Device;
  /** The logits of images in NCHW. @throws {WorkError} if ONNX Runtime fails or does not answer. */
  run(images: Float32Array, count: number): Promise<Float32Array>;
  end(): void;
}

async function startProcess(): Promise<SessionProcess> {
  const program = fileURLToPath(new URL("./session-process.js", import.meta.url));
  const child = spawn(process.execPath, [program], {
    stdio: ["pipe", "ignore", "inherit", "ipc"],
    serialization: "advanced",
  });
  let ended: Stopped | null = null;
  let waiting: { resolve(answer: ProcessReply): void; reject(error: Error): void } | null = null;
  const next = (): Promise<ProcessReply> =>
    new Promise((resolve, reject) => {
      if (ended) reject(ended);
      else waiting = { resolve, reject };
    });
  child.on("message", (message: ProcessReply) => waiting?.resolve(message));
  const stop = (message: string, found: string, fix = STOPPED_FIX): void => {
    ended ??= new Stopped(message, { found, fix });
    waiting?.reject(ended);
    child.kill("SIGKILL");
  };
  child.on("exit", (code, signal) =>
    stop(
      `teacher "${start.name}" ended ONNX Runtime`,
      `its process ended with ${signal ?? `exit code ${code ?? "?"}`}`,
    ),
  );
  child.on("error", (cause) =>
    stop(`the process of teacher "${start.name}" cannot be started`, cause.message),
  );
  const end = (): void => {
    child.removeAllListeners("exit");
    if (child.connected) child.disconnect();
    child.kill("SIGKILL");
  };
  const first = next();
  begin(child);
  const ready = await first;
  if (ready.kind === "failed") {
    end();
    throw errorOf(ready);
  }
  if (ready.kind !== "ready") throw new Error("the teacher's process answered before it was asked");

  let slowest = start.expectedSeconds;
  return {
    device: ready.device,
    async run(asked, count) {
      const began = performance.now();
      const about = `about ${count} ${count === 1 ? "image" : "images"}`;
      const endWait = startWait(start.patience, slowest, {
        onLate: (seconds, limit) =>
          reply({
            kind: "late",
            text: `teacher "${start.name}" has not answered for ${seconds.toFixed(0)} s; after ${limit.toFixed(0)} s it is given up`,
          }),
        onEnd(limit) {
          const known = slowest > 0 ? `; the slowest answer before took ${slowest.toFixed(1)} s` : "";
          stop(
            `teacher "${start.name}" stopped answering`,
            `no answer ${about} for ${limit.toFixed(0)} s${known}`,
            LATE_FIX,
          );
        },
      });
      try {
        const answering = next();
        if (!ended) child.send({ images: asked, count } satisfies ProcessRequest);
        const answer = await answering;
        if (answer.kind === "failed") throw errorOf(answer);
        if (answer.kind !== "logits") throw new Error("the teacher's process answered something else");
        slowest = Math.max(slowest, (performance.now() - began) / 1000);
        return answer.logits;
      } finally {
        endWait();
      }
    },
    end,
  };
}

/** Sends the process what it starts with, the model's bytes on its stdin. */
function begin(child: ChildProcess): void {
  const { dataFolder, device, threads, precision, image, classes, model } = start;
  child.send({ dataFolder, device, threads, precision, image, classes } satisfies ProcessStart);
  child.stdin?.on("error", () => undefined); // its end is heard of
  child.stdin?.end(model);
}

function errorOf({ input, message, detail }: ProcessReply & { kind: "failed" }): InputError | WorkError {
  return new (input ? InputError : WorkError)(message, detail);
}

async function serve(): Promise<void> {
  const session = await startProcess();

  async function answer(request: WorkerRequest): Promise<void> {
    if (request.kind === "close") {
      session.end();
      port.close();
      return;
    }
    const { id, count } = request;
    try {
      const asked = new Float32Array(request.images);
      const answered = new Float32Array(request.logits);
      for (let done = 0; done < count; done += start.maxBatch) {
        const part = Math.min(start.maxBatch, count - done);
        copyToNchw(asked.subarray(done * pixels * channels), images, part);
        answered.set(
          await session.run(images.subarray(0, part * channels * pixels), part),
          done * start.classes,
        );
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
  reply({ kind: "ready", device: session.device });
}

try {
  await serve();
} catch (error) {
  fail(null, error);
}
