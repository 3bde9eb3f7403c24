// What bfloat16 does to an attack: PGD-10 made in float32 and in bfloat16 on a model whose network is known, both judged in float32.
//
//   node scripts/bench/precision.mjs cifar10-resnet20-robust --dataset cifar10 --limit 2000
import { performance } from "node:perf_hooks";
import yargs from "yargs";
import { pgd } from "#mtard/attacks/pgd.js";
import { openDataset } from "#mtard/data/store.js";
import { InputError } from "#mtard/errors.js";
import { imagesOf, imageTensor } from "#mtard/evaluation/images.js";
import { openModel } from "#mtard/model/model.js";
import { findModel } from "#mtard/model/reference.js";
import { arithmeticOf } from "#mtard/runtime/arithmetic.js";
import {
  prepareNativeLibraries,
  requestedDevice,
  studentDevice,
  threadCount,
} from "#mtard/runtime/device.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";

/** @typedef {import("#mtard/runtime/precision.js").Precision} Precision */
/** @typedef {import("#mtard/runtime/tensorflow.js").Tensor1D} Tensor1D */
/** @typedef {import("#mtard/runtime/tensorflow.js").Tensor4D} Tensor4D */

/** The inner attack of the paper, on cross-entropy. */
const SETTINGS = /** @type {const} */ ({ epsilon: 8 / 255, stepSize: 2 / 255, steps: 10, start: "uniform" });
const BATCH = 125;

const options = await yargs(process.argv.slice(2))
  .usage("$0 MODEL")
  .option("dataset", { type: "string", default: "cifar10" })
  .option("limit", { type: "number", default: 2000, describe: "test images" })
  .option("data-dir", { type: "string", default: process.env["MTARD_DATA"] ?? "data" })
  .option("teachers-dir", { type: "string", default: process.env["MTARD_TEACHERS"] ?? "teachers" })
  .demandCommand(1, 1)
  .strict()
  .parseAsync();

prepareNativeLibraries(requestedDevice(), threadCount());
const model = await openModel(findModel(String(options._[0]), options.teachersDir));
const { bfloat16 } = arithmeticOf(studentDevice(tf, requestedDevice()));
if (!model.known || !bfloat16.works)
  throw new InputError("there is nothing to compare", {
    expected: "a run, or a teacher whose network is known, and a device that has bfloat16",
    found: model.known ? bfloat16.found : `${model.name}, whose network is not known`,
  });
const { test, description, fingerprint } = openDataset(options.dataset, options.dataDir, {
  test: options.limit,
});
const source = imagesOf(test, description, fingerprint);
const parameters = parametersFromWeights(model.known.network, model.known.weights);
/** @type {Record<Precision, import("#mtard/student/inference.js").InferenceStudent>} */
const students = {
  float32: inferenceStudent(model.known.network, parameters),
  bfloat16: inferenceStudent(model.known.network, parameters, { precision: "bfloat16" }),
};
disposeParameters(parameters);

/** Which images are answered right, and the sum of their losses, in float32. @param {Tensor4D} images @param {Tensor1D} labels */
function judged(images, labels) {
  const { loss, logits, gradient } = students.float32.lossGradient(images, { kind: "crossEntropy", labels });
  const right = tf.tidy(() => Array.from(tf.equal(tf.argMax(logits, 1), labels).dataSync(), Boolean));
  const total = Array.from(loss.dataSync()).reduce((sum, each) => sum + each, 0);
  tf.dispose([loss, logits, gradient]);
  return { right, total };
}

/** @type {Record<"clean" | Precision, { right: boolean[], loss: number, seconds: number }>} */
const found = {
  clean: { right: [], loss: 0, seconds: 0 },
  float32: { right: [], loss: 0, seconds: 0 },
  bfloat16: { right: [], loss: 0, seconds: 0 },
};

/** @param {keyof typeof found} name @param {Tensor4D} images @param {Tensor1D} labels */
function note(name, images, labels) {
  const { right, total } = judged(images, labels);
  found[name].right.push(...right);
  found[name].loss += total;
}

for (let first = 0; first < source.count; first += BATCH) {
  const indexes = Array.from({ length: Math.min(BATCH, source.count - first) }, (_, index) => first + index);
  const images = imageTensor(source.shape, source.read(indexes));
  const labels = tf.tensor1d(
    indexes.map((index) => source.labels[index] ?? NaN),
    "int32",
  );
  note("clean", images, labels);
  for (const precision of /** @type {const} */ (["float32", "bfloat16"])) {
    const start = performance.now();
    const adversarial = pgd(students[precision], images, { kind: "crossEntropy", labels }, SETTINGS, [
      first,
      1,
    ]);
    adversarial.dataSync();
    found[precision].seconds += (performance.now() - start) / 1000;
    note(precision, adversarial, labels);
    adversarial.dispose();
  }
  tf.dispose([images, labels]);
}
for (const [name, { right, loss, seconds }] of Object.entries(found)) {
  const share = ((100 * right.filter(Boolean).length) / source.count).toFixed(2);
  const made = seconds > 0 ? `, made in ${seconds.toFixed(1)} s` : "";
  console.log(`${name.padEnd(8)}  ${share}% right, mean loss ${(loss / source.count).toFixed(4)}${made}`);
}
const apart = found.float32.right.filter((right, index) => right !== found.bfloat16.right[index]).length;
console.log(`${apart} of ${source.count} attacked images are judged differently`);
