import type { Metadata } from "sharp";
import { loadSharp } from "../runtime/sharp.js";

/** Rows and columns of an image. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** What an image may need to become 8-bit RGB, and how a person is told of it. */
export const conversions = {
  grey: "grey, given three equal channels",
  alpha: "with transparent parts, laid on white",
  cmyk: "CMYK, turned to sRGB",
  deep: "of 16 bits, brought to 8",
  turned: "turned as their EXIF says",
  animated: "animated, the first frame taken",
  enlarged: "smaller than the size asked for, enlarged",
} as const;

export type Conversion = keyof typeof conversions;

/** An image as it is stored: uint8 RGB, row-major. */
export interface OwnImage extends ImageSize {
  readonly pixels: Uint8Array;
  readonly converted: readonly Conversion[];
}

/** The formats that are read, in words. libvips would read others, some of which can point at other files. */
export const FORMATS = "JPEG, PNG, WebP, GIF, TIFF or AVIF";

/** Above any camera's image; what claims more is made to fill the memory. */
const MOST_PIXELS = 2 ** 27;

const WHITE = 255;

/**
 * Decodes an image of any common kind to 8-bit RGB: EXIF's turn is made, colour profiles are followed, transparent parts lie on white.
 *
 * @param size Its shorter side is brought to this (Lanczos), then it is cropped around its centre; null leaves the size as it is.
 * @throws An error whose message says why it cannot be read, for a person who knows which file it was.
 */
export async function decodeImage(bytes: Uint8Array, size: ImageSize | null): Promise<OwnImage> {
  const image = open(bytes);
  const metadata = await image.metadata();
  const original = orientedSize(metadata);
  if (size) image.resize({ ...size, fit: "cover", position: "centre" });
  const { data, info } = await image
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { height, width } = info;
  const { pixels, transparent } = onWhite(data, info.channels, height * width);
  const { space, depth, orientation = 1, pages = 1, format } = metadata;
  const found: Record<Conversion, boolean> = {
    grey: space === "b-w" || space === "grey16",
    alpha: transparent,
    cmyk: space === "cmyk",
    deep: depth !== "uchar",
    turned: orientation > 1,
    animated: pages > 1 && format !== "tiff",
    enlarged: height > original.height || width > original.width,
  };
  const converted = (Object.keys(conversions) as Conversion[]).filter((name) => found[name]);
  return { height, width, pixels, converted };
}

/**
 * The size of an image once it is turned as its EXIF says, from its header alone.
 *
 * @throws An error whose message says why it cannot be read.
 */
export async function readImageSize(bytes: Uint8Array): Promise<ImageSize> {
  return orientedSize(await open(bytes).metadata());
}

/** Resizes and crops an array's image as `decodeImage` does; one channel stays one. */
export async function resizeImage(
  pixels: Uint8Array,
  from: ImageSize,
  channels: 1 | 3,
  size: ImageSize,
): Promise<Uint8Array> {
  const { height, width } = from;
  return loadSharp()(pixels, { raw: { height, width, channels } })
    .resize({ ...size, fit: "cover", position: "centre" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw()
    .toBuffer();
}

function open(bytes: Uint8Array): ReturnType<ReturnType<typeof loadSharp>> {
  if (bytes.length === 0) throw new Error("it is empty");
  const problem = problemOf(bytes);
  if (problem !== null) throw new Error(problem);
  return loadSharp()(bytes, { limitInputPixels: MOST_PIXELS, autoOrient: true });
}

function orientedSize({ autoOrient, format }: Metadata): ImageSize {
  const { height, width } = autoOrient;
  if (height * width > MOST_PIXELS)
    throw new Error(`it claims ${height}x${width} pixels, and at most ${MOST_PIXELS} are read`);
  if (!["jpeg", "png", "webp", "gif", "tiff", "heif"].includes(format)) throw new Error(`it is ${format}`);
  return { height, width };
}

/** How JPEG, PNG, GIF and TIFF files begin. */
const SIGNATURES = ["\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF87a", "GIF89a", "II*\0", "MM\0*"];

/** What a file is by its first bytes, as a sentence; null if it begins as one of the formats that are read. */
function problemOf(bytes: Uint8Array): string | null {
  const head = Buffer.from(bytes.subarray(0, 16)).toString("latin1");
  const isRiff = head.startsWith("RIFF") && head.startsWith("WEBP", 8);
  const isAvif = head.startsWith("ftypavi", 4);
  if (SIGNATURES.some((signature) => head.startsWith(signature)) || isRiff || isAvif) return null;
  if (head.startsWith("BM")) return `it is a BMP, not ${FORMATS}`;
  if (/^ftyp(hei|hev|mif)/.test(head.slice(4))) return `it is a HEIC, not ${FORMATS}`;
  return `it is none of ${FORMATS}`;
}

/** Takes the alpha channel off, if there is one. */
function onWhite(
  data: Uint8Array,
  channels: number,
  count: number,
): { pixels: Uint8Array; transparent: boolean } {
  if (channels === 3) return { pixels: data, transparent: false };
  if (channels !== 4) throw new Error(`it has ${channels} channels`);
  const pixels = new Uint8Array(3 * count);
  let transparent = false;
  for (let pixel = 0; pixel < count; pixel++) {
    const alpha = (data[4 * pixel + 3] as number) / 255;
    if (alpha < 1) transparent = true;
    for (let channel = 0; channel < 3; channel++) {
      const value = data[4 * pixel + channel] as number;
      pixels[3 * pixel + channel] = Math.round(alpha * value + (1 - alpha) * WHITE);
    }
  }
  return { pixels, transparent };
}
