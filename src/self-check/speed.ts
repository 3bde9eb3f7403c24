import { multiplyAdds } from "../graph/multiply-adds.js";
import { bMtard } from "../methods/b-mtard.js";
import { createNetwork } from "../networks/networks.js";
import { recipe } from "../recipes/recipes.js";
import { type DeviceRequest, studentDevice } from "../runtime/device.js";
import type { Precision } from "../runtime/precision.js";
import { tf } from "../runtime/tensorflow.js";
import { inferenceStudent } from "../student/inference.js";
import { disposeParameters, parameter, parametersFromWeights } from "../student/parameters.js";
import { initialMomenta } from "../student/sgd.js";
import type { Teacher } from "../teacher/bridge.js";
import { trainingStep } from "../training/step.js";
import { median } from "./compare.js";
import { fixedTeacher } from "./fixed-teacher.js";
import { type Subject, subjectOf } from "./subject.js";

/** What is timed. */
export interface SpeedQuestion {
  readonly network: string;
  readonly count: number;
  readonly device: DeviceRequest;
  readonly precision: Precision;
  /** How often each is timed, after once untimed. */
  readonly repeats: number;
}

/** Seconds, medians. */
export interface Speed {
  /** One gradient of an attack. */
  readonly gradient: number;
  /** A whole step of B-MTARD, without the work of teachers. */
  readonly step: number;
  /** The first step, which traces and optimises. */
  readonly firstStep: number;
}

/** Times a network's gradient and step. @throws {WorkError} as `studentDevice`. */
export async function speedOf({
  network: id,
  count,
  device,
  precision,
  repeats,
}: SpeedQuestion): Promise<Speed> {
  studentDevice(tf, device);
  const subject = subjectOf(id, count);
  const gradient = gradientSeconds(subject, precision, repeats);
  const step = stepper(subject, precision, () => {
    const { input, classes } = subject.network;
    const logits = Float32Array.from({ length: count * classes }, (_, index) => Math.sin(index));
    return fixedTeacher(logits, input, classes);
  });
  const firstStep = await step.seconds();
  const times: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) times.push(await step.seconds());
  step.dispose();
  return { gradient, step: median(times), firstStep };
}

function gradientSeconds(subject: Subject, precision: Precision, repeats: number): number {
  const { network, weights, count } = subject;
  const parameters = parametersFromWeights(network, weights);
  const student = inferenceStudent(network, parameters, { precision });
  const { height, width, channels } = network.input;
  const images = tf.tensor4d(subject.images, [count, height, width, channels]);
  const labels = tf.tensor1d(subject.labels, "int32");
  const once = (): number => {
    const began = performance.now();
    const made = student.lossGradient(images, { kind: "crossEntropy", labels });
    // A GPU works on when a call returns: reading a number waits for it.
    tf.tidy(() => tf.sum(made.gradient).dataSync());
    tf.dispose([made.loss, made.logits, made.gradient]);
    return (performance.now() - began) / 1000;
  };
  once();
  const seconds = median(Array.from({ length: repeats }, once));
  tf.dispose([images, labels]);
  student.dispose();
  disposeParameters(parameters);
  return seconds;
}

/** Makes steps of B-MTARD on a subject by the recipe for CIFAR-10, one after the other. */
export function stepper(
  { network, weights, images, labels, count }: Subject,
  precision: Precision,
  teacher: () => Teacher,
): { seconds(): Promise<number>; dispose(): void } {
  const settings = recipe({ dataset: "cifar10", method: "b-mtard", student: network.id });
  const method = { ...settings, precision, attackPrecision: precision };
  const parameters = parametersFromWeights(network, weights);
  const momenta = initialMomenta(network, parameters);
  const answering = teacher();
  const trainee = {
    ...{ network, parameters, momenta, method: bMtard, precision },
    ...{ cleanTeacher: answering, robustTeacher: answering },
    state: bMtard.initialState(method, network.classes),
  };
  const batch = { images, labels, count, epoch: 0, step: 0, seed: [1, 2] } as const;
  return {
    async seconds() {
      const began = performance.now();
      await trainingStep(trainee, batch, { method, sgd: settings }, () => undefined);
      parameter(parameters, "linear.bias").dataSync();
      return (performance.now() - began) / 1000;
    },
    dispose() {
      disposeParameters(parameters);
      disposeParameters(momenta);
    },
  };
}

/** Floating-point operations of one gradient, and of a step with an attack of ten gradients, for a batch. */
export function operationsOf(
  id: string,
  count: number,
): { readonly gradient: number; readonly step: number } {
  const { image, classes } = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
  const forward = 2 * multiplyAdds(createNetwork(id, { image, classes })) * count;
  // Two training passes are each forward and back to values and to weights.
  return { gradient: 2 * forward, step: 10 * 2 * forward + 2 * 3 * forward };
}
