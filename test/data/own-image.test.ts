import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage, readImageSize, resizeImage } from "#mtard/data/own-image.js";
import { plain, pngClaiming, pngOf } from "./own-sources.js";

const whole = (bytes: Uint8Array) => decodeImage(bytes, null);

describe("decodeImage", () => {
  it("leaves the bytes of an RGB PNG as they are", async () => {
    const pixels = [1, 2, 3, 250, 251, 252, 100, 0, 7, 8, 9, 10];
    expect(await whole(await pngOf(pixels, { width: 2, height: 2, channels: 3 }))).toEqual({
      ...{ width: 2, height: 2, converted: [] },
      pixels: expect.anything() as Uint8Array,
    });
    expect([...(await whole(await pngOf(pixels, { width: 2, height: 2, channels: 3 }))).pixels]).toEqual(
      pixels,
    );
  });

  it("gives grey three equal channels", async () => {
    const grey = await sharp(Uint8Array.from([0, 90, 180, 255]), {
      raw: { width: 2, height: 2, channels: 1 },
    })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    const { pixels, converted } = await whole(grey);
    expect([...pixels]).toEqual([0, 0, 0, 90, 90, 90, 180, 180, 180, 255, 255, 255]);
    expect(converted).toEqual(["grey"]);
  });

  it("lays what is transparent on white, and does not count alpha that hides nothing", async () => {
    const half = await pngOf([200, 100, 0, 255, 200, 100, 0, 51], { width: 2, height: 1, channels: 4 });
    const { pixels, converted } = await whole(half);
    // 51 is a fifth of 255: 200 / 5 + 255 * 4 / 5, and so on.
    expect([...pixels]).toEqual([200, 100, 0, 244, 224, 204]);
    expect(converted).toEqual(["alpha"]);
    const opaque = await pngOf([1, 2, 3, 255], { width: 1, height: 1, channels: 4 });
    expect((await whole(opaque)).converted).toEqual([]);
    const greyAlpha = await pngOf([100, 0], { width: 1, height: 1, channels: 2 });
    expect([...(await whole(greyAlpha)).pixels]).toEqual([255, 255, 255]);
  });

  it("turns an image as its EXIF says", async () => {
    const [red, blue] = [
      [250, 0, 0],
      [0, 0, 250],
    ];
    const pixels = Uint8Array.from({ length: 16 * 8 }).reduce<number[]>(
      (all, _, at) => [...all, ...(at % 16 < 8 ? red : blue)],
      [],
    );
    const turned = await sharp(Uint8Array.from(pixels), { raw: { width: 16, height: 8, channels: 3 } })
      .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
      // 6: the first row of what is seen is the left column of what is stored.
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const image = await whole(turned);
    expect(image).toMatchObject({ width: 8, height: 16, converted: ["turned"] });
    expect(image.pixels[0]).toBeGreaterThan(200);
    expect(image.pixels[3 * 8 * 15 + 2]).toBeGreaterThan(200);
    expect(await readImageSize(turned)).toEqual({ width: 8, height: 16 });
  });

  it("brings 16 bits to 8", async () => {
    const deep = await plain([128, 64, 200]).toColourspace("rgb16").png().toBuffer();
    const { pixels, converted } = await whole(deep);
    expect([...pixels.subarray(0, 3)]).toEqual([128, 64, 200]);
    expect(converted).toEqual(["deep"]);
  });

  it("turns CMYK to sRGB", async () => {
    const cmyk = await plain([255, 255, 255]).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    const { pixels, converted } = await whole(cmyk);
    expect(Math.min(...pixels)).toBeGreaterThan(245);
    expect(converted).toEqual(["cmyk"]);
  });

  it.each(["gif", "webp"] as const)("takes the first frame of an animated %s", async (format) => {
    const frames = Uint8Array.from({ length: 2 * 8 * 8 * 3 }, (_, at) => (at < 8 * 8 * 3 ? 240 : 16));
    const animation = await sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
      .toFormat(format, { delay: [50, 50] })
      .toBuffer();
    const image = await whole(animation);
    expect(image).toMatchObject({ width: 8, height: 8, converted: ["animated"] });
    expect(Math.min(...image.pixels)).toBeGreaterThan(230);
  });

  it("brings the shorter side to the size and crops around the centre", async () => {
    // Three squares side by side; the middle one is what a square crop shows.
    const colours = [10, 120, 240];
    const pixels = Array.from(
      { length: 24 * 8 * 3 },
      (_, at) => colours[Math.floor((Math.floor(at / 3) % 24) / 8)] ?? 0,
    );
    const wide = await pngOf(pixels, { width: 24, height: 8, channels: 3 });
    const { pixels: cropped, converted } = await decodeImage(wide, { height: 4, width: 4 });
    expect(cropped).toHaveLength(48);
    for (const at of [3 * 5, 3 * 6, 3 * 9, 3 * 10])
      expect(Math.abs((cropped[at] ?? 0) - 120)).toBeLessThan(12);
    expect(converted).toEqual([]);
    expect((await decodeImage(wide, { height: 12, width: 8 })).converted).toEqual(["enlarged"]);
  });

  it("resizes an array as it resizes an image", async () => {
    const pixels = Array.from({ length: 12 * 10 * 3 }, (_, at) => (at * 37) % 256);
    const size = { height: 5, width: 4 };
    const { pixels: ofFile } = await decodeImage(
      await pngOf(pixels, { width: 12, height: 10, channels: 3 }),
      size,
    );
    const ofArray = await resizeImage(Uint8Array.from(pixels), { height: 10, width: 12 }, 3, size);
    expect([...ofArray]).toEqual([...ofFile]);
    const grey = await resizeImage(
      Uint8Array.from({ length: 16 }, () => 77),
      { height: 4, width: 4 },
      1,
      {
        height: 2,
        width: 2,
      },
    );
    expect([...grey]).toEqual([77, 77, 77, 77]);
  });
});

describe("decodeImage says why", () => {
  const noise = (): Sharp =>
    sharp(
      Uint8Array.from({ length: 64 * 64 * 3 }, (_, at) => (at * 7919) % 256),
      { raw: { width: 64, height: 64, channels: 3 } },
    );
  const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length / 2);

  it.each([
    ["it is empty", () => Buffer.alloc(0)],
    ["it is none of JPEG", () => Buffer.from("hello")],
    [
      "it is none of JPEG",
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
    ["it is a BMP", () => Buffer.from("BM..............")],
    ["it is a HEIC", () => Buffer.from("\0\0\0\x18ftypheic\0\0\0\0")],
    ["premature end", async () => half(await noise().jpeg().toBuffer())],
    ["read error", async () => half(await noise().png().toBuffer())],
    ["corrupt header", async () => (await plain([9, 9, 9]).webp().toBuffer()).subarray(0, 25)],
    ["pixel", () => pngClaiming(100_000, 100_000)],
  ] as const)("%s", async (reason, make) => {
    const bytes = await make();
    await expect(whole(bytes)).rejects.toThrow(reason);
  });
});
