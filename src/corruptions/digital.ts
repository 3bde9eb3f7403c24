import { loadSharp } from "../runtime/sharp.js";
import { CHANNELS, levelOf, type Levels, type Picture, type Severity } from "./picture.js";

const QUALITY: Levels<number> = { 32: [80, 65, 58, 50, 40], 64: [65, 58, 50, 40, 25] };
const SHARE: Levels<number> = { 32: [0.95, 0.9, 0.85, 0.75, 0.65], 64: [0.9, 0.8, 0.7, 0.6, 0.5] };

/** Writes the image as a JPEG, and reads it again. */
export async function jpegCompression({ side, bytes }: Picture, severity: Severity): Promise<Uint8Array> {
  const sharp = loadSharp();
  const raw = { width: side, height: side, channels: CHANNELS } as const;
  const jpeg = await sharp(bytes, { raw })
    .jpeg({ quality: levelOf(QUALITY, side, severity) })
    .toBuffer();
  return new Uint8Array(await sharp(jpeg).raw().toBuffer());
}

/** Makes the image smaller, and large again, each new pixel the mean of those that it lies over. */
export function pixelate({ side, bytes }: Picture, severity: Severity): Uint8Array {
  const small = Math.trunc(side * levelOf(SHARE, side, severity));
  return resized(resized(bytes, side, small), small, side);
}

/** Pillow's box filter counts in whole numbers of this fraction. */
const ONE = 2 ** 22;

function resized(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const boxes = Array.from({ length: to }, (_, at) => box(at, from, to));
  const along = (
    source: Uint8Array,
    lines: number,
    place: (line: number, at: number, size: number) => number,
  ) => {
    const result = new Uint8Array(lines * to * CHANNELS);
    for (let line = 0; line < lines; line++)
      for (const [at, { first, weight, count }] of boxes.entries())
        for (let channel = 0; channel < CHANNELS; channel++) {
          let sum = ONE / 2;
          for (let each = first; each < first + count; each++)
            sum += weight * (source[place(line, each, from) * CHANNELS + channel] as number);
          result[place(line, at, to) * CHANNELS + channel] = Math.floor(sum / ONE);
        }
    return result;
  };
  const wide = along(bytes, from, (line, at, size) => line * size + at);
  return along(wide, to, (line, at) => at * to + line);
}

/** The old pixels whose centres a new one covers, and the weight of each. */
function box(at: number, from: number, to: number): { first: number; count: number; weight: number } {
  const scale = from / to;
  const support = 0.5 * Math.max(1, scale);
  const centre = (at + 0.5) * scale;
  const start = Math.max(0, Math.trunc(centre - support + 0.5));
  const end = Math.min(from, Math.trunc(centre + support + 0.5));
  const covered = Array.from({ length: end - start }, (_, each) => start + each).filter((each) => {
    const distance = (each - centre + 0.5) / Math.max(1, scale);
    return distance > -0.5 && distance <= 0.5;
  });
  return { first: covered[0] ?? start, count: covered.length, weight: Math.round(ONE / covered.length) };
}
