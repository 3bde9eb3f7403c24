// The passes that profile.mjs looks at, in a process of their own: `NETWORK BATCH SIZE ROUNDS`, and a line `@begin` and `@end` around each.
import { performance } from "node:perf_hooks";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { prepareNativeLibraries, threadCount } from "#mtard/runtime/device.js";
import { Random } from "#mtard/runtime/random.js";

prepareNativeLibraries("cpu", threadCount());
const { tf } = await import("#mtard/runtime/tensorflow.js");
const { isCompiling } = await import("#mtard/runtime/compiled.js");
const { inferenceStudent } = await import("#mtard/student/inference.js");
const { parametersFromWeights } = await import("#mtard/student/parameters.js");
const { trainingBackward, trainingForward } = await import("#mtard/student/training-pass.js");

const [id = "", ...numbers] = process.argv.slice(2);
const [batch = NaN, size = NaN, rounds = NaN] = numbers.map(Number);
const WARM_UP = 2;
const CLASSES = 10;

/**
 * Processor time since then, of all threads.
 *
 * @param {NodeJS.CpuUsage} before
 */
function cpuSeconds(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Processor time and calls of TensorFlow's kernels where each is a call of its own. @type {Record<string, { seconds: number, calls: number }>} */
const kernels = {};
if (!isCompiling()) {
  const backend = /** @type {{ binding: { executeOp(name: string, ...rest: unknown[]): unknown } }} */ (
    /** @type {unknown} */ (tf.backend())
  );
  const { binding } = backend;
  const timing = {
    /** @type {typeof binding.executeOp} */
    executeOp(name, ...rest) {
      const before = process.cpuUsage();
      const made = binding.executeOp(name, ...rest);
      const kernel = (kernels[name] ??= { seconds: 0, calls: 0 });
      kernel.seconds += cpuSeconds(before);
      kernel.calls++;
      return made;
    },
  };
  backend.binding = Object.setPrototypeOf(timing, binding);
}

/**
 * @template Made
 * @param {string} pass
 * @param {number} round
 * @param {() => Made} work Waits for what it makes.
 */
function marked(pass, round, work) {
  for (const name of Object.keys(kernels)) delete kernels[name];
  process.stdout.write(`@begin ${round < WARM_UP ? "" : pass}\n`);
  const before = process.cpuUsage();
  const start = performance.now();
  const made = work();
  const seconds = (performance.now() - start) / 1000;
  const took = { pass, seconds, cpuSeconds: cpuSeconds(before), kernels };
  process.stdout.write(`@end ${round < WARM_UP ? "" : JSON.stringify(took)}\n`);
  return made;
}

const random = Random.fromSeed(0);
const network = createNetwork(id, {
  image: { height: size, width: size, channels: 3 },
  classes: CLASSES,
});
const parameters = parametersFromWeights(network, initialWeights(network, random));
const values = Float32Array.from({ length: batch * size * size * 3 }, () => random.uniform());
const images = tf.tensor4d(values, [batch, size, size, 3]);
const labels = tf.tensor1d(
  Array.from({ length: batch }, (_, index) => index % CLASSES),
  "int32",
);
const gradient = tf.tidy(
  () => /** @type {import("#mtard/runtime/tensorflow.js").Tensor2D} */ (tf.fill([batch, CLASSES], 0.01)),
);
const student = inferenceStudent(network, parameters);
for (let round = 0; round < WARM_UP + rounds; round++) {
  marked("attack, a gradient in the images", round, () => {
    const made = student.lossGradient(images, { kind: "crossEntropy", labels });
    made.gradient.dataSync();
    tf.dispose([made.loss, made.logits, made.gradient]);
  });
  const pass = marked("training, a pass forward", round, () => {
    const made = trainingForward(network, parameters, images);
    made.logits.dataSync();
    return made;
  });
  marked("training, a pass backward", round, () => {
    /** @type {Map<string, import("#mtard/runtime/tensorflow.js").Tensor>} */
    const gradients = new Map();
    trainingBackward(network, parameters, pass, gradient, gradients);
    gradients.values().next().value?.dataSync();
    tf.dispose([...gradients.values()]);
  });
}
