import type { AttackTarget } from "../attacks/target.js";
import type { Network } from "../graph/network.js";
import type { Weights } from "../graph/parameters.js";
import { networkToOnnx } from "../onnx/writer.js";
import { type DeviceRequest, studentDevice, threadCount } from "../runtime/device.js";
import { forgetCompiled } from "../runtime/compiled.js";
import { chooseDevice } from "../runtime/onnxruntime.js";
import { tf } from "../runtime/tensorflow.js";
import { inferenceStudent, MEASURED, type InferenceStudent } from "../student/inference.js";
import { disposeParameters, parametersFromWeights } from "../student/parameters.js";
import { version } from "../version.js";
import { cpuTarget } from "./cpu-target.js";
import { onnxTarget, type OnnxClassifier } from "./onnx-target.js";

/** A model as attacks and measurements see it, with what it runs on. */
export interface ModelTarget extends AttackTarget {
  /** The device and engine it runs on, for the user, such as `cpu (ONNX Runtime)`. */
  readonly runsOn: string;
  /** Frees its memory. */
  dispose(): void;
}

/** A network that mtard knows, with its weights. */
export interface KnownNetwork {
  readonly network: Network;
  readonly weights: Weights;
  /** The same as ONNX, if it is stored so; otherwise it is written when needed. */
  readonly stored?: OnnxClassifier;
}

/** Makes a known network run in libtensorflow, without ONNX Runtime; the caller disposes of it. */
export function studentOf({ network, weights }: Pick<KnownNetwork, "network" | "weights">): InferenceStudent {
  const parameters = parametersFromWeights(network, weights);
  const student = inferenceStudent(network, parameters, MEASURED);
  disposeParameters(parameters);
  return student;
}

/**
 * Makes the target of a known network, which runs in libtensorflow and, on a CPU, also in ONNX Runtime.
 *
 * @throws {WorkError} if it cannot run on the device asked for.
 */
export function networkTarget(
  { name, dataset }: { readonly name: string; readonly dataset: string },
  known: KnownNetwork,
  request: DeviceRequest,
): ModelTarget {
  const { network, weights, stored } = known;
  const device = studentDevice(tf, request);
  const student = studentOf(known);
  const forget = (): void => {
    student.dispose();
    forgetCompiled(network);
  };
  if (device !== "cpu") return { ...student, runsOn: `${device} (libtensorflow)`, dispose: forget };
  const written = (): OnnxClassifier => ({
    model: networkToOnnx(network, weights, { version, dataset }),
    dataFolder: null,
  });
  const options = { name, classes: network.classes, device, threads: threadCount() };
  const exported = onnxTarget(stored ?? written(), options);
  return {
    ...cpuTarget(student, exported),
    runsOn: "cpu (libtensorflow and ONNX Runtime)",
    dispose() {
      forget();
      exported.dispose();
    },
  };
}

/**
 * Makes the target of an ONNX graph of another origin, which runs in ONNX Runtime alone.
 *
 * @throws {WorkError} if it cannot run on the device asked for.
 */
export async function foreignTarget(
  name: string,
  classes: number,
  model: OnnxClassifier,
  request: DeviceRequest,
): Promise<ModelTarget> {
  const device = await chooseDevice(request);
  const target = onnxTarget(model, { name, classes, device, threads: threadCount() });
  return { ...target, runsOn: `${device} (ONNX Runtime)` };
}
