import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { matchWeights } from "#mtard/checkpoint/match-weights.js";
import { readWeightsFile } from "#mtard/checkpoint/weights-file.js";
import { evaluationBatches } from "#mtard/data/batches.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { tf, type Tensor1D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent, type InferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import { shared } from "../shared.js";

/** The robust ResNet-20 of golden/attacks.json and the images its verdicts are of. */
export interface RobustNetwork {
  readonly target: InferenceStudent;
  /** Some of the first 256 test images by their places, and their labels. */
  choose(places: readonly number[]): { images: Tensor4D; labels: Tensor1D };
}

export const ROBUST_NETWORK = "cifar10-resnet20-robust.pth";
const IMAGE = { height: 32, width: 32, channels: 3 };

export async function openRobustNetwork(): Promise<RobustNetwork> {
  const folder = mkdtempSync(join(tmpdir(), "mtard-robust-"));
  await prepareDataset("cifar10", folder, { from: shared("data/cifar-10-binary-subset.tar.gz") });
  const { test } = openDataset("cifar10", folder, { test: 256 });
  const [batch] = [...evaluationBatches(test, IMAGE, 256)];
  rmSync(folder, { recursive: true });
  if (!batch) throw new Error("no images");
  const pixels = tf.tensor4d(batch.images.slice(), [256, 32, 32, 3]);
  const classes = batch.labels.slice();

  const path = shared(`teachers/${ROBUST_NETWORK}`);
  const normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  const network = createNetwork("resnet-20", { image: IMAGE, classes: 10 }, normalization);
  const weights = matchWeights(network, (await readWeightsFile(path)).weights, path);
  const parameters = parametersFromWeights(network, weights);
  const target = inferenceStudent(network, parameters);
  disposeParameters(parameters);
  return {
    target,
    choose: (places) => ({
      images: tf.gather(pixels, [...places]),
      labels: tf.tensor1d(
        places.map((place) => classes[place] ?? NaN),
        "int32",
      ),
    }),
  };
}

/** Which images are answered right. */
export function answeredRight(target: InferenceStudent, images: Tensor4D, labels: Tensor1D): boolean[] {
  const right = tf.tidy(() => tf.equal(target.predict(images), labels)).dataSync();
  return [...right].map(Boolean);
}
