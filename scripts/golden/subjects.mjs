import { join } from "node:path";
import { attacks } from "#mtard/attacks/attacks.js";
import { norms } from "#mtard/attacks/norms.js";
import { pgd } from "#mtard/attacks/pgd.js";
import { matchWeights } from "#mtard/weights/match-weights.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { imagesAt } from "#mtard/data/batches.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import { onnxTarget } from "#mtard/model/onnx-target.js";
import { loadTeacher } from "#mtard/teacher/load.js";

/* The classifiers of golden/attacks.json as attacks see them, and which images withstand an attack. */

export const IMAGE = { height: 32, width: 32, channels: 3 };
const SHAPE = { name: "cifar10", image: IMAGE, classes: 10 };
const NORMALIZATION = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * @typedef {import("#mtard/attacks/target.js").AttackTarget & { dispose(): void }} Target
 *
 * @typedef {object} Subject
 * @property {string} model The file, which is the name in attacks.json.
 * @property {"student" | "ONNX"} engine
 * @property {(shared: string, threads: number) => Promise<Target>} open
 */

/** @type {readonly Subject[]} */
export const subjects = [
  { model: "cifar10-resnet20-robust.pth", engine: "student", open: openStudent },
  { model: "cifar10-resnet20-robust.pth", engine: "ONNX", open: openExported },
  { model: "cifar10-cnn-robust.onnx", engine: "ONNX", open: openOnnx },
];

/** @param {string} shared */
async function readResnet20(shared) {
  const path = join(shared, "teachers/cifar10-resnet20-robust.pth");
  const network = createNetwork("resnet-20", SHAPE, NORMALIZATION);
  return { network, weights: matchWeights(network, (await readWeightsFile(path)).weights, path) };
}

/** @param {string} shared */
async function openStudent(shared) {
  const { network, weights } = await readResnet20(shared);
  const parameters = parametersFromWeights(network, weights);
  const student = inferenceStudent(network, parameters);
  disposeParameters(parameters);
  return student;
}

/**
 * @param {string} shared
 * @param {number} threads
 */
async function openExported(shared, threads) {
  const { network, weights } = await readResnet20(shared);
  const model = networkToOnnx(network, weights, { version: "0.0.0-golden", dataset: SHAPE.name });
  return onnxTarget({ model, dataFolder: null }, { name: "resnet-20", classes: 10, device: "cpu", threads });
}

/**
 * @param {string} shared
 * @param {number} threads
 */
function openOnnx(shared, threads) {
  const path = join(shared, "teachers/cifar10-cnn-robust.onnx");
  const teacher = loadTeacher({ kind: "file", path }, SHAPE);
  return Promise.resolve(onnxTarget(teacher, { name: path, classes: 10, device: "cpu", threads }));
}

/**
 * An attack by the name that golden/attacks.json has for it.
 *
 * @param {string} name
 * @returns {import("#mtard/attacks/attack.js").SingleAttack["run"]}
 */
function attackNamed(name) {
  if (name === "clean") return (_, { images }) => ({ adversarial: tf.clone(images) });
  if (name === "pgd-sat-no-start")
    return (target, { images, labels, norm, epsilon, seed }) => {
      const settings = /** @type {const} */ ({ norm, epsilon, stepSize: 2 / 255, steps: 20, start: "image" });
      return { adversarial: pgd(target, images, { kind: "crossEntropy", labels }, settings, seed) };
    };
  return attacks[/** @type {import("#mtard/attacks/attacks.js").SingleAttackId} */ (name)].run;
}

/**
 * For each image 1 where it is still classified right when attacked, else 0.
 *
 * @param {import("#mtard/attacks/target.js").AttackTarget} target
 * @param {import("#mtard/data/store.js").Split} split
 * @param {string} name An attack of golden/attacks.json.
 * @param {{ batch: number, seed?: number, norm?: import("#mtard/attacks/norms.js").Norm }} options
 */
export function withstood(target, split, name, { batch, seed = 0, norm = "linf" }) {
  const attack = attackNamed(name);
  const random = Random.fromSeed(seed);
  /** @type {number[]} */
  const verdicts = [];
  for (let first = 0; first < split.count; first += batch) {
    const labels = split.labels.slice(first, first + batch);
    const images = imagesAt(
      split,
      IMAGE,
      Array.from(labels, (_, index) => first + index),
    );
    const tensors = {
      images: tf.tensor4d(images, [labels.length, IMAGE.height, IMAGE.width, IMAGE.channels]),
      labels: tf.tensor1d(labels, "int32"),
    };
    const noise = /** @type {const} */ ([random.uint32(), random.uint32()]);
    const { adversarial } = attack(target, { ...tensors, norm, epsilon: norms[norm].epsilon, seed: noise });
    const [clean, attacked] = [tensors.images, adversarial].map((shown) => {
      const answers = target.predict(shown);
      const classes = answers.dataSync();
      answers.dispose();
      return classes;
    });
    for (const [index, label] of labels.entries())
      verdicts.push(Number(clean?.[index] === label && attacked?.[index] === label));
    tf.dispose([tensors.images, tensors.labels, adversarial]);
  }
  return verdicts;
}

/**
 * The share of images with the same verdict.
 *
 * @param {readonly number[]} one
 * @param {readonly number[]} other
 */
export function agreement(one, other) {
  return one.filter((verdict, index) => verdict === other[index]).length / one.length;
}

/** @param {readonly number[]} verdicts */
export const accuracy = (verdicts) => verdicts.reduce((sum, verdict) => sum + verdict, 0) / verdicts.length;
