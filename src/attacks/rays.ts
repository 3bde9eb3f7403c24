import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import type { AttackTarget } from "./target.js";

/**
 * Runs RayS: a search for the direction of signs in which the decision boundary is nearest, from the classes answered, without randomness.
 *
 * Every query counts: the search of an image ends with its budget, even within a binary search. It also ends once a point within epsilon is
 * answered wrong, and that point is returned. Where no such point is found, the clean image is returned.
 *
 * @see Chen and Gu, "RayS: A Ray Searching Method for Hard-label Adversarial Attack" (2020), algorithms 2 and 3; uclaml/RayS, `RayS.py`.
 */
export function rays(
  target: Pick<AttackTarget, "predict">,
  { images, labels, epsilon, onStep }: AttackBatch,
  { queries }: Pick<AttackSettings, "queries">,
): AttackResult {
  const [count, height, width, channels] = images.shape;
  const size = height * width * channels;
  const trueClasses = labels.dataSync<"int32">();
  const pixels = images.dataSync<"float32">();
  const adversarial = pixels.slice();
  const counts = new Int32Array(count);
  const shown = new Float32Array(count * size);
  const shownAt = (row: number): Float32Array => shown.subarray(row * size, (row + 1) * size);

  let searches = Array.from({ length: count }, (_, place) => {
    const image = pixels.subarray(place * size, (place + 1) * size);
    const search = searchDirections(height * width, channels);
    return { place, image, search, point: search.next().value };
  });
  for (let query = 0; query < queries && searches.length > 0; query++) {
    for (const [row, { image, point }] of searches.entries()) drawPoint(image, point, shownAt(row));
    const batch = shown.subarray(0, searches.length * size);
    const answers = predict(target, tf.tensor4d(batch, [searches.length, height, width, channels]));
    searches = searches.filter((one, row) => {
      counts[one.place] = query + 1;
      const wrong = answers[row] !== trueClasses[one.place];
      if (wrong && distance(shownAt(row), one.image) <= epsilon) {
        adversarial.set(shownAt(row), one.place * size);
        return false;
      }
      one.point = one.search.next(wrong).value;
      return true;
    });
    onStep?.({ step: query + 1, steps: queries, robust: searches.length });
  }
  return { adversarial: tf.tensor4d(adversarial, images.shape), queries: counts };
}

/** The next point to show, relative to an image: `radius` in each pixel along a direction of -1 and 1. */
interface Point {
  readonly direction: Int8Array;
  readonly radius: number;
}

/** A binary search ends when its interval is at most this long in the Euclidean norm. */
const TOLERANCE = 1e-3;

/**
 * Searches from one image: yields the point to show next and receives whether it fooled the target.
 *
 * Each block of the best direction is flipped in turn. Where that fools at the best radius, a binary search finds the new direction's own
 * radius; the direction becomes the best if that is smaller.
 */
function* searchDirections(area: number, channels: number): Generator<Point, never, boolean> {
  const size = area * channels;
  // The Euclidean norm of a direction is sqrt(size) times its radius.
  const tolerance = TOLERANCE / Math.sqrt(size);
  let best: Point = { direction: new Int8Array(size).fill(1), radius: Infinity };
  for (const [start, end] of blocks(size)) {
    const direction = flipped(best.direction, start, end, area, channels);
    if (!(yield { direction, radius: best.radius })) continue;
    let [low, high] = [0, Math.min(best.radius, 1)];
    do {
      const middle = (low + high) / 2;
      if (yield { direction, radius: middle }) high = middle;
      else low = middle;
    } while (high - low > tolerance);
    if (high < best.radius) best = { direction, radius: high };
  }
  throw new Error("the blocks of RayS came to an end");
}

/** Yields the start and the end of each block: the whole, its halves, its quarters and so on without end. */
function* blocks(size: number): Generator<readonly [number, number], never> {
  for (let parts = 1; ; parts = Math.min(2 * parts, 2 ** 31)) {
    const length = Math.ceil(size / parts);
    for (let start = 0; start < size; start += length) yield [start, Math.min(start + length, size)];
  }
}

/** Flips a block of a direction. The block counts pixels channel by channel, as in the public code; the direction has the channels last. */
function flipped(
  direction: Int8Array,
  start: number,
  end: number,
  area: number,
  channels: number,
): Int8Array {
  const result = direction.slice();
  for (let index = start; index < end; index++) {
    const position = (index % area) * channels + Math.floor(index / area);
    result[position] = -(direction[position] as number);
  }
  return result;
}

/** Writes the point's pixels, clipped to [0, 1]. */
function drawPoint(image: Float32Array, { direction, radius }: Point, into: Float32Array): void {
  for (let index = 0; index < image.length; index++) {
    const moved = (image[index] as number) + radius * (direction[index] as number);
    into[index] = moved < 0 ? 0 : moved > 1 ? 1 : moved;
  }
}

/** The L-infinity distance. */
function distance(left: Float32Array, right: Float32Array): number {
  let most = 0;
  for (let index = 0; index < left.length; index++)
    most = Math.max(most, Math.abs((left[index] as number) - (right[index] as number)));
  return most;
}

function predict(target: Pick<AttackTarget, "predict">, images: Tensor4D): Int32Array {
  const answers = target.predict(images);
  const classes = answers.dataSync<"int32">();
  tf.dispose([images, answers]);
  return classes;
}
