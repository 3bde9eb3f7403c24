import type { Random } from "../runtime/random.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import { type L2Ball, lengths, unit } from "./ball.js";
import { randomSigns } from "./random-signs.js";

/*
 * What the Square attack shows in L2: all of a ball's radius is spread over patches, and each query moves the share of one place to another.
 * Andriushchenko et al., "Square Attack" (2020), algorithm 3; fra31/auto-attack, `square.py`. The rows of a batch have the same patches, each
 * with signs of its own.
 */

/** Draws the first images, `[N, H, W, C]`: five patches by five that cover all but a margin, on the wall of the ball. */
export function patchGrid({ centres, epsilon }: L2Ball, random: Random): Tensor4D {
  const [count, height, width, channels] = centres.shape;
  const side = Math.max(1, Math.floor(height / 5));
  const margin = Math.max(0, Math.floor((height - 5 * side) / 2));
  const moves = new Float32Array(count * height * width * channels);
  for (let row = 0; row < Math.floor(height / side); row++)
    for (let column = 0; column < Math.floor(width / side); column++) {
      const values = patch(side, random);
      const signs = randomSigns(count * channels, random);
      const [top, left] = [margin + row * side, margin + column * side];
      for (const [at, value] of values.entries()) {
        const [y, x] = [top + Math.floor(at / side), left + (at % side)];
        if (y >= height || x >= width) continue;
        for (const [each, sign] of signs.entries()) {
          const image = Math.floor(each / channels);
          moves[((image * height + y) * width + x) * channels + (each % channels)] = sign * value;
        }
      }
    }
  return tf.tidy(() => onWall(tf.tensor4d(moves, centres.shape), { centres, epsilon }));
}

/** Computes the side of a patch where a square of L-infinity would have this side: odd, and at least 3, where the image has room. */
export function patchSide(side: number, height: number, width: number): number {
  const least = Math.max(side, 3);
  return Math.min(least + ((least + 1) % 2), height, width);
}

/** Moves what the images `[N, H, W, C]` have in a window to another one, as a patch of this side, on to the wall of the ball. */
export function movedPatch(current: Tensor4D, ball: L2Ball, side: number, random: Random): Tensor4D {
  const [count, height, width, channels] = current.shape;
  const drawn = (): Window => ({
    // Like the public code, this never chooses the last row or column at which a window could begin.
    top: random.below(Math.max(height - side, 1)),
    left: random.below(Math.max(width - side, 1)),
    side,
  });
  const [to, from] = [drawn(), drawn()];
  const values = patch(side, random);
  const signs = randomSigns(count * channels, random);
  return tf.tidy(() => {
    const moves = tf.sub<Tensor4D>(current, ball.centres);
    const both = windows([to, from], height, width);
    // What a channel may have in both windows: what it has there, and its part of what the image has left.
    const left = tf.maximum(tf.sub(ball.epsilon ** 2, tf.square(lengths(moves))), 0);
    const share = tf.add(tf.div(left, channels), tf.square(lengthsByChannel(tf.mul(moves, both))));
    const before = tf.slice(moves, [0, to.top, to.left, 0], [count, side, side, channels]);
    const added = tf.mul(
      tf.tensor4d(values, [1, side, side, 1]),
      tf.tensor4d(signs, [count, 1, 1, channels]),
    );
    const shape = unitByChannel(tf.add(unitByChannel(before), added));
    const placed = tf.pad(tf.mul<Tensor4D>(shape, tf.sqrt(share)), [
      [0, 0],
      [to.top, height - side - to.top],
      [to.left, width - side - to.left],
      [0, 0],
    ]);
    return onWall(tf.add(tf.mul(moves, tf.sub(1, both)), placed), ball);
  });
}

interface Window {
  readonly top: number;
  readonly left: number;
  readonly side: number;
}

/** 1 within the windows, else 0, `[1, H, W, 1]`. */
function windows(all: readonly Window[], height: number, width: number): Tensor4D {
  const mask = new Float32Array(height * width);
  for (const { top, left, side } of all)
    for (let y = top; y < top + side; y++) mask.fill(1, y * width + left, y * width + left + side);
  return tf.tensor4d(mask, [1, height, width, 1]);
}

/**
 * Draws a patch, `[side, side]` of length 1 in L2: two mounds beside each other, one up and one down, that lie either way. A mound's value
 * is the sum of 1/k^2 over the squares around its middle, the k-th 2k - 1 wide, that reach there.
 */
function patch(side: number, random: Random): Float32Array {
  const half = Math.floor(side / 2);
  const values = new Float32Array(side * side);
  values.set(mound(half, side));
  values.set(
    mound(side - half, side).map((value) => -value),
    half * side,
  );
  const length = lengthOf(values);
  const turned = random.uniform() > 0.5;
  return values.map((_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    return (values[turned ? column * side + row : at] as number) / length;
  });
}

/** A mound of length 1 in L2, row by row. */
function mound(height: number, width: number): number[] {
  const middle = [Math.floor(height / 2), Math.floor(width / 2)] as const;
  const squares = Math.max(...middle) + 1;
  const values = Array.from({ length: height * width }, (_, at) => {
    const [down, right] = [Math.floor(at / width) - middle[0], (at % width) - middle[1]];
    const nearest = Math.max(Math.abs(down), Math.abs(right));
    let sum = 0;
    for (let square = nearest; square < squares; square++) sum += 1 / (square + 1) ** 2;
    return sum;
  });
  const length = lengthOf(values);
  return values.map((value) => value / length);
}

/** The length in L2 of a patch, which may be as large as an image: more values than a call takes arguments. */
function lengthOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += (values[at] as number) ** 2;
  return Math.sqrt(sum);
}

/** The images at the wall of the ball in these directions `[N, H, W, C]`, clamped to [0, 1]. */
function onWall(moves: Tensor4D, { centres, epsilon }: Pick<L2Ball, "centres" | "epsilon">): Tensor4D {
  return tf.clipByValue(tf.add(centres, tf.mul(unit(moves), epsilon)), 0, 1);
}

/** The length in L2 of each channel, `[N, 1, 1, C]`. */
function lengthsByChannel(moves: Tensor4D): Tensor4D {
  return tf.sqrt(tf.sum<Tensor4D>(tf.square(moves), [1, 2], true));
}

function unitByChannel(moves: Tensor4D): Tensor4D {
  return tf.div(moves, tf.add(lengthsByChannel(moves), 1e-12));
}
