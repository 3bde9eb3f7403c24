import { differentiate } from "../onnx/gradient/differentiate.js";
import { LOSS_GRADIENT, lossGradientModel } from "../onnx/gradient/loss-gradient.js";
import { parseModel, serializeModel } from "../onnx/model.js";
import { IMAGES, networkToOnnx } from "../onnx/writer.js";
import { compileRefusal, isCompiling } from "../runtime/compiled.js";
import { type Device, type DeviceRequest, studentDevice, threadCount } from "../runtime/device.js";
import { chooseDevice, onnxRuntime } from "../runtime/onnxruntime.js";
import type { Precision } from "../runtime/precision.js";
import { openSynchronousModel } from "../runtime/synchronous-session.js";
import { tf } from "../runtime/tensorflow.js";
import { inferenceStudent } from "../student/inference.js";
import { disposeParameters, parametersFromWeights } from "../student/parameters.js";
import { version } from "../version.js";
import { type Subject, subjectOf } from "./subject.js";

/** What a network answers to a batch, in one way of computing it. */
export interface Answer {
  /** `[count, classes]`. */
  readonly logits: Float32Array;
  /** Of the summed cross-entropy with respect to the images, `[count, height, width, channels]`. */
  readonly gradient: Float32Array;
  readonly device: Device;
}

/** What is asked of a network. */
export interface Question {
  /** The id of a network. */
  readonly network: string;
  /** How many images. */
  readonly count: number;
  readonly device: DeviceRequest;
}

/** The answer of a student, kernel by kernel or compiled as `MTARD_COMPILE` says. @throws {WorkError} as `studentDevice`. */
export function studentAnswer({
  device: asked,
  precision,
  ...question
}: Question & { precision: Precision }): Answer {
  const { network, weights, images, labels, count } = subjectOf(question.network, question.count);
  const device = studentDevice(tf, asked);
  const parameters = parametersFromWeights(network, weights);
  const student = inferenceStudent(network, parameters, { precision });
  const { height, width, channels } = network.input;
  const batch = tf.tensor4d(images, [count, height, width, channels]);
  const classes = tf.tensor1d(labels, "int32");
  const { loss, logits, gradient } = student.lossGradient(batch, { kind: "crossEntropy", labels: classes });
  const answer = { logits: logits.dataSync<"float32">(), gradient: gradient.dataSync<"float32">(), device };
  tf.dispose([batch, classes, loss, logits, gradient]);
  student.dispose();
  disposeParameters(parameters);
  const refusal = isCompiling() ? compileRefusal() : null;
  if (refusal !== null) throw new Error(`the student was to be compiled, and was not: ${refusal}`);
  return answer;
}

/**
 * The answer of the same network as an ONNX model in ONNX Runtime.
 *
 * @throws {WorkError} if it cannot run on the device.
 */
export async function teacherAnswer({
  device: asked,
  optimized,
  ...question
}: Question & { optimized: boolean }): Promise<Answer> {
  const subject = subjectOf(question.network, question.count);
  const device = await chooseDevice(asked);
  const model = lossGradientModel(
    differentiate(parseModel(onnxOf(subject), question.network)),
    "crossEntropy",
  );
  const options = { device, threads: threadCount(), dataFolder: null, optimized };
  const session = openSynchronousModel(serializeModel(model), options);
  const { channels, height, width } = subject.network.input;
  const { Tensor } = onnxRuntime();
  const { logits, gradient } = session.run({
    [IMAGES]: new Tensor("float32", planes(subject), [subject.count, channels, height, width]),
    labels: new Tensor("int32", subject.labels, [subject.count]),
  });
  session.release();
  if (!logits || !gradient) throw new Error(`ONNX Runtime gave no ${LOSS_GRADIENT.gradient}`);
  return {
    logits: logits.data as Float32Array,
    gradient: pixels(gradient.data as Float32Array, subject),
    device,
  };
}

/** A subject's network as ONNX. */
export function onnxOf({ network, weights }: Pick<Subject, "network" | "weights">): Uint8Array<ArrayBuffer> {
  return networkToOnnx(network, weights, { version, dataset: "cifar10" });
}

/** The images NCHW. */
function planes(subject: Subject): Float32Array {
  const made = new Float32Array(subject.images.length);
  eachPixel(subject, (plane, pixel) => (made[plane] = subject.images[pixel] as number));
  return made;
}

/** NCHW values as NHWC. */
function pixels(values: Float32Array, subject: Subject): Float32Array {
  const made = new Float32Array(values.length);
  eachPixel(subject, (plane, pixel) => (made[pixel] = values[plane] as number));
  return made;
}

/** Calls `visit` with the places of each value in NCHW and in NHWC. */
function eachPixel({ network, count }: Subject, visit: (plane: number, pixel: number) => void): void {
  const { channels } = network.input;
  const area = network.input.height * network.input.width;
  for (let image = 0; image < count; image++)
    for (let channel = 0; channel < channels; channel++)
      for (let place = 0; place < area; place++)
        visit((image * channels + channel) * area + place, (image * area + place) * channels + channel);
}
