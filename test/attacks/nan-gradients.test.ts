import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attacks, type SingleAttackId } from "#mtard/attacks/attacks.js";
import { nanAsZero, placesOf, rowsWithNaN } from "#mtard/attacks/nan-gradients.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { tf, type Tensor1D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { linearTarget } from "../evaluation/linear.js";

const COUNT = 6;
const linear = linearTarget(1);
let images: Tensor4D;
let labels: Tensor1D;

beforeAll(() => {
  images = tf.randomUniform<Tensor4D>([COUNT, 4, 4, 1], 0.1, 0.9, "float32", 5);
  labels = tf.tidy(() => tf.argMax<Tensor1D>(linear.logits(images), 1));
});
afterAll(() => tf.dispose([images, labels]));

/** The linear classifier with this value in its gradient's first two pixels, in the rows that `where` picks. */
function marred(value: number, where: (row: number) => boolean = () => true): AttackTarget {
  return {
    ...linear,
    lossGradient(looked, loss) {
      const look = linear.lossGradient(looked, loss);
      const mask = Float32Array.from({ length: looked.shape[0] * 16 }, (_, at) =>
        at % 16 < 2 && where(Math.floor(at / 16)) ? 1 : 0,
      );
      const gradient = tf.tidy(() =>
        tf.where(
          tf.greater(tf.tensor4d(mask, [looked.shape[0], 4, 4, 1]), 0),
          tf.fill<Tensor4D>(looked.shape, value),
          look.gradient,
        ),
      );
      look.gradient.dispose();
      return { ...look, gradient };
    },
  };
}

function attacked(id: SingleAttackId, target: AttackTarget): Float32Array {
  const { adversarial } = attacks[id].run(target, { images, labels, epsilon: 0.05, seed: [1, 2] });
  const values = adversarial.dataSync<"float32">();
  adversarial.dispose();
  return values;
}

const withGradients = (Object.keys(attacks) as SingleAttackId[]).filter(
  (id) => attacks[id].access === "gradient",
);

describe("a NaN in the gradient counts as 0", () => {
  it.each(withGradients)("for %s, which makes the images it makes with 0 there", (id) => {
    const before = tf.memory().numTensors;
    const rows = new Set<number>();
    const found = attacked(
      id,
      nanAsZero(marred(NaN), (_, broken) => broken.forEach((row) => rows.add(row))),
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(found).toEqual(attacked(id, marred(0)));
    expect(found.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(found, "the images are attacked all the same").not.toEqual(images.dataSync());
    expect(rows.size).toBe(COUNT);
  });

  it("and an infinity has a sign, and ends no attack", () => {
    for (const id of withGradients)
      expect(
        attacked(id, marred(Infinity)).every((value) => value >= 0 && value <= 1),
        id,
      ).toBe(true);
  });

  it("in just those rows that have one, whatever infinities stand in the others", () => {
    const look = (value: number, where: (row: number) => boolean): number[] => {
      const { loss, logits, gradient } = marred(value, where).lossGradient(images, {
        kind: "crossEntropy",
        labels,
      });
      const rows = rowsWithNaN(gradient);
      tf.dispose([loss, logits, gradient]);
      return rows;
    };
    expect(look(NaN, (row) => row % 2 === 1)).toEqual([1, 3, 5]);
    expect(look(NaN, () => false)).toEqual([]);
    const opposed = tf.tensor4d([Infinity, -Infinity, 1, 2, NaN, 1, 1, 1], [2, 2, 2, 1]);
    expect(rowsWithNaN(opposed)).toEqual([1]);
    opposed.dispose();
  });
});

it("the images of a look are found in the batch, in any order and moved", () => {
  const look = tf.tidy(() => tf.add<Tensor4D>(tf.gather(images, [4, 0, 3]), 0.03));
  expect(placesOf([0, 1, 2], look, images)).toEqual([4, 0, 3]);
  expect(placesOf([2], look, images)).toEqual([3]);
  look.dispose();
});
