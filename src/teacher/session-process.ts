import { isMainThread, Worker } from "node:worker_threads";
import { InputError, WorkError } from "../errors.js";
import { IMAGES, LOGITS } from "../onnx/writer.js";
import { onnxRuntime, openSession } from "../runtime/onnxruntime.js";
import type { ProcessReply, ProcessRequest, ProcessStart } from "./protocol.js";

/* The process that session-worker.ts starts: one ONNX Runtime session, which may hang or crash without taking the program along. */

/** How often the process looks whether the one that started it is still there. */
const LOOK_MILLISECONDS = 1000;

function reply(message: ProcessReply): void {
  // Whoever asked may be gone by now, which is no error here.
  process.send?.(message, () => undefined);
}

function fail(error: unknown): void {
  const known = error instanceof InputError || error instanceof WorkError;
  const message = error instanceof Error ? error.message : String(error);
  const { expected, found, fix } = known ? error.detail : {};
  reply({
    kind: "failed",
    input: error instanceof InputError,
    message: known ? message : `ONNX Runtime failed: ${message.split("\n")[0] ?? ""}`,
    detail: {
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
      ...(fix === undefined ? {} : { fix }),
    },
  });
}

/** The model's bytes, which come on stdin: messages have a largest size. */
async function readModel(): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function serve({ dataFolder, device: asked, threads, image, classes }: ProcessStart): Promise<void> {
  const { session, device } = await openSession(await readModel(), asked, threads, { dataFolder });
  const { Tensor } = onnxRuntime();
  const { channels, height, width } = image;

  async function answer({ images, count }: ProcessRequest): Promise<void> {
    try {
      const input = new Tensor("float32", images, [count, channels, height, width]);
      const output = new Tensor("float32", new Float32Array(count * classes), [count, classes]);
      await session.run({ [IMAGES]: input }, { [LOGITS]: output });
      reply({ kind: "logits", logits: output.data });
    } catch (error) {
      fail(error);
    }
  }

  process.on("message", (request: ProcessRequest) => void answer(request));
  reply({ kind: "ready", device });
}

if (isMainThread) {
  // Ctrl-C reaches the whole group: whoever asks ends this process when it needs no more answers.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => undefined);
  process.once("disconnect", () => process.exit());
  // While ONNX Runtime has this thread, another looks whether anyone still waits.
  new Worker(new URL(import.meta.url), { execArgv: [] }).unref();
  process.once("message", (start: ProcessStart) => {
    serve(start).catch(fail);
  });
} else {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  }, LOOK_MILLISECONDS);
}
