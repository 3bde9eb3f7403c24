import type { AttackTarget } from "../attacks/target.js";
import type { Network } from "../graph/network.js";
import type { Weights } from "../graph/parameters.js";
import { networkToOnnx } from "../onnx/writer.js";
import { type DeviceRequest, studentDevice, threadCount } from "../runtime/device.js";
import { chooseDevice } from "../runtime/onnxruntime.js";
import { tf } from "../runtime/tensorflow.js";
import { inferenceStudent, type InferenceStudent } from "../student/inference.js";
import { disposeParameters, parametersFromWeights } from "../student/parameters.js";
import { version } from "../version.js";
import { cpuTarget } from "./cpu-target.js";
import { onnxTarget, type OnnxClassifier } from "./onnx-target.js";

/** What an attack and a measurement see of a model, with what it runs on. */
export interface ModelTarget extends AttackTarget {
  /** Where it runs and by what, for people, such as `cpu (ONNX Runtime)`. */
  readonly runsOn: string;
  dispose(): void;
}

/** A network of ours with its weights. */
export interface KnownNetwork {
  readonly network: Network;
  readonly weights: Weights;
  /** The same in ONNX where it is stored so: otherwise it is written when it is wanted. */
  readonly stored?: OnnxClassifier;
}

/** A known network in libtensorflow, with nothing of ONNX Runtime; the caller disposes of it. */
export function studentOf({ network, weights }: Pick<KnownNetwork, "network" | "weights">): InferenceStudent {
  const parameters = parametersFromWeights(network, weights);
  const student = inferenceStudent(network, parameters);
  disposeParameters(parameters);
  return student;
}

/**
 * The target of a known network: libtensorflow, on a CPU with ONNX Runtime's help.
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
  if (device !== "cpu") return { ...student, runsOn: `${device} (libtensorflow)` };
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
      student.dispose();
      exported.dispose();
    },
  };
}

/**
 * The target of an ONNX graph of another origin: ONNX Runtime alone.
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
