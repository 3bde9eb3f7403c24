import { compiled, type NamedTensors } from "../runtime/compiled.js";
import { type DeviceRequest, studentDevice } from "../runtime/device.js";
import { inPrecision, type Precision } from "../runtime/precision.js";
import { tf, type Tensor, type Tensor2D } from "../runtime/tensorflow.js";
import { parameter } from "../student/parameters.js";

/** Large products of matrices. */
export interface PeakQuestion {
  readonly device: DeviceRequest;
  readonly precision: Precision;
  /** Rows and columns of each. */
  readonly sizes: readonly number[];
}

/** The fastest of them. */
export interface Peak {
  /** Floating-point operations a second. */
  readonly operations: number;
  readonly size: number;
}

/** Products of each size are made for so long, and at least so many: other work on the machine slows most of them. */
const LEAST = { seconds: 2, repeats: 6 } as const;

/**
 * The most that products of square matrices reach. Which size is fastest depends on the machine: a large one keeps many cores busy, a small
 * one is over before other work takes the core.
 *
 * @throws {WorkError} as `studentDevice`.
 */
export function peakOf({ device, precision, sizes }: PeakQuestion): Peak {
  studentDevice(tf, device);
  const peaks = sizes.map((size) => ({ size, operations: (2 * size ** 3) / secondsOf(size, precision) }));
  return peaks.reduce((most, each) => (each.operations > most.operations ? each : most));
}

/** The shortest time of a product. */
function secondsOf(size: number, precision: Precision): number {
  const matrix = (seed: number): Tensor => tf.randomUniform([size, size], -1, 1, "float32", seed);
  const inputs = new Map([
    ["left", matrix(1)],
    ["right", matrix(2)],
  ]);
  const product = (given: NamedTensors): NamedTensors =>
    new Map([["sum", tf.tidy(() => sumOfRow(given, precision, size))]]);
  const until = performance.now() + 1000 * LEAST.seconds;
  const seconds: number[] = [];
  while (seconds.length < LEAST.repeats || performance.now() < until) {
    const began = performance.now();
    const sum = parameter(compiled(inputs, precision, inputs, product), "sum");
    // A GPU works on when a call returns: reading a number waits for it.
    sum.dataSync();
    sum.dispose();
    seconds.push((performance.now() - began) / 1000);
  }
  tf.dispose([...inputs.values()]);
  return Math.min(...seconds);
}

/** The sum of the first row of the product: one number to read, and all of the product is made. */
function sumOfRow(given: NamedTensors, precision: Precision, size: number): Tensor {
  const left = parameter<Tensor2D>(given, "left");
  const right = parameter<Tensor2D>(given, "right");
  const product = inPrecision(precision, () => tf.matMul<Tensor2D>(left, right));
  return tf.sum(tf.slice(product, [0, 0], [1, size]));
}
