import { withGradient } from "../attacks/with-gradient.js";
import { predictBy, type AttackTarget } from "../attacks/target.js";
import type { DifferentiatedModel } from "../onnx/gradient/differentiate.js";
import { LOSS_GRADIENT, lossGradientModel } from "../onnx/gradient/loss-gradient.js";
import type { LossHeadKind } from "../onnx/gradient/losses.js";
import { parseModel, serializeModel } from "../onnx/model.js";
import { IMAGES, LOGITS } from "../onnx/writer.js";
import type { Device } from "../runtime/device.js";
import { onnxRuntime, type Tensor as OnnxTensor } from "../runtime/onnxruntime.js";
import { openSynchronousModel, type SynchronousSession } from "../runtime/synchronous-session.js";
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";

/** A classifier in the standard form in which the teachers' store keeps it. */
export interface OnnxClassifier {
  readonly model: Uint8Array;
  /** Where its external data are, or null if it has none. */
  readonly dataFolder: string | null;
}

export interface OnnxTargetOptions {
  /** What the model is called in errors. */
  readonly name: string;
  readonly classes: number;
  /** A device that is known to work, such as one from `chooseDevice`. */
  readonly device: Device;
  /** How many threads one run may use on the CPU. */
  readonly threads: number;
}

/** An ONNX classifier as attacks see it. */
export interface OnnxTarget extends AttackTarget {
  /** The logits, and the gradient of <logits, cotangent> with respect to the images, for losses without a kind of their own. */
  vectorJacobianProduct(images: Tensor4D, cotangent: Tensor2D): { logits: Tensor2D; gradient: Tensor4D };
  dispose(): void;
}

/** The kinds of sessions: the model itself, and its gradient for each loss. */
type SessionKind = "logits" | LossHeadKind;

/**
 * Makes a target for attacks from an ONNX classifier. Each kind of loss gets a session when first asked for, so a model with operators
 * that have no gradient can still answer logits.
 */
export function onnxTarget(
  { model, dataFolder }: OnnxClassifier,
  { name, classes, device, threads }: OnnxTargetOptions,
): OnnxTarget {
  const sessions = new Map<SessionKind, SynchronousSession>();
  let differentiated: DifferentiatedModel | undefined;

  function modelFor(kind: SessionKind): Uint8Array {
    if (kind === "logits") return model;
    differentiated ??= withGradient(parseModel(model, name), dataFolder);
    return serializeModel(lossGradientModel(differentiated, kind));
  }

  function run(kind: SessionKind, images: Tensor4D, feeds: Readonly<Record<string, Tensor>> = {}) {
    const session =
      sessions.get(kind) ?? openSynchronousModel(modelFor(kind), { device, threads, dataFolder });
    sessions.set(kind, session);
    const nchw = tf.transpose<Tensor4D>(images, [0, 3, 1, 2]);
    const inputs = Object.entries({ ...feeds, [IMAGES]: nchw });
    const answer = session.run(Object.fromEntries(inputs.map(([input, tensor]) => [input, toOnnx(tensor)])));
    nchw.dispose();
    return answer;
  }

  const logits = (images: Tensor4D): Tensor2D => toTensor(run("logits", images)[LOGITS]);

  return {
    classes,
    logits,
    predict: predictBy(logits),
    lossGradient(images, { kind, ...parts }) {
      const answer = run(kind, images, parts);
      return {
        loss: toTensor<Tensor1D>(answer[LOSS_GRADIENT.loss]),
        logits: toTensor<Tensor2D>(answer[LOGITS]),
        gradient: toImages(answer[LOSS_GRADIENT.gradient]),
      };
    },
    vectorJacobianProduct(images, cotangent) {
      const answer = run("cotangent", images, { cotangent });
      return {
        logits: toTensor<Tensor2D>(answer[LOGITS]),
        gradient: toImages(answer[LOSS_GRADIENT.gradient]),
      };
    },
    dispose() {
      for (const session of sessions.values()) session.release();
      sessions.clear();
    },
  };
}

function toOnnx(tensor: Tensor): OnnxTensor {
  const { Tensor: Made } = onnxRuntime();
  return tensor.dtype === "int32"
    ? new Made("int32", tensor.dataSync<"int32">(), tensor.shape)
    : new Made("float32", tensor.dataSync<"float32">(), tensor.shape);
}

function toTensor<Result extends Tensor>(answer: OnnxTensor | undefined): Result {
  if (!answer) throw new Error("ONNX Runtime gave no such output");
  return tf.tensor(answer.data as Float32Array, [...answer.dims], "float32") as Result;
}

/** NCHW to NHWC. */
function toImages(answer: OnnxTensor | undefined): Tensor4D {
  return tf.tidy(() => tf.transpose<Tensor4D>(toTensor(answer), [0, 2, 3, 1]));
}
