import { InputError, WorkError } from "../errors.js";
import { openStoredModel } from "../onnx/external-data.js";
import { inHalfPrecision } from "../onnx/half-precision.js";
import { layOutModel } from "../onnx/stored-model.js";
import { IMAGES, LOGITS } from "../onnx/writer.js";
import { chooseDevice, onnxRuntime, openSession } from "../runtime/onnxruntime.js";
import { followParent } from "./follow-parent.js";
import type { ProcessReply, ProcessRequest, ProcessStart } from "./protocol.js";
import { requireTeacherPrecision } from "./teacher-precision.js";

/* The process that session-worker.ts starts: one ONNX Runtime session, which may hang or crash without taking the program along. */

function reply(message: ProcessReply): void {
  // Whoever asked may be gone by now; without a callback, that would be an error of this process.
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

/**
 * The model in the precision that was asked for; in float16 its external data are inside.
 *
 * @throws {InputError} if it is to be float16, and ONNX Runtime would run it on the CPU.
 */
async function modelInPrecision({
  device,
  precision,
  dataFolder,
}: ProcessStart): Promise<{ model: Uint8Array; dataFolder: string | null }> {
  const model = await readModel();
  if (precision === "float32") return { model, dataFolder };
  requireTeacherPrecision(precision, await chooseDevice(device));
  const half = inHalfPrecision(openStoredModel(model, "the model", dataFolder));
  return { model: Buffer.concat([...layOutModel(half, "", Infinity).graph]), dataFolder: null };
}

async function serve(start: ProcessStart): Promise<void> {
  const { threads, image, classes } = start;
  const { model, dataFolder } = await modelInPrecision(start);
  const { session, device } = await openSession(model, start.device, threads, { dataFolder });
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

followParent();
process.once("message", (start: ProcessStart) => {
  serve(start).catch(fail);
});
