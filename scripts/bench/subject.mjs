import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findDataset } from "#mtard/data/datasets.js";
import { datasetFromArrays } from "#mtard/data/memory.js";
import { InputError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { openModel } from "#mtard/model/model.js";
import { findModel } from "#mtard/model/reference.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";

/* What a case trains on: a data set and teachers that are here, or images and teachers of random numbers, so that any case runs anywhere. */

/**
 * @typedef {object} Subject
 * @property {import("./cases.mjs").Case} case
 * @property {string | null} dataset A packed data set, or null for random images.
 * @property {string | null} cleanTeacher A teacher of that data set.
 * @property {string | null} robustTeacher
 * @property {string} dataDir
 * @property {string} teachersDir
 * @property {import("#mtard/runtime/device.js").DeviceRequest} device
 * @property {import("./cases.mjs").Precision} precision
 * @property {number} batches How many are drawn.
 * @property {string} folder Where files go.
 *
 * @typedef {import("#mtard/model/targets.js").KnownNetwork} KnownNetwork
 */

/** The name of the random data set. */
const RANDOM = "random";
/** The random teachers: those that the paper's students of small and of larger images could have. */
const TEACHERS = {
  small: { clean: "resnet-56", robust: "resnet-20" },
  large: { clean: "preact-resnet-34", robust: "preact-resnet-34" },
};

/**
 * The data set of a subject if it is made here; otherwise the program opens it by its name.
 *
 * @param {Subject} subject
 * @throws {InputError} if the images of a data set by name are not of the case's size.
 */
export function datasetOf(subject) {
  const { size, batch, classes } = subject.case;
  if (subject.dataset !== null) {
    const { image } = findDataset(subject.dataset, subject.dataDir);
    if (image.height === size && image.width === size) return undefined;
    throw new InputError("the case does not fit the data set", {
      expected: `images of ${image.height}x${image.width}, those of ${subject.dataset}`,
      found: `${size}x${size}`,
    });
  }
  const random = Random.fromSeed(1);
  const image = { height: size, width: size, channels: 3 };
  const split = (/** @type {number} */ count) => ({
    images: Uint8Array.from({ length: count * size * size * 3 }, () => 256 * random.uniform()),
    labels: Int32Array.from({ length: count }, (_, index) => index % classes),
  });
  const classNames = Array.from({ length: classes }, (_, index) => `class ${index}`);
  return datasetFromArrays({
    ...{ name: RANDOM, image, classNames },
    train: split(subject.batches * batch),
    test: split(1),
  });
}

/**
 * A teacher of the subject, as the network and weights that it is.
 *
 * @param {Subject} subject
 * @param {"clean" | "robust"} role
 * @returns {Promise<KnownNetwork>}
 * @throws {InputError} if its network is not known.
 */
export async function teacherOf(subject, role) {
  const reference = role === "clean" ? subject.cleanTeacher : subject.robustTeacher;
  if (reference === null) return randomTeacher(subject, role);
  const { known } = await openModel(findModel(reference, subject.teachersDir));
  if (known) return known;
  throw new InputError(`the network of teacher "${reference}" is not known, so PyTorch cannot run it`, {
    expected: "a teacher imported with --network",
  });
}

/**
 * What names a teacher to the program: its reference, or the file that a random one is written to.
 *
 * @param {Subject} subject
 * @param {"clean" | "robust"} role
 */
export function teacherReference(subject, role) {
  const reference = role === "clean" ? subject.cleanTeacher : subject.robustTeacher;
  if (reference !== null) return reference;
  const path = join(subject.folder, `${role}.onnx`);
  if (!existsSync(path)) {
    const { network, weights } = randomTeacher(subject, role);
    writeFileSync(path, networkToOnnx(network, weights, { version: "0", dataset: RANDOM }));
  }
  return path;
}

/**
 * @param {Subject} subject
 * @param {"clean" | "robust"} role
 * @returns {KnownNetwork}
 */
function randomTeacher({ case: { size, classes } }, role) {
  const id = (size > 32 ? TEACHERS.large : TEACHERS.small)[role];
  const network = createNetwork(id, { image: { height: size, width: size, channels: 3 }, classes });
  const random = Random.fromSeed(role === "clean" ? 2 : 3);
  return { network, weights: calmed(initialWeights(network, random)) };
}

/**
 * Half of every scale of batch norm: through statistics that no training moved, values would grow from block to block, and the answers
 * would be so large that rounding errors decide them.
 *
 * @param {import("#mtard/graph/parameters.js").Weights} weights
 */
function calmed(weights) {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const scales = tensor.shape.length === 1 && name.endsWith(".weight");
      return [name, scales ? { ...tensor, data: tensor.data.map((value) => value / 2) } : tensor];
    }),
  );
}
