import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { imagesAt } from "#mtard/data/batches.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import { tf, type Tensor1D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { IMAGE, subjects, type Target } from "../../scripts/golden/subjects.mjs";
import { shared } from "../shared.js";

/** The robust ResNet-20 of golden/attacks.json and the images its verdicts are of. */
export interface RobustNetwork {
  readonly target: Target;
  /** Some of the first 256 test images by their places, and their labels. */
  choose(places: readonly number[]): { images: Tensor4D; labels: Tensor1D };
}

export const ROBUST_NETWORK = "cifar10-resnet20-robust.pth";

export async function openRobustNetwork(): Promise<RobustNetwork> {
  const folder = mkdtempSync(join(tmpdir(), "mtard-robust-"));
  await prepareDataset("cifar10", folder, { from: shared("data/cifar-10-binary-subset.tar.gz") });
  const { test } = openDataset("cifar10", folder, { test: 256 });
  const images = imagesAt(test, IMAGE, [...test.labels.keys()]);
  rmSync(folder, { recursive: true });
  const subject = subjects.find(({ model, engine }) => model === ROBUST_NETWORK && engine === "student");
  if (!subject) throw new Error("no network");
  const pixels = tf.tensor4d(images, [256, 32, 32, 3]);
  const { labels } = test;
  return {
    target: await subject.open(shared("."), 2),
    choose: (places) => ({
      images: tf.gather(pixels, [...places]),
      labels: tf.tensor1d(
        places.map((place) => labels[place] ?? NaN),
        "int32",
      ),
    }),
  };
}

/** Which images are answered right. */
export function answeredRight(target: AttackTarget, images: Tensor4D, labels: Tensor1D): boolean[] {
  const right = tf.tidy(() => tf.equal(target.predict(images), labels)).dataSync();
  return [...right].map(Boolean);
}
