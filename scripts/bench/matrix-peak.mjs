import { performance } from "node:perf_hooks";
import { compiled } from "#mtard/runtime/compiled.js";
import { inPrecision } from "#mtard/runtime/precision.js";
import { tf } from "#mtard/runtime/tensorflow.js";

/** Rows and columns of the matrices, and how often they are multiplied. */
const SIDE = 2048;
const TIMES = 8;

/**
 * Operations a second of the fastest of several products of two large matrices, two operations a multiply-add.
 *
 * @param {import("#mtard/runtime/precision.js").Precision} precision
 */
export function matrixPeak(precision) {
  const inputs = new Map([
    ["left", tf.randomUniform([SIDE, SIDE])],
    ["right", tf.randomUniform([SIDE, SIDE])],
  ]);
  /** @type {(given: import("#mtard/runtime/compiled.js").NamedTensors) => Map<string, import("#mtard/runtime/tensorflow.js").Tensor>} */
  const multiply = (given) => {
    const [left, right] = /** @type {import("#mtard/runtime/tensorflow.js").Tensor2D[]} */ ([
      ...given.values(),
    ]);
    if (!left || !right) throw new Error("a product has two factors");
    // Summed outside, as what a function gives out has to be float32.
    const sum = tf.tidy(() => tf.sum(inPrecision(precision, () => tf.matMul(left, right))));
    return new Map([["sum", sum]]);
  };
  let fastest = Infinity;
  for (let time = 0; time < TIMES; time++) {
    const start = performance.now();
    const sum = compiled(inputs, precision, inputs, multiply).get("sum");
    sum?.dataSync();
    sum?.dispose();
    fastest = Math.min(fastest, (performance.now() - start) / 1000);
  }
  tf.dispose([...inputs.values()]);
  return (2 * SIDE ** 3) / fastest;
}
