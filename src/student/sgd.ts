import type { Network } from "../graph/network.js";
import { compiled } from "../runtime/compiled.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";
import {
  disposeParameters,
  parameter,
  replaceParameter,
  trainedParameters,
  type Parameters,
} from "./parameters.js";

/** Stochastic gradient descent's settings. */
export interface SgdSettings {
  readonly learningRate: number;
  readonly momentum: number;
  /** Added to the gradient as `weightDecay * w`, on every parameter. */
  readonly weightDecay: number;
  /** Nesterov's momentum: the step looks ahead by `momentum m`. */
  readonly nesterov: boolean;
}

/** Momenta of zeros for every trained parameter, by name. */
export function initialMomenta(network: Network, parameters: Parameters): Parameters {
  return new Map(
    trainedParameters(network).map((name) => [name, tf.keep(tf.zerosLike(parameter(parameters, name)))]),
  );
}

/**
 * One step of SGD with momentum on every parameter that has a gradient; the gradients are freed.
 *
 *     m = momentum m + (g + weightDecay w),   w = w - learningRate m
 *
 * and with Nesterov's momentum w = w - learningRate (g + weightDecay w + momentum m).
 *
 * @see torch.optim.SGD.
 */
export function sgdStep(
  parameters: Parameters,
  momenta: Parameters,
  gradients: Map<string, Tensor>,
  { learningRate, momentum, weightDecay, nesterov }: SgdSettings,
): void {
  const names = [...gradients.keys()];
  const rate = tf.scalar(learningRate);
  const inputs = new Map<string, Tensor>([["learningRate", rate]]);
  for (const name of names) {
    inputs.set(name, parameter(parameters, name));
    inputs.set(`momentum of ${name}`, parameter(momenta, name));
    inputs.set(`gradient of ${name}`, parameter(gradients, name));
  }
  const key = `sgd ${momentum} ${weightDecay} ${String(nesterov)} ${names.join()}`;
  const moved = compiled(parameters, key, inputs, (given) => {
    const made = new Map<string, Tensor>();
    for (const name of names) {
      const weight = parameter(given, name);
      const { next, velocity } = tf.tidy(() => {
        const decayed = tf.add(parameter(given, `gradient of ${name}`), tf.mul(weight, weightDecay));
        const velocity = tf.add(tf.mul(parameter(given, `momentum of ${name}`), momentum), decayed);
        const direction = nesterov ? tf.add(decayed, tf.mul(velocity, momentum)) : velocity;
        return { next: tf.sub(weight, tf.mul(direction, parameter(given, "learningRate"))), velocity };
      });
      made.set(name, next).set(`momentum of ${name}`, velocity);
    }
    return made;
  });
  for (const name of names) {
    replaceParameter(parameters, name, parameter(moved, name));
    replaceParameter(momenta, name, parameter(moved, `momentum of ${name}`));
  }
  rate.dispose();
  disposeParameters(gradients);
}
