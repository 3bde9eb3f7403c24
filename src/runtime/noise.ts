import { attribute, execute } from "./kernels.js";
import { tf, type Tensor4D } from "./tensorflow.js";

/** Two 32-bit integers from the seeded generator; they determine all values of a noise tensor. */
export type NoiseSeed = readonly [number, number];

type Shape4D = readonly [number, number, number, number];

/** Standard normal noise, drawn on the student's device (TensorFlow's stateless Philox generator). */
export function normalNoise(shape: Shape4D, seed: NoiseSeed): Tensor4D {
  return stateless("StatelessRandomNormal", shape, seed);
}

/** Uniform noise in [-1, 1), drawn on the student's device. */
export function uniformNoise(shape: Shape4D, seed: NoiseSeed): Tensor4D {
  return tf.tidy(() => tf.sub(tf.mul(stateless("StatelessRandomUniform", shape, seed), 2), 1));
}

function stateless(operation: string, shape: Shape4D, [first, second]: NoiseSeed): Tensor4D {
  return tf.tidy(() => {
    const inputs = [tf.tensor1d([...shape], "int32"), tf.tensor1d([first | 0, second | 0], "int32")];
    const attributes = [attribute.float32("dtype"), attribute.int32("T"), attribute.int32("Tseed")];
    return execute(operation, attributes, inputs) as Tensor4D;
  });
}
