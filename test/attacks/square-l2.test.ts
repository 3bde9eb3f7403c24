import { describe, expect, it } from "vitest";
import type { L2Ball } from "#mtard/attacks/ball.js";
import { movedPatch, patchGrid, patchSide } from "#mtard/attacks/square-l2.js";
import { squareSide } from "#mtard/attacks/square.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { largestDifference } from "../golden.js";
import { reference } from "./formula-network.js";

const EPSILON = 0.4;

/** Grey images, so that [0, 1] takes nothing of a move. */
function greyBall(count: number, side: number): L2Ball {
  return { norm: "l2", centres: tf.fill<Tensor4D>([count, side, side, 3], 0.5), epsilon: EPSILON };
}

/** A move of each image and channel, `[H, W]`. */
function movesOf(images: Tensor4D, { centres }: L2Ball): Float32Array[] {
  const [count, height, width, channels] = images.shape;
  const moves = tf
    .tidy(() => tf.transpose(tf.sub<Tensor4D>(images, centres), [0, 3, 1, 2]))
    .dataSync<"float32">();
  const size = height * width;
  return Array.from({ length: count * channels }, (_, at) => moves.slice(at * size, (at + 1) * size));
}

const length = (values: Iterable<number>): number => Math.hypot(...values);

describe("the first images", () => {
  it("have five patches by five of the public code's shape, lying either way, with signs of their own", () => {
    // Of 32 pixels five patches of six cover all but one on each side.
    const ball = greyBall(3, 32);
    const all = movesOf(patchGrid(ball, Random.fromSeed(5)), ball);
    const known = Float32Array.from(reference.l2.patches["6"] ?? []);
    const turned = known.map((_, at) => known[(at % 6) * 6 + Math.floor(at / 6)] as number);
    const [ways, signs] = [new Set<number>(), new Set<string>()];
    for (const moves of all) {
      // Each of three channels has 25 patches of equal length.
      expect(length(moves)).toBeCloseTo(EPSILON / Math.sqrt(3), 5);
      const patches = Array.from({ length: 25 }, (_, each) => {
        const [top, left] = [1 + 6 * Math.floor(each / 5), 1 + 6 * (each % 5)];
        return Float32Array.from({ length: 36 }, (_, at) => {
          const move = moves[(top + Math.floor(at / 6)) * 32 + left + (at % 6)] as number;
          return (move / EPSILON) * Math.sqrt(75);
        });
      });
      const found = patches.map((patch) => {
        const shapes = [known, turned].flatMap((shape) => [shape, shape.map((value) => -value)]);
        return shapes.findIndex((shape) => largestDifference(patch, shape) < 1e-4);
      });
      expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
      for (const each of found) ways.add(each >> 1);
      signs.add(found.map((each) => each % 2).join(""));
    }
    expect(ways.size).toBe(2);
    expect(signs.size).toBe(all.length);
  });

  it("exist for images with fewer than five rows", () => {
    const ball = greyBall(1, 4);
    for (const moves of movesOf(patchGrid(ball, Random.fromSeed(1)), ball))
      expect(length(moves)).toBeCloseTo(EPSILON / Math.sqrt(3), 5);
  });
});

it("patches are odd and at least 3 wide, where the image has room", () => {
  // fra31/auto-attack, square.py: s of the L2 branch, after 0, 11, 51, 201, 501, 1001, 2001, 4001 and 8001 squares.
  const after = [0, 11, 51, 201, 501, 1001, 2001, 4001, 8001];
  const sides = (height: number, width: number) =>
    after.map((squares) => patchSide(squareSide(squares, height, width), height, width));
  expect(sides(32, 32)).toEqual([29, 21, 15, 11, 7, 5, 5, 3, 3]);
  expect([0, 11].map((squares) => patchSide(squareSide(squares, 32, 8), 32, 8))).toEqual([8, 8]);
});

describe("a query", () => {
  const ball = greyBall(2, 16);
  const start = patchGrid(ball, Random.fromSeed(7));
  const moved = movedPatch(start, ball, 3, Random.fromSeed(8));

  it("changes two windows alone, of which one is emptied and the other has what both had", () => {
    const random = Random.fromSeed(8);
    const [to, from] = [0, 0].map(() => [random.below(13), random.below(13)] as const);
    const inside = (at: number, [top, left]: readonly [number, number] = [0, 0]): boolean =>
      Math.floor(at / 16) - top >= 0 &&
      Math.floor(at / 16) - top < 3 &&
      (at % 16) - left >= 0 &&
      (at % 16) - left < 3;
    const [before, after] = [movesOf(start, ball), movesOf(moved, ball)];
    for (const [index, moves] of after.entries()) {
      const was = before[index] ?? new Float32Array();
      const places = [...moves.keys()];
      const [entered, left] = [
        places.filter((at) => inside(at, to)),
        places.filter((at) => inside(at, from)),
      ];
      for (const at of left) if (!entered.includes(at)) expect(moves[at]).toBeCloseTo(0, 6);
      for (const at of places)
        if (!left.includes(at) && !entered.includes(at)) expect(moves[at]).toBeCloseTo(was[at] ?? NaN, 5);
      const both = places.filter((at) => inside(at, to) || inside(at, from));
      expect(length(entered.map((at) => moves[at] ?? NaN))).toBeCloseTo(
        length(both.map((at) => was[at] ?? NaN)),
        4,
      );
    }
  });

  it("stays on the wall of the ball", () => {
    const all = movesOf(moved, ball);
    for (const image of [all.slice(0, 3), all.slice(3)])
      expect(length(image.flatMap((moves) => [...moves]))).toBeCloseTo(EPSILON, 5);
  });
});
