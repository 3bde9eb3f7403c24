import type { Network } from "../graph/network.js";
import { parameterSpecs } from "../graph/parameters.js";
import { compiled } from "../runtime/compiled.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";
import { parameter, replaceParameter, type Parameters } from "./parameters.js";

/** An average of weights and statistics that begins as what they are now; the caller frees it. */
export function initialAverage(network: Network, parameters: Parameters): Parameters {
  return new Map(
    parameterSpecs(network).map(({ name }) => [name, tf.keep(tf.clone(parameter(parameters, name)))]),
  );
}

/**
 * How much of an average a step keeps: `ema`, but less at first, as the first steps' weights say little.
 *
 * @param ema The decay that is set, in [0, 1).
 * @param step The step that was just made, counted from 1.
 * @see TensorFlow's ExponentialMovingAverage with `num_updates`, and Gowal et al. 2020 (deepmind-research, `ema_update`).
 */
export function averageDecay(ema: number, step: number): number {
  return Math.min(ema, step / (9 + step));
}

/**
 * Moves an average towards the weights, batch norm's running statistics among them.
 *
 *     average = decay average + (1 - decay) weights
 *
 * @see torch.optim.swa_utils.AveragedModel with `use_buffers`.
 */
export function moveAverage(average: Parameters, parameters: Parameters, decay: number): void {
  const names = [...average.keys()];
  const share = tf.scalar(1 - decay);
  const inputs = new Map<string, Tensor>([["share", share]]);
  for (const name of names) {
    inputs.set(name, parameter(parameters, name));
    inputs.set(`average of ${name}`, parameter(average, name));
  }
  const moved = compiled(average, "average", inputs, (given) => {
    const made = new Map<string, Tensor>();
    for (const name of names) {
      const before = parameter(given, `average of ${name}`);
      const next = tf.tidy(() =>
        tf.add(before, tf.mul(tf.sub(parameter(given, name), before), parameter(given, "share"))),
      );
      made.set(name, next);
    }
    return made;
  });
  for (const name of names) replaceParameter(average, name, parameter(moved, name));
  share.dispose();
}
