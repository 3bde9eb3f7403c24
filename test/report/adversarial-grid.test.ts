import sharp from "sharp";
import { describe, expect, it } from "vitest";
import type { ExaminedImage } from "#mtard/evaluation/examine.js";
import { drawGrid } from "#mtard/report/adversarial-grid.js";

const shape = { height: 4, width: 4, channels: 3 };
const flat = (value: number): Float32Array => new Float32Array(48).fill(value);

function image(index: number, adversarial: number, answer: number): ExaminedImage {
  return {
    index,
    label: 0,
    clean: flat(0.2),
    adversarial: flat(adversarial),
    before: { answer: 0, confidence: 0.9 },
    after: { answer, confidence: 0.6 },
    linf: Math.abs(adversarial - 0.2),
    l2: Math.sqrt(48) * Math.abs(adversarial - 0.2),
  };
}

const heading = {
  title: 'pgd-sat on <it> & "that"',
  subtitle: "epsilon 0.1",
  classNames: ["a class with a very long name indeed", "dog"],
  epsilon: 0.1,
  names: ["image 3", "image 9"],
};

describe("the grid of adversarial images", () => {
  it("shows the clean image, the adversarial one, and the difference amplified around grey", async () => {
    const png = await drawGrid([image(0, 0.3, 1), image(1, 0.15, 0)], shape, heading);
    const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    // The middle of each picture: units of the drawing, two pixels each.
    const at = (column: number, row: number): number => {
      const x = 2 * (24 + 190 + column * (160 + 26) + 80);
      const y = 2 * (112 + row * (160 + 34) + 80);
      return (data[(y * info.width + x) * 3] as number) / 255;
    };
    for (const [row, adversarial] of [0.3, 0.15].entries()) {
      expect(at(0, row)).toBeCloseTo(0.2, 2);
      expect(at(1, row)).toBeCloseTo(adversarial, 2);
      expect(at(2, row)).toBeCloseTo(0.5 + 3.75 * (adversarial - 0.2), 2);
    }
  });

  it("says more where it has more to say: every answer is drawn", async () => {
    const dark = async (names: readonly string[]): Promise<number> => {
      const png = await drawGrid([image(0, 0.2, 1)], shape, { ...heading, classNames: names });
      const { data } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
      return data.filter((value) => value < 128).length;
    };
    expect(await dark(["cat", "dog"])).toBeGreaterThan((await dark(["", ""])) + 500);
  });

  it("draws what does not change with epsilon 0 as grey", async () => {
    const png = await drawGrid([image(0, 0.2, 0)], shape, { ...heading, epsilon: 0 });
    expect((await sharp(png).metadata()).format).toBe("png");
  });
});
