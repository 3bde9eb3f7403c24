import type { Network } from "../graph/network.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";
import { parameter, replaceParameter, trainedParameters, type Parameters } from "./parameters.js";

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
  for (const [name, gradient] of gradients) {
    const weight = parameter(parameters, name);
    const { moved, velocity } = tf.tidy(() => {
      const decayed = tf.add(gradient, tf.mul(weight, weightDecay));
      const next = tf.add(tf.mul(parameter(momenta, name), momentum), decayed);
      const direction = nesterov ? tf.add(decayed, tf.mul(next, momentum)) : next;
      return { moved: tf.sub(weight, tf.mul(direction, learningRate)), velocity: next };
    });
    replaceParameter(parameters, name, moved);
    replaceParameter(momenta, name, velocity);
    gradient.dispose();
  }
  gradients.clear();
}
